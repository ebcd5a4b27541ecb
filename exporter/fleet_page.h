// The page with all domains: searched, filtered, sorted and paged by the parameters of its address.
// Next: domain_page.h, where each row leads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "exporter/http_text.h"
#include "exporter/page_parts.h"
#include "exporter/snapshot.h"

namespace mtasts {

enum class FleetSort { urgency, name, state, mode, certificate, failures, probed };

/// What the page shows. Empty words show everything.
struct FleetQuery {
  std::string search{};  // part of the name, or of the value of a label
  std::string state{};   // of mtasts_domain_state, or "refused": mail is refused there
  std::string mode{};    // of the policy in force; "absent": none is
  FleetSort sort{FleetSort::urgency};
  bool descending{};
  std::size_t page{1};

  bool operator==(const FleetQuery&) const = default;
};

/// Reads the parameters `q`, `state`, `mode`, `sort`, `order` and `page`, percent-decoded; what it does not know counts
/// as if it were not there. Errors: none.
FleetQuery parse_fleet_query(const QueryParameters& parameters);

/// The address of the page without its path: "?q=mail&page=2", "" for what is shown by default.
std::string render_fleet_query(const FleetQuery& query);

/// The domains that the query asks for, in its order, all pages of them. By urgency: where mail is refused, failing,
/// unknown, pending, ok. Equals stand in the order of their names.
std::vector<const DomainEntry*> select_domains(const Snapshot& snapshot, const FleetQuery& query);

/// The page: numbers of domains by state, the form, one page of the table.
std::string render_fleet_page(const Snapshot& snapshot, const FleetQuery& query, const PageContext& context);

/// The state of a domain, which is pending until it has a verdict.
DomainState state_of(const DomainEntry& entry);

}  // namespace mtasts
