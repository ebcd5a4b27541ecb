// The places of probes in flight. One that nobody gives back, because there was no memory to go on, is found again.
// Next: probe_loop.h, whose probes have one each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace mtasts {

/// Outlives its turns, which may be dropped on any thread.
class ProbeTurns {
  struct Place {
    std::string key{};
    std::unique_ptr<Place> next{};
  };

 public:
  /// The place of one probe: who has it gives it back, or else drops it.
  class Turn {
   public:
    Turn(ProbeTurns& owner, std::string key);
    ~Turn();
    Turn(Turn&&) noexcept = default;
    Turn& operator=(Turn&&) = delete;

    [[nodiscard]] const std::string& key() const { return place_->key; }
    void give_back() { place_.reset(); }

   private:
    ProbeTurns& owner_;
    std::unique_ptr<Place> place_;
  };

  ProbeTurns() = default;
  ~ProbeTurns();
  ProbeTurns(const ProbeTurns&) = delete;
  ProbeTurns& operator=(const ProbeTurns&) = delete;

  /// Calls `take` with the key of each turn that was dropped since the last call.
  template <class Take>
  void take_dropped(Take take) {
    while (const std::unique_ptr<Place> place = pop()) take(std::as_const(place->key));
  }

 private:
  void drop(std::unique_ptr<Place> place);
  std::unique_ptr<Place> pop();

  std::mutex mutex_{};
  std::unique_ptr<Place> dropped_{};
};

}  // namespace mtasts
