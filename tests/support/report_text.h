// Reports as senders write them: JSON, and a mail around it.
// Next: report_maker.h for reports that were read already.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace mtasts::test {

/// A report of one session for example.org.
inline std::string report_text(const std::string& id) {
  return R"({"organization-name":"Sender","report-id":")" + id +
         R"(","date-range":{"start-datetime":"2026-01-01T00:00:00Z","end-datetime":"2026-01-01T23:59:59Z"},)"
         R"("policies":[{"policy":{"policy-type":"sts","policy-domain":"example.org"},"summary":)"
         R"({"total-successful-session-count":1,"total-failure-session-count":0}}]})";
}

/// A message with that report, for which the server mx.example.org says that DKIM vouches.
inline std::string report_message(const std::string& id) {
  return "Authentication-Results: mx.example.org; dkim=pass header.d=sender.example header.b=abc\r\n"
         "DKIM-Signature: v=1; a=rsa-sha256; d=sender.example; s=s; h=from; bh=x; b=abc\r\n"
         "From: reports@sender.example\r\nSubject: Report Domain: example.org\r\n"
         "Content-Type: application/tlsrpt+json\r\n\r\n" +
         report_text(id) + "\r\n";
}

}  // namespace mtasts::test
