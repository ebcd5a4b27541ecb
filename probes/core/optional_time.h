// A time that may be unknown, no wider than a time. Next: verdicts.h, of which a fleet holds many.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "probes/core/observations.h"

namespace mtasts {

/// Used like std::optional<UnixTime>, and converts to and from it. The earliest time that can be written down is none.
class OptionalTime {
 public:
  OptionalTime() = default;
  OptionalTime(std::nullopt_t) {}
  OptionalTime(UnixTime time) : time_{time} {}
  OptionalTime(std::optional<UnixTime> time) : time_{time.value_or(kNone)} {}
  operator std::optional<UnixTime>() const { return has_value() ? std::optional(time_) : std::nullopt; }

  [[nodiscard]] bool has_value() const { return time_ != kNone; }
  explicit operator bool() const { return has_value(); }
  /// Input: has_value().
  const UnixTime& operator*() const { return time_; }
  const UnixTime* operator->() const { return &time_; }
  [[nodiscard]] UnixTime value_or(UnixTime other) const { return has_value() ? time_ : other; }
  /// For who fills in what it returns.
  UnixTime& emplace() { return time_ = UnixTime{}; }
  void reset() { time_ = kNone; }

  bool operator==(const OptionalTime&) const = default;

 private:
  static constexpr UnixTime kNone = UnixTime::min();
  UnixTime time_{kNone};
};

}  // namespace mtasts
