// An optional of something large that most do not have: as wide as a pointer while there is nothing.
// Next: verdicts.h, of which a fleet holds one for every MX host.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace mtasts {

/// Used like std::optional: a value, not a pointer. A copy has its own, and const holds for what is inside.
template <class T>
class Boxed {
 public:
  Boxed() = default;
  Boxed(std::nullopt_t) {}
  Boxed(std::optional<T> value) : box_{value ? std::make_unique<T>(std::move(*value)) : nullptr} {}
  Boxed(T value) : box_{std::make_unique<T>(std::move(value))} {}
  Boxed(const Boxed& other) : box_{other.box_ ? std::make_unique<T>(*other.box_) : nullptr} {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) { return *this = Boxed(other); }
  Boxed& operator=(Boxed&&) noexcept = default;
  ~Boxed() = default;

  [[nodiscard]] bool has_value() const { return box_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  /// Nullptr without a value.
  [[nodiscard]] const T* get() const { return box_.get(); }
  /// Input of the four: has_value().
  T& operator*() { return *box_; }
  const T& operator*() const { return *box_; }
  T* operator->() { return box_.get(); }
  const T* operator->() const { return box_.get(); }

  T& emplace() { return *(box_ = std::make_unique<T>()); }
  void reset() { box_.reset(); }

  friend bool operator==(const Boxed& a, const Boxed& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }

 private:
  std::unique_ptr<T> box_{};
};

}  // namespace mtasts
