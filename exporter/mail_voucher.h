// Who vouches for a mail message: what the receiving server's Authentication-Results say, and whether to believe them.
// Next: probes/core/mail_fields.h for the grammars, report_mail.h, which hands over the header.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "exporter/report_reader.h"
#include "probes/core/mail_fields.h"

namespace mtasts {

/// A DKIM pass counts when all of this holds; else `doubt` names what does not.
/// - It stands in an Authentication-Results field that carries exactly `authserv_id`, octet for octet, above the first
///   Received field that the host of that name did not write. A server removes fields that claim its name from what
///   comes in (RFC 8601 section 5); against those that do not, only the topmost of its fields that tells of DKIM
///   counts.
/// - There is one From field with one address, and `header.d` equals its domain, or one is a subdomain of the other.
///   (Two names below one organisational domain are not aligned: that would take the public suffix list.)
/// - A DKIM-Signature field of that domain is there, with the selector and the beginning of the signature if they are
///   told, and none that fits has `l=` (RFC 8460 section 3).
/// Input: the fields of the outermost header, topmost first; an empty `authserv_id` believes nobody. Errors: none.
/// Source: RFC 8601 sections 2.2, 4.1 and 5, RFC 8460 sections 3 and 5.3.
Voucher classify_voucher(std::span<const HeaderField> header, std::string_view authserv_id);

}  // namespace mtasts
