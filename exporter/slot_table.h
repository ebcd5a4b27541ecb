// A sorted table of entries that never change, made to be copied while it is written to.
// Next: snapshot.h, whose snapshots are such copies.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mtasts {

/// Entries in blocks that all copies share until one of them changes: a copy of the table takes a pointer for some
/// hundred entries, and a change takes the pointers of one block. Input: `Name` is the member by which entries are
/// sorted and found.
template <class Entry, std::string Entry::*Name>
class SlotTable {
 public:
  using Pointer = std::shared_ptr<const Entry>;

 private:
  using Block = std::vector<Pointer>;  // sorted, not empty
  using Blocks = std::vector<std::shared_ptr<const Block>>;

 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Pointer;
    using difference_type = std::ptrdiff_t;
    using pointer = const Pointer*;
    using reference = const Pointer&;

    Iterator() = default;
    explicit Iterator(typename Blocks::const_iterator block) : block_(block) {}
    reference operator*() const { return (**block_)[place_]; }
    pointer operator->() const { return &**this; }
    Iterator& operator++() {
      if (++place_ < (*block_)->size()) return *this;
      ++block_;
      place_ = 0;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator&) const = default;

   private:
    typename Blocks::const_iterator block_{};
    std::size_t place_{};
  };

  SlotTable() = default;
  /// Input: sorted by name, each name once.
  explicit SlotTable(const std::vector<Pointer>& sorted) : size_(sorted.size()) {
    constexpr std::size_t kFilled = kMostInBlock / 2;  // leaves room
    for (std::size_t i = 0; i < sorted.size(); i += kFilled) {
      const auto first = sorted.begin() + static_cast<std::ptrdiff_t>(i);
      const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(i + kFilled, sorted.size()));
      blocks_.push_back(std::make_shared<const Block>(first, last));
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] Iterator begin() const { return Iterator(blocks_.begin()); }
  [[nodiscard]] Iterator end() const { return Iterator(blocks_.end()); }
  /// Input: not empty.
  [[nodiscard]] const Pointer& front() const { return blocks_.front()->front(); }

  /// Nullptr when there is none of that name.
  [[nodiscard]] Pointer find(std::string_view name) const {
    const auto block = block_of(name);
    if (block == blocks_.end()) return nullptr;
    const auto place = place_in(**block, name);
    return is_at(**block, place, name) ? *place : nullptr;
  }

  /// Takes the place of the entry of that name, or one of its own. Errors: std::bad_alloc; then nothing has changed.
  void put(Pointer entry) {
    if (empty()) return assign(std::move(entry));
    const std::string name = (*entry).*Name;
    auto block = block_of(name);
    if (block == blocks_.end()) --block;
    Block changed = **block;
    const auto place = place_in(changed, name);
    const bool is_new = !is_at(changed, place, name);
    if (is_new) {
      changed.insert(place, std::move(entry));
    } else {
      changed[static_cast<std::size_t>(place - changed.begin())] = std::move(entry);
    }
    store(block, std::move(changed));
    if (is_new) ++size_;
  }

  void erase(std::string_view name) {
    const auto block = block_of(name);
    if (block == blocks_.end()) return;
    Block changed = **block;
    const auto place = place_in(changed, name);
    if (!is_at(changed, place, name)) return;
    changed.erase(place);
    store(block, std::move(changed));
    --size_;
  }

 private:
  static constexpr std::size_t kMostInBlock = 128;

  static bool is_before(const Pointer& entry, std::string_view name) { return (*entry).*Name < name; }

  static typename Block::const_iterator place_in(const Block& block, std::string_view name) {
    return std::lower_bound(block.begin(), block.end(), name, is_before);
  }

  static bool is_at(const Block& block, typename Block::const_iterator place, std::string_view name) {
    return place != block.end() && (**place).*Name == name;
  }

  void assign(Pointer only) {
    Blocks one{std::make_shared<const Block>(1, std::move(only))};
    blocks_.swap(one);
    size_ = 1;
  }

  /// The first whose last entry does not sort before the name. Blocks are never empty.
  [[nodiscard]] typename Blocks::const_iterator block_of(std::string_view name) const {
    return std::lower_bound(blocks_.begin(), blocks_.end(), name, [](const auto& block, std::string_view wanted) {
      return is_before(block->back(), wanted);
    });
  }

  /// Puts the changed block where the old one was; in two when it has grown too large, and nowhere when it is empty.
  void store(typename Blocks::const_iterator old, Block changed) {
    const auto index = old - blocks_.cbegin();
    if (changed.empty()) {
      blocks_.erase(old);
      return;
    }
    if (changed.size() <= kMostInBlock) {
      blocks_[static_cast<std::size_t>(index)] = std::make_shared<const Block>(std::move(changed));
      return;
    }
    const auto middle = changed.begin() + static_cast<std::ptrdiff_t>(changed.size() / 2);
    auto lower = std::make_shared<const Block>(changed.begin(), middle);
    blocks_.insert(old + 1, std::make_shared<const Block>(middle, changed.end()));
    blocks_[static_cast<std::size_t>(index)] = std::move(lower);
  }

  Blocks blocks_{};
  std::size_t size_{};
};

}  // namespace mtasts
