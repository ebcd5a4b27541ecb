// DANE of an MX host in words, and the TLSA record to publish for what it shows: for `check` and the domain page.
// Next: check_report.h and mx_section.cpp, which print them; probes/core/classify_dane.h for the judging.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/check_status.h"

namespace mtasts {

/// "insecure-address" and so on, for JSON.
std::string_view to_string(DaneState state);

/// What DANE makes of the host, "" where nobody is helped by knowing: its addresses are not signed, or nobody can tell.
/// Texts from outside are escaped.
std::string dane_text(const CheckResult& result, const MxMembership& mx);

/// The record 3 1 1 for each key that the host shows, as in a zone file; empty where the published ones will do, where
/// DANE does not apply, and where no key was seen.
std::vector<std::string> tlsa_lines(const CheckResult& result, const MxMembership& mx, std::uint16_t smtp_port);

}  // namespace mtasts
