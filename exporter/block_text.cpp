// SPDX-License-Identifier: Apache-2.0
#include "exporter/block_text.h"

#include <algorithm>
#include <utility>

namespace mtasts {
namespace {

/// Where a family has no lines, as many have none, every block has the same nothing.
std::shared_ptr<const Deflated> part_of(std::string_view text) {
  static const auto nothing = std::make_shared<const Deflated>();
  return text.empty() ? nothing : std::make_shared<const Deflated>(deflated(text));
}

}  // namespace

void BlockText::clear() {
  const std::scoped_lock lock{mutex_};
  kept_.clear();
}

std::vector<BlockText::Kept> BlockText::copy() const {
  const std::scoped_lock lock{mutex_};
  return kept_;
}

std::shared_ptr<const Deflated> BlockText::find(Metric family) const {
  const std::scoped_lock lock{mutex_};
  const auto found = std::ranges::find(kept_, family, &Kept::family);
  return found == kept_.end() ? nullptr : found->part;
}

void BlockText::keep(Metric family, std::string_view text) const {
  auto part = part_of(text);
  const std::scoped_lock lock{mutex_};
  const auto found = std::ranges::find(kept_, family, &Kept::family);
  if (found == kept_.end()) kept_.push_back({family, std::move(part)});  // else another scrape was faster
}

}  // namespace mtasts
