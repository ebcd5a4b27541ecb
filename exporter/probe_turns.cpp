// SPDX-License-Identifier: Apache-2.0
#include "exporter/probe_turns.h"

namespace mtasts {

ProbeTurns::Turn::Turn(ProbeTurns& owner, std::string key)
    : owner_(owner), place_(std::make_unique<Place>(Place{.key = std::move(key)})) {}

ProbeTurns::Turn::~Turn() {
  if (place_) owner_.drop(std::move(place_));
}

/// One by one: the chain could be long.
ProbeTurns::~ProbeTurns() {
  while (pop()) continue;
}

void ProbeTurns::drop(std::unique_ptr<Place> place) {
  const std::lock_guard lock(mutex_);
  place->next = std::move(dropped_);
  dropped_ = std::move(place);
}

std::unique_ptr<ProbeTurns::Place> ProbeTurns::pop() {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Place> first = std::move(dropped_);
  if (first) dropped_ = std::move(first->next);
  return first;
}

}  // namespace mtasts
