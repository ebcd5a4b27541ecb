// A described struct in few octets and back, for what is held in memory from probe to probe: numbers as long as they
// need, no names, no padding, one allocation. Next: stored_json.cpp and stored_observation.cpp, which describe the
// structs; what goes to disk is JSON, because it outlives the program.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "exporter/described_json.h"

namespace mtasts::described {

/// Appends values to a text.
class Packer {
 public:
  template <class T>
  void add(const T& value) {
    if constexpr (is_optional<T>) {
      out_ += value ? '\1' : '\0';
      if (value) add(*value);
    } else if constexpr (is_a<T, std::vector>) {
      add_number(value.size());
      for (const auto& element : value) add(element);
    } else if constexpr (is_array<T>) {
      for (const auto& element : value) add(element);
    } else if constexpr (std::is_same_v<T, std::string>) {
      add_number(value.size());
      out_ += value;
    } else if constexpr (std::is_same_v<T, IpAddress>) {
      add(value.family);
      add(value.octets);
    } else if constexpr (std::is_same_v<T, double>) {
      add_octets(&value, sizeof value);
    } else if constexpr (is_a<T, std::chrono::duration>) {
      add_signed(value.count());
    } else if constexpr (is_time<T>) {
      add_signed(value.time_since_epoch().count());
    } else if constexpr (std::is_enum_v<T>) {
      add_number(static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_integral_v<T>) {
      add_signed(static_cast<std::int64_t>(value));
    } else {
      boost::mp11::mp_for_each<Members<T>>([&](auto member) { add(value.*member.pointer); });
    }
  }

  std::string take() {
    out_.shrink_to_fit();
    return std::move(out_);
  }

 private:
  /// Seven bits an octet, the lowest first; the top bit says that more follow.
  void add_number(std::uint64_t number) {
    for (; number >= 0x80; number >>= 7) out_ += static_cast<char>(number | 0x80);
    out_ += static_cast<char>(number);
  }
  /// Small numbers of either sign stay short.
  void add_signed(std::int64_t number) {
    add_number(static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63));
  }
  void add_octets(const void* octets, std::size_t size) { out_.append(static_cast<const char*>(octets), size); }

  std::string out_{};
};

/// Takes values off what a Packer of the same program made. Errors: std::out_of_range for anything else that is too
/// short.
class Unpacker {
 public:
  explicit Unpacker(std::string_view text) : rest_{text} {}

  template <class T>
  void take(T& value) {
    if constexpr (is_optional<T>) {
      if (octets(1).front() != '\0') take(value.emplace());
    } else if constexpr (is_a<T, std::vector>) {
      value.resize(octets_at_least(number()));
      for (auto& element : value) take(element);
    } else if constexpr (is_array<T>) {
      for (auto& element : value) take(element);
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = octets(number());
    } else if constexpr (std::is_same_v<T, IpAddress>) {
      take(value.family);
      take(value.octets);
    } else if constexpr (std::is_same_v<T, double>) {
      std::memcpy(&value, octets(sizeof value).data(), sizeof value);
    } else if constexpr (is_a<T, std::chrono::duration>) {
      value = T{static_cast<typename T::rep>(signed_number())};
    } else if constexpr (is_time<T>) {
      value = T{typename T::duration{static_cast<typename T::rep>(signed_number())}};
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(number());
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(signed_number());
    } else {
      boost::mp11::mp_for_each<Members<T>>([&](auto member) { take(value.*member.pointer); });
    }
  }

 private:
  std::string_view octets(std::size_t size) {
    const std::string_view taken = rest_.substr(0, octets_at_least(size));
    rest_.remove_prefix(size);
    return taken;
  }
  /// Every element takes an octet: a length beyond what is left is none.
  std::size_t octets_at_least(std::size_t size) const {
    if (size > rest_.size()) throw std::out_of_range("packed state breaks off");
    return size;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto octet = static_cast<unsigned char>(octets(1).front());
      value |= static_cast<std::uint64_t>(octet & 0x7F) << shift;
      if (octet < 0x80) return value;
    }
  }
  std::int64_t signed_number() {
    const std::uint64_t value = number();
    return static_cast<std::int64_t>(value >> 1 ^ (~(value & 1) + 1));
  }

  std::string_view rest_;
};

template <class T>
std::string pack(const T& value) {
  Packer packer;
  packer.add(value);
  return packer.take();
}

template <class T>
T unpack(std::string_view text) {
  T value;
  Unpacker{text}.take(value);
  return value;
}

}  // namespace mtasts::described
