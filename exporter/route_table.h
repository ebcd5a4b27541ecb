// Which handler answers which path; paths come and go while the server runs.
// Next: http_server.cpp, which looks requests up here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/http_server.h"

namespace mtasts {

struct Route {
  std::vector<std::string> methods{};
  std::string path{};  // an asterisk at its end stands for any rest
  Handler handler{};
  RouteOptions options{};

  bool is_prefix() const { return path.ends_with('*'); }
  bool matches(std::string_view wanted) const;
  /// HEAD comes with GET.
  bool allows(std::string_view method) const;
  /// The value of an Allow header.
  std::string allow_header() const;
};

/// Safe from any thread. Who has found a route may keep it, whatever becomes of the table.
class RouteTable {
 public:
  /// Takes the place of a route with the same path.
  void put(Route route);
  void remove(std::string_view path);
  /// The exact match, else the longest that ends in an asterisk, else nullptr.
  std::shared_ptr<const Route> find(std::string_view wanted) const;

 private:
  mutable std::mutex mutex_{};
  std::vector<std::shared_ptr<const Route>> routes_{};
};

}  // namespace mtasts
