// Tells when something that others write has changed, and has come to rest.
// Next: daemon.cpp, which watches files so.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

namespace mtasts {

/// Looks that are some seconds apart. Whoever writes a file in place is not disturbed in the middle of it.
class SettledChange {
 public:
  /// True once, when two looks in a row found the same, and it is not what was taken last. Input: fingerprints.
  bool is_due(const std::string& now, const std::string& taken) {
    const bool at_rest = std::exchange(seen_, now) == now;
    if (now == taken) told_.clear();
    if (now == taken || now == told_ || !at_rest) return false;
    told_ = now;
    return true;
  }

  /// Tells of the same again: what was refused may be right now.
  void forget() { told_.clear(); }

 private:
  std::string seen_{};  // at the last look
  std::string told_{};  // since what was taken was there last
};

}  // namespace mtasts
