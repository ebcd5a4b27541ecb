// How often each client may come: a bucket of tokens per source, in a table that cannot grow.
// Next: tlsrpt_http.cpp, which asks it before it reads a report.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace mtasts {

struct RateLimits {
  double burst{300};          // at once
  double per_second{5};       // for ever
  std::size_t sources{4096};  // remembered; beyond it the one that was silent longest is forgotten
};

/// Safe from any thread.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RateLimit(RateLimits limits = {}) : limits_{limits} {}

  /// May this source come now? Input: `now` never goes back.
  bool admits(const std::string& source, Clock::time_point now);
  std::size_t sources() const;

 private:
  struct Bucket {
    std::string source{};
    double tokens{};
    Clock::time_point filled{};
  };

  const RateLimits limits_;
  mutable std::mutex mutex_{};
  std::list<Bucket> buckets_{};                                                // the latest first
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> index_{};  // keys live in buckets_
};

}  // namespace mtasts
