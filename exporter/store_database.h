// The one SQLite file behind the stores: opened, checked and brought up to date in one place, SOCI's words turned into
// ours. Next: store.cpp and report_store_database.h, each of which holds a connection of its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <soci/soci.h>

#include <string>
#include <string_view>
#include <vector>

#include "exporter/store.h"

namespace mtasts {

/// One connection; used by one thread at a time.
struct Database {
  std::string path{};
  bool log_was_there{};         // when it was opened: whoever used it last did not close it, or somebody uses it
  bool has_sound_header{true};  // known where a damaged one would be replaced
  soci::session sql{};
};

struct DatabaseOptions {
  std::string synchronous{"FULL"};  // of SQLite: NORMAL, or FULL: what is committed survives the loss of power
  bool existing{};                  // the file must be there and of the current schema; nothing is changed
  bool replace_damaged{};           // move a damaged file aside and begin an empty one, else an error; only for the
                                    // first connection of a process: see database_path_fault()
  std::size_t cache_kib{2000};      // of the database in memory, for the connection; SQLite's own default
  StoreWarning warn{};
};

/// Opens the file, makes it when it is missing, and brings an old schema up to date. Input: `database` is not open yet.
/// Errors: StoreError for a path that cannot be used, a file that is not ours, which is never touched, and a damaged
/// one that is not to be replaced.
void open_database(Database& database, const std::string& path, const DatabaseOptions& options);

/// The value of a PRAGMA that is a number.
long long pragma(soci::session& sql, const std::string& name);

/// Runs SQL text statement by statement. Input: each ends in ';', and none holds another.
void execute_all(soci::session& sql, std::string_view script);

/// Runs `work` as one transaction that is undone when it throws. Where there was no memory even for that, the next one
/// cannot begin, and undoes it by failing.
template <class Work>
void transact(soci::session& sql, Work work, const char* begin = "BEGIN IMMEDIATE") {
  try {
    sql << begin;
    work();
    sql << "COMMIT";
  } catch (...) {
    try {
      sql << "ROLLBACK";
    } catch (const std::exception&) {  // undone already: the disk is full, or the connection lost
    }
    throw;
  }
}

/// The policies that a domain served, oldest first.
std::vector<PolicyRow> read_policies(soci::session& sql, std::string_view domain);

/// Turns SOCI's words into ours: nobody outside the stores sees SOCI. Its what() allocates and must not throw, which
/// without memory ends the process.
inline StoreError translation_of(const Database& database, const soci::soci_error& error) {
  return StoreError("storage.path '" + database.path + "': " + error.get_error_message());
}

template <class Work>
auto translated(const Database& database, Work work) {
  try {
    return work();
  } catch (const soci::soci_error& error) {
    throw translation_of(database, error);
  }
}

inline UnixTime time_of(long long seconds) { return UnixTime{std::chrono::seconds{seconds}}; }
inline long long seconds_of(UnixTime time) { return time.time_since_epoch().count(); }

}  // namespace mtasts
