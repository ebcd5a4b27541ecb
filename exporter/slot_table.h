// A sorted table of entries that never change, made to be copied while it is written to.
// Next: snapshot.h, whose snapshots are such copies; block_text.h, the memo of their blocks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mtasts {

/// The first octets of a name, zeros where it is shorter: sorts as names do, as far as it goes.
using Beginning = std::array<unsigned char, 16>;
inline Beginning beginning_of(std::string_view name) {
  Beginning beginning{};
  std::copy_n(name.begin(), std::min(name.size(), beginning.size()), beginning.begin());
  return beginning;
}

/// The memo of blocks of which nothing is remembered.
struct NoMemo {
  template <class Entry>
  void replaced(const Entry& /*before*/, const Entry& /*after*/) {}
  void clear() {}
};

/// Entries in blocks that all copies share until one of them changes: a copy of the table takes a pointer for some
/// hundred entries. A change takes the pointers of one block when a copy shares it, and nothing otherwise. Not
/// thread-safe; copies may be read and dropped on other threads meanwhile. Input: `Name` is the member by which entries
/// are sorted and found; `Memo` is what readers work out from a block's entries and leave with it, as far as it lets
/// several threads do so. It begins empty, a copy of the block has a copy of it, and it hears of every change.
template <class Entry, std::string Entry::*Name, class Memo = NoMemo>
class SlotTable {
 public:
  using Pointer = std::shared_ptr<const Entry>;

  struct Block {
    std::vector<Pointer> entries;  // sorted, not empty
    Memo memo{};
  };

 private:
  /// A block, with the beginning of its last name: among thousands of blocks the right one is found without a look into
  /// them.
  struct Part {
    explicit Part(std::vector<Pointer> entries) : block{std::make_shared<Block>(Block{std::move(entries)})} {
      note_last();
    }
    void note_last() { last = beginning_of((*block->entries.back()).*Name); }

    Beginning last{};
    std::shared_ptr<Block> block;
  };
  using Parts = std::vector<Part>;

 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Pointer;
    using difference_type = std::ptrdiff_t;
    using pointer = const Pointer*;
    using reference = const Pointer&;

    Iterator() = default;
    explicit Iterator(typename Parts::const_iterator part) : part_(part) {}
    reference operator*() const { return part_->block->entries[place_]; }
    pointer operator->() const { return &**this; }
    Iterator& operator++() {
      if (++place_ < part_->block->entries.size()) return *this;
      ++part_;
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
    typename Parts::const_iterator part_{};
    std::size_t place_{};
  };

  SlotTable() = default;
  /// Input: sorted by name, each name once.
  explicit SlotTable(const std::vector<Pointer>& sorted) : size_(sorted.size()) {
    constexpr std::size_t kFilled = kMostInBlock / 2;  // leaves room
    for (std::size_t i = 0; i < sorted.size(); i += kFilled) {
      const auto first = sorted.begin() + static_cast<std::ptrdiff_t>(i);
      const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(i + kFilled, sorted.size()));
      parts_.emplace_back(std::vector<Pointer>(first, last));
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] Iterator begin() const { return Iterator(parts_.begin()); }
  [[nodiscard]] Iterator end() const { return Iterator(parts_.end()); }
  /// Input: not empty.
  [[nodiscard]] const Pointer& front() const { return parts_.front().block->entries.front(); }
  [[nodiscard]] std::size_t blocks() const { return parts_.size(); }
  /// Input: below blocks().
  [[nodiscard]] const Block& block(std::size_t index) const { return *parts_[index].block; }

  /// Nullptr when there is none of that name.
  [[nodiscard]] Pointer find(std::string_view name) const {
    const auto part = part_of(name);
    if (part == parts_.end()) return nullptr;
    const auto place = place_in(part->block->entries, name);
    return is_at(part->block->entries, place, name) ? *place : nullptr;
  }

  /// Puts what `change` makes of the entry of that name into its place. Returns the old one; nullptr when there is
  /// none, and nothing has been asked for then. Input: `change` keeps the name. Errors: std::bad_alloc and those of
  /// `change`; then nothing has changed.
  template <class Change>
  Pointer update(std::string_view name, const Change& change) {
    const auto part = part_of(name);
    if (part == parts_.end()) return nullptr;
    const std::optional<std::size_t> place = index_in(part->block->entries, name);
    if (!place) return nullptr;
    Pointer old = part->block->entries[*place];
    Pointer next = change(*old);
    Block& block = changeable(part);
    block.memo.replaced(*old, *next);
    block.entries[*place] = std::move(next);
    return old;
  }

  /// Takes the place of the entry of that name, or one of its own. Errors: std::bad_alloc; then nothing has changed.
  void put(Pointer entry) {
    const std::string& name = (*entry).*Name;
    if (update(name, [&entry](const Entry&) { return entry; })) return;
    if (parts_.empty()) {
      parts_.emplace_back(std::vector<Pointer>(1, std::move(entry)));
    } else {
      insert(std::move(entry));
    }
    ++size_;
  }

  void erase(std::string_view name) {
    const auto part = part_of(name);
    if (part == parts_.end()) return;
    const std::optional<std::size_t> place = index_in(part->block->entries, name);
    if (!place) return;
    if (part->block->entries.size() == 1) {
      parts_.erase(part);
    } else {
      Block& block = changeable(part);
      block.memo.clear();
      block.entries.erase(block.entries.begin() + static_cast<std::ptrdiff_t>(*place));
      part->note_last();
    }
    --size_;
  }

 private:
  static constexpr std::size_t kMostInBlock = 128;
  using Entries = std::vector<Pointer>;

  static bool is_before(const Pointer& entry, std::string_view name) { return (*entry).*Name < name; }

  static typename Entries::const_iterator place_in(const Entries& entries, std::string_view name) {
    return std::lower_bound(entries.begin(), entries.end(), name, is_before);
  }

  static bool is_at(const Entries& entries, typename Entries::const_iterator place, std::string_view name) {
    return place != entries.end() && (**place).*Name == name;
  }

  static std::optional<std::size_t> index_in(const Entries& entries, std::string_view name) {
    const auto place = place_in(entries, name);
    if (!is_at(entries, place, name)) return std::nullopt;
    return static_cast<std::size_t>(place - entries.begin());
  }

  /// The first whose last entry does not sort before the name.
  template <class Range>
  static auto first_not_before(Range& parts, std::string_view name) {
    const Beginning wanted = beginning_of(name);
    return std::lower_bound(parts.begin(), parts.end(), name, [&wanted](const Part& part, std::string_view sought) {
      if (part.last != wanted) return part.last < wanted;
      return is_before(part.block->entries.back(), sought);
    });
  }
  [[nodiscard]] auto part_of(std::string_view name) const { return first_not_before(parts_, name); }
  [[nodiscard]] auto part_of(std::string_view name) { return first_not_before(parts_, name); }

  /// The block itself when no copy of the table has it any more, else one of our own.
  static Block& changeable(typename Parts::iterator part) {
    std::shared_ptr<Block>& block = part->block;
    if (block.use_count() > 1) {
      block = std::make_shared<Block>(*block);
    } else {
      // Giving a pointer back comes after the same of the last reader, and so does what is written now.
      const std::shared_ptr<Block> in_order = block;
    }
    return *block;
  }

  /// Into the block whose last name is the next one, or the last; in two when it has grown too large. Input: not empty.
  void insert(Pointer entry) {
    const std::string_view name = (*entry).*Name;
    auto part = part_of(name);
    if (part == parts_.end()) --part;
    if (part->block->entries.size() == kMostInBlock) part = split(part, name);
    Block& block = changeable(part);
    block.memo.clear();
    block.entries.insert(place_in(block.entries, name), std::move(entry));
    part->note_last();
  }

  /// Returns the half that the name belongs to.
  typename Parts::iterator split(typename Parts::iterator part, std::string_view name) {
    const Entries& whole = part->block->entries;
    const auto middle = whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2);
    Part lower(Entries(whole.begin(), middle));
    Part upper(Entries(middle, whole.end()));
    const auto index = part - parts_.begin();
    parts_.insert(part + 1, std::move(upper));
    const auto first = parts_.begin() + index;
    *first = std::move(lower);
    return is_before(first->block->entries.back(), name) ? first + 1 : first;
  }

  Parts parts_{};
  std::size_t size_{};
};

}  // namespace mtasts
