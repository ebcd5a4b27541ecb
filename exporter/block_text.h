// Lines of a scrape that are written and deflated once for many domains, and sent until one of these has other ones.
// Next: slot_table.h, whose blocks these are; exposition.h, which sends them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/gzip_stream.h"
#include "exporter/series.h"

namespace mtasts {

/// The memo of a block of a SlotTable: what families say of its entries. A probe mostly finds everything as before, so
/// most families of most blocks stay as they are from one scrape to the next. Every function may be called from any
/// thread.
class BlockText {
 public:
  BlockText() = default;
  ~BlockText() = default;
  BlockText(const BlockText& other) : kept_{other.copy()} {}
  BlockText& operator=(const BlockText&) = delete;

  /// The lines of a family about the entries of this block, in their order; nullptr when they are not kept.
  std::shared_ptr<const Deflated> find(Metric family) const;

  /// Writes and keeps those of the families that are not kept, all at once, while the entries are in the CPU's caches.
  /// Returns the octets of text that it wrote. Input: families whose lines do not change with time alone; the entries
  /// of this block. Errors: std::bad_alloc.
  template <class Entries>
  std::size_t write(std::span<const Metric> families, const Entries& entries) const {
    std::size_t octets = 0;
    std::string text;
    for (const Metric family : families) {
      if (find(family)) continue;
      text.clear();
      for (const auto& entry : entries) append_family(text, family, *entry, {});
      keep(family, text);
      octets += text.size();
    }
    return octets;
  }

  /// An entry was replaced by another one of the same name: forgets the families in which the two differ.
  /// Errors: std::bad_alloc; then nothing is forgotten.
  template <class Entry>
  void replaced(const Entry& before, const Entry& after) {
    std::string was;
    std::string is;
    std::vector<Kept> same;
    const std::scoped_lock lock{mutex_};
    same.reserve(kept_.size());
    for (const Kept& kept : kept_) {
      was.clear();
      is.clear();
      append_family(was, kept.family, before, {});
      append_family(is, kept.family, after, {});
      if (was == is) same.push_back(kept);
    }
    kept_ = std::move(same);
  }

  /// There are other entries now.
  void clear();

 private:
  struct Kept {
    Metric family{};
    std::shared_ptr<const Deflated> part{};
  };

  std::vector<Kept> copy() const;
  void keep(Metric family, std::string_view text) const;

  mutable std::mutex mutex_{};
  mutable std::vector<Kept> kept_{};
};

}  // namespace mtasts
