// The parts of a domain's page, each a function from what is known to the values of its part of the template.
// Next: domain_page.cpp, which puts them together; exporter/pages/domain.mustache.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exporter/domain_page.h"

namespace mtasts {

/// The verdict as a person would say it.
struct VerdictWords {
  std::string css_class{};  // ok, warning, failing, unknown, pending
  std::string sentence{};   // is mail harmed?
  std::string why{};        // the fault or finding that matters most, "" when there is none
};
VerdictWords verdict_words(const CheckResult& result, bool judged);

/// Record, policy, certificate of the policy host and TLS reports; what senders may still hold.
void set_fundamentals(View& page, const DomainPageInput& input, UnixTime now);

/// Each MX host with its addresses, or with its address families where no addresses are known.
void set_mx_hosts(View& page, const DomainPageInput& input, UnixTime now);

/// Faults, then findings, with what to do and the command that shows them.
void set_todo(View& page, const DomainPageInput& input, const PageContext& context);

/// The phase, what speaks against the next step, and what to publish for it or for the way back.
void set_rollout(View& page, const DomainPageInput& input, const PageContext& context);

/// Policy text with its lines marked, certificate chains, SMTP transcripts.
void set_evidence(View& page, const DomainPageInput& input, const PageContext& context);

/// Policies, changes and faults over time, and what reports say beside what probes saw.
void set_history(View& page, const DomainPageInput& input, const PageContext& context);

}  // namespace mtasts
