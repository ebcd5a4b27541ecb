// SPDX-License-Identifier: Apache-2.0
#include "probes/core/egress_window.h"

namespace mtasts {

void EgressWindow::reached(const std::string& peer) {
  reached_ever_ = true;
  suspects_.erase(peer);
  down_.erase(peer);
  for (const std::string& suspect : suspects_) answering_.erase(suspect);
  down_.merge(suspects_);  // the way is open, so they are down
  suspects_.clear();
  if (answering_.size() < enough_) answering_.insert(peer);
}

void EgressWindow::silent(const std::string& peer) {
  if (suspects_.size() < enough_ && !down_.contains(peer)) suspects_.insert(peer);
}

void EgressWindow::forget(const std::string& peer) {
  answering_.erase(peer);
  suspects_.erase(peer);
  down_.erase(peer);
}

bool EgressWindow::lost() const {
  if (!reached_ever_) return suspects_.size() >= doubt_after_;
  // A large fleet may have but one witness left, right after a loss.
  const bool large = answering_.size() + down_.size() >= kLeast;
  return answering_.size() >= (large ? kLeast : least_) && suspects_.size() >= answering_.size();
}

std::optional<bool> EgressWindow::open() const {
  if (lost()) return false;
  return reached_ever_ ? std::optional(true) : std::nullopt;
}

}  // namespace mtasts
