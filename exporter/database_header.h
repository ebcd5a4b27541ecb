// What the first octets of a database file say, before SQLite opens it: whose it is, and whether SQLite can work with
// it. Next: store_database.cpp, which opens it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mtasts {

/// "mtst", the application id in the header of our databases.
constexpr std::uint32_t kDatabaseApplicationId = 0x6d747374;

/// Source: https://www.sqlite.org/fileformat.html section 1.3.
class DatabaseHeader {
 public:
  /// Not for a process that has the database open, see database_path_fault(). Errors: empty when it cannot be read.
  static DatabaseHeader of(const std::string& path);
  explicit DatabaseHeader(std::string octets) : octets_(std::move(octets)) {}

  [[nodiscard]] bool is_empty() const { return octets_.empty(); }
  /// Does it begin as databases of SQLite do?
  [[nodiscard]] bool is_sqlite() const;
  /// Does it hold our application id?
  [[nodiscard]] bool is_ours() const;
  /// Is nothing in it that SQLite refuses, or takes for a file that nobody may write? An empty file is sound.
  [[nodiscard]] bool is_sound() const;

 private:
  [[nodiscard]] std::uint32_t number_at(std::size_t offset, std::size_t octets) const;

  std::string octets_;
};

}  // namespace mtasts
