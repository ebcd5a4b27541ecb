// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "exporter/gunzip.h"
#include "exporter/report_reader.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/script_reader.h"
#include "tests/support/mail_forms.h"
#include "tests/support/report_text.h"

using namespace mtasts;
using mtasts::fuzz::expect;

namespace {

constexpr std::size_t kMostParts = 4;
constexpr const char* kSubmitter = "sender.example";
constexpr const char* kHeader =
    "Authentication-Results: mx.example.org; dkim=pass header.d=sender.example header.b=abc\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; d=sender.example; s=s; h=from; bh=x; b=abc\r\n"
    "From: reports@sender.example\r\n";

struct Part {
  std::string content{};
  bool forwarded{};
};

/// Every octet but letters and digits as =HH (RFC 2045 section 6.7).
std::string all_quoted(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto octet = static_cast<unsigned char>(text[at]);
    if (is_alnum(text[at])) {
      out += text[at];
    } else {
      out += {'=', kDigits[octet >> 4U], kDigits[octet & 15U]};
    }
    if (at % 20 == 19) out += "=\r\n";
  }
  return out;
}

std::string encoded(const std::string& content, bool quoted) {
  return quoted ? "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + all_quoted(content)
                : "Content-Transfer-Encoding: base64\r\n\r\n" + test::base64(content);
}

/// What a report may be: any text, or a whole report with any text in it; as it is or packed, once or twice.
std::string read_content(fuzz::ScriptReader& script) {
  const std::size_t kind = script.number(8);
  std::string content = script.long_text();
  if ((kind & 1) != 0) content = test::report_text(content);
  if ((kind & 2) != 0) content = gzip(content);
  return (kind & 4) != 0 ? content + gzip(script.text()) : content;
}

std::string read_part(fuzz::ScriptReader& script, Part& part) {
  constexpr std::array kTypes{"application/tlsrpt+json", "application/tlsrpt+gzip", "APPLICATION/TLSRPT+GZIP; x=y"};
  const std::size_t form = script.number(8);
  part.forwarded = (form & 1) != 0;
  part.content = read_content(script);
  const std::string body = "Content-Type: " + std::string(kTypes[script.number(kTypes.size())]) + "\r\n" +
                           encoded(part.content, (form & 2) != 0) + "\r\n";
  return part.forwarded ? "Content-Type: message/rfc822\r\n\r\nSubject: forwarded\r\n" + body : body;
}

std::string read_message(fuzz::ScriptReader& script, std::vector<Part>& parts) {
  std::string message = std::string(kHeader) + "Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n";
  const std::size_t count = 1 + script.number(kMostParts);
  for (std::size_t i = 0; i < count; ++i) {
    Part part;
    message += "--=_b\r\n" + read_part(script, part);
    parts.push_back(std::move(part));
  }
  return message + "--=_b--\r\n";
}

/// The same without a mail around it.
ReadReport read_alone(const std::string& content) {
  ReadReports alone = read_reports(looks_like_gzip(content) ? content : gzip(content), {});
  expect(alone.reports.size() == 1 && alone.errors.empty());
  return std::move(alone.reports.front());
}

void expect_part(const Part& part, const ReadReport& read) {
  const ReadReport alone = read_alone(part.content);
  expect(read.sha256 == alone.sha256 && read.octets == alone.octets);
  expect(read.result.report == alone.result.report);
  expect(read.result.errors == alone.result.errors && read.result.warnings == alone.result.warnings);
  expect(read.voucher.domain == (part.forwarded ? "" : kSubmitter));
}

}  // namespace

/// The input is a script that makes a mail: reports that are packed, encoded and put into parts come out as they went
/// in.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::ScriptReader script(data, size);
  std::vector<Part> parts;
  const std::string message = read_message(script, parts);
  const ReadReports read = read_reports(message, {.authserv_id = "mx.example.org"});
  expect(read.errors.empty() && read.reports.size() == parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) expect_part(parts[i], read.reports[i]);
  return 0;
}
