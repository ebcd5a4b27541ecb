// SPDX-License-Identifier: Apache-2.0
#include "exporter/body_gate.h"

#include <map>
#include <utility>

namespace mtasts {
namespace {

constexpr std::size_t kShare = 4;  // of complete bodies, of one source: a fourth part

std::size_t one(const BodyPlace& /*place*/) { return 1; }

}  // namespace

BodyPlace::~BodyPlace() {
  const std::scoped_lock lock{gate_->mutex_};
  gate_->uncount(*this);
}

bool BodyPlace::grow(std::size_t octets) {
  const std::scoped_lock lock{gate_->mutex_};
  return gate_->grow(*this, octets);
}

bool BodyPlace::complete() {
  const std::scoped_lock lock{gate_->mutex_};
  return gate_->complete(*this);
}

std::shared_ptr<BodyPlace> BodyGate::enter(const BodySource& source, std::function<void()> give_way) {
  auto place = std::make_shared<BodyPlace>(shared_from_this(), source, std::move(give_way));  // its end takes the lock
  const std::scoped_lock lock{mutex_};
  while (list_.size() >= places_) {
    if (!make_way(source.name, one, 1)) return nullptr;
  }
  list_.push_back(place.get());
  return place;
}

std::size_t BodyGate::taken() const {
  const std::scoped_lock lock{mutex_};
  return list_.size();
}

std::size_t BodyGate::octets() const {
  const std::scoped_lock lock{mutex_};
  return held_;
}

bool BodyGate::grow(BodyPlace& place, std::size_t octets) {
  const auto size = [](const BodyPlace& other) { return other.octets_; };
  const std::size_t more = octets > place.octets_ ? octets - place.octets_ : 0;
  while (place.counted_ && held_ + more > octets_) {
    if (!make_way(place.source_.name, size, more)) return false;
  }
  if (!place.counted_) return false;  // it had to give way itself
  place.octets_ += more;
  held_ += more;
  return true;
}

bool BodyGate::complete(BodyPlace& place) {
  if (!place.counted_) return false;
  std::size_t bodies = 0, octets = 0;
  for (const BodyPlace* other : list_) {
    if (other->reading_ || other->source_.name != place.source_.name) continue;
    ++bodies;
    octets += other->octets_;
  }
  const bool over = bodies + 1 > places_ / kShare || octets + place.octets_ > octets_ / kShare;
  if (bodies > 0 && over && !place.source_.of_many) return false;
  place.reading_ = false;
  return true;
}

/// The body that gives way, nullptr when each that could is of a source that would hold less than the newcomer's.
/// Input: `more` is what the newcomer asks for.
BodyPlace* BodyGate::whose_turn(const std::string& newcomer, Weight weight, std::size_t more) const {
  std::map<std::string, std::size_t> shares{{newcomer, more}};
  for (const BodyPlace* place : list_) shares[place->source_.name] += weight(*place);
  BodyPlace* chosen = nullptr;
  for (BodyPlace* place : list_) {
    const std::size_t share = shares[place->source_.name];
    if (!place->reading_ || weight(*place) == 0 || share < shares[newcomer]) continue;
    if (!chosen || share > shares[chosen->source_.name]) chosen = place;
  }
  return chosen;
}

bool BodyGate::make_way(const std::string& newcomer, Weight weight, std::size_t more) {
  BodyPlace* place = whose_turn(newcomer, weight, more);
  if (!place) return false;
  uncount(*place);
  place->give_way_();
  return true;
}

void BodyGate::uncount(BodyPlace& place) {
  if (!std::exchange(place.counted_, false)) return;
  list_.remove(&place);
  held_ -= place.octets_;
}

}  // namespace mtasts
