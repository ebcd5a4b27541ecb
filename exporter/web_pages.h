// Pages for people: the fleet, and one domain. Server-rendered, no script, everything from outside escaped.
// Next: routes.h, which serves them with kPageSecurity.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "exporter/snapshot.h"

namespace mtasts {

/// Content-Security-Policy of every page: nothing is loaded, run, framed or sent; the style sheet is in the page.
constexpr std::string_view kPageSecurity =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

struct PageContext {
  UnixTime now{};
  std::string version{};
  std::string prefix{};  // path of the external URL without a final slash, in front of every link
};

/// The fleet: state, mode, coverage, failures and certificate days of every domain, failing ones first.
std::string render_landing_page(const Snapshot& snapshot, const PageContext& context);

/// Everything known of one domain and its MX hosts.
std::string render_domain_page(const Snapshot& snapshot, const DomainEntry& entry, const PageContext& context);

/// Text for HTML content and quoted attributes: & < > " ' escaped, control characters replaced.
std::string escape_html(std::string_view text);

}  // namespace mtasts
