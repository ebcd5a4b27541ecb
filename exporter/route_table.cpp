// SPDX-License-Identifier: Apache-2.0
#include "exporter/route_table.h"

#include <algorithm>
#include <utility>

namespace mtasts {

bool Route::matches(std::string_view wanted) const {
  if (!is_prefix()) return wanted == path;
  return wanted.starts_with(std::string_view{path}.substr(0, path.size() - 1));
}

bool Route::allows(std::string_view method) const {
  const std::string_view asked = method == "HEAD" ? "GET" : method;
  return std::ranges::find(methods, asked) != methods.end();
}

std::string Route::allow_header() const {
  std::string out;
  for (const std::string& method : methods) out += (out.empty() ? "" : ", ") + method;
  return out + (allows("HEAD") ? ", HEAD" : "");
}

void RouteTable::put(Route route) {
  auto added = std::make_shared<const Route>(std::move(route));
  const std::scoped_lock lock{mutex_};
  const auto same = std::ranges::find_if(routes_, [&](const auto& known) { return known->path == added->path; });
  if (same != routes_.end()) {
    *same = std::move(added);
  } else {
    routes_.push_back(std::move(added));
  }
}

void RouteTable::remove(std::string_view path) {
  const std::scoped_lock lock{mutex_};
  std::erase_if(routes_, [&](const auto& known) { return known->path == path; });
}

std::shared_ptr<const Route> RouteTable::find(std::string_view wanted) const {
  const std::scoped_lock lock{mutex_};
  std::shared_ptr<const Route> best;
  for (const auto& route : routes_) {
    if (!route->matches(wanted)) continue;
    if (!route->is_prefix()) return route;
    if (!best || route->path.size() > best->path.size()) best = route;
  }
  return best;
}

}  // namespace mtasts
