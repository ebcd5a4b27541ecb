// The free labels of a domain. Next: config.h, where they are set; series.h, which shows them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/container/flat_map.hpp>
#include <functional>
#include <string>

namespace mtasts {

/// By name. Most domains have none or few: a sorted vector takes little room.
using Labels = boost::container::flat_map<std::string, std::string, std::less<>>;

}  // namespace mtasts
