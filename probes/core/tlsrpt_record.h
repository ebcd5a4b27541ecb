// The `_smtp._tls` TXT set: which record counts and where reports go.
// Next: sts_record.h, its sibling, which defines RecordStatus.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "probes/core/sts_record.h"

namespace mtasts {

/// What a TXT set at `_smtp._tls.DOMAIN` says. `rua` lists every URI as written, in order.
struct TlsrptRecordSet {
  RecordStatus status{RecordStatus::none};
  std::vector<std::string> rua{};
  std::vector<ParseError> errors{};
  std::vector<ParseError> warnings{};
};

/// Reads the TXT set. Input: one element per record, its strings already joined without a space. Errors: in the
/// result. Source: RFC 8460 section 3.
TlsrptRecordSet parse_tlsrpt_records(std::span<const std::string> records);

}  // namespace mtasts
