// A mail message to the bodies in it that may be reports, and its header; by GMime.
// Next: report_reader.h, which reads the bodies; mail_voucher.h, which reads the header.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/mail_bounds.h"
#include "probes/core/mail_fields.h"

namespace mtasts {

struct MailLimits {
  std::size_t max_depth{10};    // of parts within parts; a message within a message counts too
  std::size_t max_parts{1000};  // of all kinds
  MailBounds bounds{};          // a message beyond them is not taken apart at all
};

/// One part that says that it is a report, or may be one by its type or file name.
struct MailBody {
  std::string content{};  // without its transfer encoding; may be gzip
  bool declared{};        // its type is application/tlsrpt+json or application/tlsrpt+gzip
  bool forwarded{};       // it is in a message within the message, whose header nobody vouches for
};

struct ReportMail {
  std::vector<HeaderField> header{};  // of the outermost message, topmost first
  std::vector<MailBody> bodies{};
  bool beyond_limits{};  // some parts were not looked at
};

/// Takes a message apart: multipart/report, a report alone, base64, quoted-printable, and messages within it.
/// Input: a message as it is in a maildir, at most a few ten megabytes. Memory: about four times the input, and some
/// ten megabytes. Errors: none; anything is a message of some kind, perhaps one without bodies. Source: RFC 8460
/// section 5.3, RFC 2045.
ReportMail parse_report_mail(std::string_view message, const MailLimits& limits = {});

}  // namespace mtasts
