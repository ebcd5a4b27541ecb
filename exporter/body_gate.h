// Bounds what large request bodies hold, all together, so that whoever asks for most gives way first.
// Next: http_server.cpp, which reads bodies; peer_source.h for what a source is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

namespace mtasts {

class BodyGate;

/// Who sends a body.
struct BodySource {
  std::string name{};
  bool of_many{};  // a proxy: its clients cannot be told apart, and it limits them itself
};

/// The room that one body has; given back with the last pointer to it, on any thread.
class BodyPlace {
 public:
  BodyPlace(std::shared_ptr<BodyGate> gate, BodySource source, std::function<void()> give_way)
      : gate_{std::move(gate)}, source_{std::move(source)}, give_way_{std::move(give_way)} {}
  ~BodyPlace();
  BodyPlace(const BodyPlace&) = delete;
  BodyPlace& operator=(const BodyPlace&) = delete;

  /// The body holds so many octets by now. Errors: false when there is no room for them, or none for the body any more.
  [[nodiscard]] bool grow(std::size_t octets);
  /// The body is there: it is kept until it has been dealt with. Errors: false when its source has its share of bodies
  /// that wait for that, or this one had to give way.
  [[nodiscard]] bool complete();

 private:
  friend class BodyGate;
  std::shared_ptr<BodyGate> gate_;
  BodySource source_;
  std::function<void()> give_way_;
  std::size_t octets_{};
  bool reading_{true};
  bool counted_{true};
};

/// A fixed number of places and of octets. When they are taken, the oldest body that is still being read, of the source
/// that would hold most, gives way, be that source the newcomer's or not. So whoever sends slowly, on however many
/// connections, keeps nobody out: a body that is sent at ordinary speed is never the oldest for long. Of bodies that
/// are complete, and wait to be dealt with, a source has at most a quarter of the places and of the octets, but always
/// one: whoever sends what takes long to deal with, however fast, keeps nobody out either.
class BodyGate : public std::enable_shared_from_this<BodyGate> {
 public:
  BodyGate(std::size_t places, std::size_t octets) : places_{places}, octets_{octets} {}

  /// A place for a body of this source. `give_way` ends its reading; it is called inside enter() or grow() of another
  /// body, on that caller's thread, and must not call back. Errors: nullptr when there is no room.
  std::shared_ptr<BodyPlace> enter(const BodySource& source, std::function<void()> give_way);

  std::size_t taken() const;
  std::size_t octets() const;

 private:
  friend class BodyPlace;
  using Weight = std::size_t (*)(const BodyPlace& place);

  bool grow(BodyPlace& place, std::size_t octets);
  bool complete(BodyPlace& place);
  BodyPlace* whose_turn(const std::string& newcomer, Weight weight, std::size_t more) const;
  bool make_way(const std::string& newcomer, Weight weight, std::size_t more);
  void uncount(BodyPlace& place);

  const std::size_t places_;
  const std::size_t octets_;
  mutable std::mutex mutex_{};
  std::list<BodyPlace*> list_{};  // oldest first
  std::size_t held_{};
};

}  // namespace mtasts
