// SPDX-License-Identifier: Apache-2.0
#include "exporter/database_header.h"

#include <fstream>
#include <string_view>

namespace mtasts {
namespace {

constexpr std::size_t kOctets = 100;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};

}  // namespace

DatabaseHeader DatabaseHeader::of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string octets(kOctets, '\0');
  file.read(octets.data(), static_cast<std::streamsize>(octets.size()));
  octets.resize(static_cast<std::size_t>(file.gcount()));
  return DatabaseHeader{std::move(octets)};
}

bool DatabaseHeader::is_sqlite() const { return octets_.starts_with(kMagic); }

bool DatabaseHeader::is_ours() const {
  constexpr std::size_t kApplicationId = 68;
  return octets_.size() == kOctets && number_at(kApplicationId, 4) == kDatabaseApplicationId;
}

bool DatabaseHeader::is_sound() const {
  constexpr std::size_t kWriteVersion = 18, kReadVersion = 19, kFractions = 21, kSchemaFormat = 44, kEncoding = 56;
  constexpr std::uint32_t kLog = 2, kOnlyFractions = 64 << 16 | 32 << 8 | 32, kNewestFormat = 4, kUtf8 = 1;
  if (is_empty()) return true;
  if (octets_.size() < kOctets || !is_sqlite()) return false;
  const auto is_version = [](std::uint32_t version) { return version > 0 && version <= kLog; };
  return is_version(number_at(kWriteVersion, 1)) && is_version(number_at(kReadVersion, 1)) &&
         number_at(kFractions, 3) == kOnlyFractions && number_at(kSchemaFormat, 4) <= kNewestFormat &&
         number_at(kEncoding, 4) <= kUtf8;
}

std::uint32_t DatabaseHeader::number_at(std::size_t offset, std::size_t octets) const {
  std::uint32_t number = 0;
  for (const char octet : octets_.substr(offset, octets)) number = number << 8 | static_cast<unsigned char>(octet);
  return number;
}

}  // namespace mtasts
