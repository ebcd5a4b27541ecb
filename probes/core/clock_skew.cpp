// SPDX-License-Identifier: Apache-2.0
#include "probes/core/clock_skew.h"

#include <algorithm>
#include <vector>

namespace mtasts {
namespace {

bool valid_at(const Certificate& certificate, UnixTime now) {
  return certificate.not_before <= now && now <= certificate.not_after;
}

}  // namespace

void ClockSkew::note(const std::string& host, std::chrono::seconds ahead) {
  std::erase_if(heard_, [&host](const auto& entry) { return entry.first == host; });
  heard_.emplace_back(host, ahead);
  if (heard_.size() > kMostHosts) heard_.pop_front();
}

std::optional<std::chrono::seconds> ClockSkew::guess() const {
  if (heard_.empty()) return std::nullopt;
  std::vector<std::chrono::seconds> all;
  for (const auto& [host, ahead] : heard_) all.push_back(ahead);
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

std::optional<std::chrono::seconds> ClockSkew::believed(bool clock_is_kept) const {
  return heard_.size() < kEnoughHosts && clock_is_kept ? std::nullopt : guess();
}

bool clock_decides(const TlsObservation& tls, UnixTime now, std::chrono::seconds ahead) {
  return std::any_of(tls.chain.begin(), tls.chain.end(), [now, ahead](const Certificate& certificate) {
    return valid_at(certificate, now) != valid_at(certificate, now - ahead);
  });
}

}  // namespace mtasts
