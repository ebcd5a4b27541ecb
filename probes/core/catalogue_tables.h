// The parts of the catalogue, a file each. Columns: kind, code, severity, meaning, remedy, source; then, where there is
// something to say, cause, look and runbook. Next: catalogue.cpp, which puts the parts together.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "probes/core/catalogue.h"

namespace mtasts {

/// Result types, by the registry of RFC 8460 section 6.6, and reasons.
std::span<const CatalogueEntry> fault_codes();

/// Rules of the policy file and of the TXT records.
std::span<const CatalogueEntry> text_codes();

/// What is wrong or odd in TLS reports.
std::span<const CatalogueEntry> report_codes();

/// Findings.
std::span<const CatalogueEntry> finding_codes();

}  // namespace mtasts
