// SPDX-License-Identifier: Apache-2.0
// What may be wrong or odd in a TLS report or around it.
#include <array>

#include "probes/core/catalogue_tables.h"

namespace mtasts {
namespace {

using enum CodeKind;
using enum Severity;

constexpr auto kReports = std::to_array<CatalogueEntry>({
    // Why a TLS report is refused. None of it is the reported domain's fault.
    {report_error, "report-too-large", info, "The report, or the message it is in, is larger than is read.",
     "If the report is genuine, raise the limit or ask its sender to split it.", "RFC 8460 section 5"},
    {report_error, "report-not-utf8", info, "The report is not UTF-8 text.",
     "Ask the sender's postmaster to send JSON in UTF-8.", "RFC 8259 section 8.1"},
    {report_error, "report-not-json", info, "The report is not JSON, or it is cut off.",
     "Fetch the message again; if it is whole, ask the sender's postmaster.", "RFC 8460 section 4.4"},
    {report_error, "report-not-object", info, "The report is JSON, but not an object.",
     "Check that the right file was given; one file holds one report.", "RFC 8460 section 4.4"},
    {report_error, "report-duplicate-member", info, "An object of the report has the same member twice.",
     "Ask the sender's postmaster: programs differ in which of the two they take.", "RFC 8259 section 4"},
    {report_error, "report-too-deep", info, "The report is nested deeper than any report has reason to be.",
     "Nothing: whoever sent this wanted to break the reader.", "RFC 8259 section 9"},
    {report_error, "report-too-many", info, "The report has more policies, failures or members than are read.",
     "If the report is genuine, ask its sender to split it.", "RFC 8259 section 9"},
    {report_error, "report-text-too-long", info, "A text in the report is longer than is read.",
     "Ask the sender's postmaster to shorten it.", "RFC 8259 section 9"},
    {report_error, "report-organization-missing", info, "The report does not say which organization it is from.",
     "Ask the sender's postmaster to write organization-name.", "RFC 8460 section 4.4"},
    {report_error, "report-id-missing", info, "The report has no identifier, so a repetition would be counted twice.",
     "Ask the sender's postmaster to write report-id.", "RFC 8460 section 4.4"},
    {report_error, "report-date-range-missing", info, "The report does not say which time it is about.",
     "Ask the sender's postmaster to write date-range with start-datetime and end-datetime.", "RFC 8460 section 4.4"},
    {report_error, "report-date", info, "A date of the report cannot be read.",
     "Ask the sender's postmaster to write dates as 2026-01-31T00:00:00Z.", "RFC 3339 section 5.6"},
    {report_error, "report-policies-missing", info, "The report has no list of policies.",
     "Ask the sender's postmaster to write the array policies.", "RFC 8460 section 4.4"},
    {report_error, "report-policy-not-object", info, "An element of policies is not an object.",
     "Ask the sender's postmaster to write an object for each policy.", "RFC 8460 section 4.4"},
    {report_error, "report-summary-missing", info, "A policy of the report has no summary.",
     "Ask the sender's postmaster to write the counts of sessions for each policy.", "RFC 8460 section 4.4"},
    {report_error, "report-count", info, "A count of sessions is missing, or is not an integer from 0 to 2^63-1.",
     "Ask the sender's postmaster to write counts as JSON integers, such as 0.", "RFC 8460 section 4.4"},

    // What is odd in a report that counts all the same.
    {report_error, "report-no-policy", info, "The list of policies is empty, so the report says nothing.",
     "Nothing; tell the sender's postmaster.", "RFC 8460 section 4.4"},
    {report_error, "report-member-missing", info, "A member that reports have is not there.",
     "Nothing; what it would have said is not shown.", "RFC 8460 section 4.4"},
    {report_error, "report-member-null", info, "A member is null, which is read as if it were missing.",
     "Nothing; what it would have said is not shown.", "RFC 8460 section 4.4"},
    {report_error, "report-member-type", info, "A member is of another type than it should be.",
     "Nothing; it is read as if it were missing.", "RFC 8460 section 4.4"},
    {report_error, "report-member-empty", info, "A member that should say something is an empty text.",
     "Nothing; tell the sender's postmaster.", "RFC 8460 section 4.4"},
    {report_error, "report-date-form", info, "A date is not written as RFC 3339 wants it; without a zone it is UTC.",
     "Nothing; check the day when the report surprises you.", "RFC 3339 section 5.6"},
    {report_error, "report-date-order", info, "The time that the report is about ends before it begins.",
     "Nothing; check the day when the report surprises you.", "RFC 8460 section 4.4"},
    {report_error, "report-policy-type", info, "A policy is of a type that RFC 8460 does not know.",
     "Nothing; the type is kept as written.", "RFC 8460 section 4.4"},
    {report_error, "report-policy-domain", info, "The domain of a policy is not a domain name.",
     "Nothing; such a policy belongs to no domain of yours.", "RFC 8460 section 4.4"},
    {report_error, "report-result-type", info, "A failure is of a type that is not registered.",
     "Nothing; the type is kept as written and counted as other.", "RFC 8460 section 6.6"},
    {report_error, "report-count-form", info, "A count of failed sessions is not written as an integer.",
     "Nothing; it is taken where its meaning is clear, else as 0.", "RFC 8460 section 4.4"},
    {report_error, "report-sum", info, "The failures described do not add up to the failed sessions of the summary.",
     "Nothing; the summary counts, and the failures are shown as written.", "RFC 8460 section 4"},

    // Why nothing could be taken from a file or message.
    {report_error, "report-unreadable", info, "The file cannot be read.", "Correct the path or its permissions.", ""},
    {report_error, "report-gzip", info, "The gzip data is damaged or cut off.",
     "Fetch the file or message again; if it is whole, ask the sender's postmaster.", "RFC 1952"},
    {report_error, "report-gzip-trailing", info, "Something follows the gzip data; it was not read.",
     "Nothing; tell the sender's postmaster.", "RFC 1952 section 2.2"},
    {report_error, "report-not-found", info, "There is no report in the file or message.",
     "Check that it is a TLS report: JSON, gzip, or a mail message that carries either.", "RFC 8460 section 5.3"},
    {report_error, "report-mail-limits", info,
     "The message has more parts or header fields, or nests parts deeper, than is read.",
     "If the message is genuine, take the report out of it and read that.", "RFC 2046 section 5.1"},
});

}  // namespace

std::span<const CatalogueEntry> report_codes() { return kReports; }

}  // namespace mtasts
