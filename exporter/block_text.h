// Lines of a scrape that are written and deflated once for many domains, and sent until one of them says something
// else. Next: slot_table.h, whose blocks these are; exposition.h, which sends them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
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
  /// Input: families whose lines do not change with time alone; the entries of this block. Errors: std::bad_alloc.
  template <class Entries>
  void write(std::span<const Metric> families, const Entries& entries) const {
    std::string text;
    for (const Metric family : families) {
      if (find(family)) continue;
      text.clear();
      for (const auto& entry : entries) append_family(text, family, *entry, {});
      keep(family, text);
    }
  }

  /// An entry was replaced by another one of the same name: forgets the families in which the two differ.
  template <class Entry>
  void replaced(const Entry& before, const Entry& after) {
    std::string was;
    std::string is;
    const std::scoped_lock lock{mutex_};
    std::erase_if(kept_, [&](const Kept& kept) {
      was.clear();
      is.clear();
      append_family(was, kept.family, before, {});
      append_family(is, kept.family, after, {});
      return was != is;
    });
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
