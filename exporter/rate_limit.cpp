// SPDX-License-Identifier: Apache-2.0
#include "exporter/rate_limit.h"

#include <algorithm>

namespace mtasts {

bool RateLimit::admits(const std::string& source, Clock::time_point now) {
  const std::scoped_lock lock{mutex_};
  const auto known = index_.find(source);
  if (known != index_.end()) {
    buckets_.splice(buckets_.begin(), buckets_, known->second);
  } else {
    buckets_.push_front({source, limits_.burst, now});
    index_.emplace(buckets_.front().source, buckets_.begin());
  }
  if (buckets_.size() > limits_.sources) {
    index_.erase(buckets_.back().source);
    buckets_.pop_back();
  }
  Bucket& bucket = buckets_.front();
  const double passed = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.tokens = std::min(limits_.burst, bucket.tokens + passed * limits_.per_second);
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

std::size_t RateLimit::sources() const {
  const std::scoped_lock lock{mutex_};
  return buckets_.size();
}

}  // namespace mtasts
