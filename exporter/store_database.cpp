// SPDX-License-Identifier: Apache-2.0
#include "exporter/store_database.h"

#include <soci/sqlite3/soci-sqlite3.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "exporter/database_header.h"

namespace mtasts {

long long pragma(soci::session& sql, const std::string& name) {
  long long value = 0;
  sql << "PRAGMA " << name, soci::into(value);
  return value;
}

void execute_all(soci::session& sql, std::string_view script) {
  while (!script.empty()) {
    const std::size_t end = script.find(';');
    sql << std::string(script.substr(0, end));
    script.remove_prefix(end + 1);
  }
}

namespace {

namespace fs = std::filesystem;

constexpr int kBusyTimeoutMs = 5000;  // `ingest` may hold the database for a moment

/// One step per schema version: kMigrations[n] leads from version n to n + 1. Append only.
constexpr auto kMigrations = std::to_array<const char*>({
    "CREATE TABLE domain_state (domain TEXT PRIMARY KEY, verdict TEXT NOT NULL, memory TEXT NOT NULL,"
    "  saved_at INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE mx_state (host TEXT PRIMARY KEY, verdict TEXT NOT NULL, saved_at INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE policy_history (domain TEXT NOT NULL, id TEXT NOT NULL, body_sha256 TEXT NOT NULL,"
    "  mode TEXT NOT NULL, max_age INTEGER NOT NULL, mx TEXT NOT NULL, first_seen INTEGER NOT NULL,"
    "  last_seen INTEGER NOT NULL, PRIMARY KEY (domain, id, body_sha256)) WITHOUT ROWID;",
    "CREATE TABLE report (row INTEGER PRIMARY KEY, domain TEXT NOT NULL, submitter TEXT NOT NULL,"
    "  authenticated INTEGER NOT NULL, counts INTEGER NOT NULL, report_id TEXT NOT NULL, organization TEXT NOT NULL,"
    "  contact TEXT NOT NULL, range_start INTEGER NOT NULL, range_end INTEGER NOT NULL, counted_end INTEGER NOT NULL,"
    "  received INTEGER NOT NULL, digest TEXT NOT NULL, contents TEXT NOT NULL,"
    "  UNIQUE (domain, report_id, range_start, range_end, submitter));"
    "CREATE INDEX report_by_age ON report (counts, received);"
    "CREATE TABLE report_revision (revision INTEGER NOT NULL);"
    "INSERT INTO report_revision VALUES (0);"
    "CREATE TABLE report_outcomes (outcome TEXT PRIMARY KEY, reports INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE report_sessions (domain TEXT NOT NULL, policy_type TEXT NOT NULL, successful INTEGER NOT NULL,"
    "  failed INTEGER NOT NULL, PRIMARY KEY (domain, policy_type)) WITHOUT ROWID;"
    "CREATE TABLE report_failed (domain TEXT NOT NULL, result_type TEXT NOT NULL, sessions INTEGER NOT NULL,"
    "  PRIMARY KEY (domain, result_type)) WITHOUT ROWID;"
    "CREATE TABLE report_last (domain TEXT NOT NULL, reporter TEXT NOT NULL, range_end INTEGER NOT NULL,"
    "  PRIMARY KEY (domain, reporter)) WITHOUT ROWID;"
    "CREATE TABLE report_failures (domain TEXT NOT NULL, result_type TEXT NOT NULL, reporter TEXT NOT NULL,"
    "  mx TEXT NOT NULL, range_end INTEGER NOT NULL, PRIMARY KEY (domain, result_type, reporter, mx)) WITHOUT ROWID;",
    "CREATE TABLE fault_episode (domain TEXT NOT NULL, result_type TEXT NOT NULL, host TEXT NOT NULL,"
    "  reason TEXT NOT NULL, began INTEGER NOT NULL, last_seen INTEGER NOT NULL, open INTEGER NOT NULL,"
    "  PRIMARY KEY (domain, result_type, host, reason, began)) WITHOUT ROWID;"
    "CREATE TABLE domain_change (domain TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, before TEXT NOT NULL,"
    "  after TEXT NOT NULL, PRIMARY KEY (domain, at, kind)) WITHOUT ROWID;"
    "CREATE TABLE observation (kind TEXT NOT NULL, name TEXT NOT NULL, seen_at INTEGER NOT NULL,"
    "  octets INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (kind, name));"
    "CREATE INDEX observation_octets ON observation (octets);"
    "CREATE INDEX report_by_domain ON report (domain);"
    "CREATE INDEX report_by_domain_counted ON report (domain, counts);",
});

/// SQLite itself says that pages of a database are damaged.
class DamagedDatabase : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Errors: StoreError with a fault of the path, "" for none.
void require_no_fault(const std::string& fault) {
  if (!fault.empty()) throw StoreError("storage.path " + fault);
}

/// Errors: StoreError for a database of somebody else, or of a newer version of this program.
void require_ours(soci::session& sql, const std::string& path) {
  int tables = 0;
  sql << "SELECT count(*) FROM sqlite_schema", soci::into(tables);
  if (tables > 0 && pragma(sql, "application_id") != kDatabaseApplicationId)
    throw StoreError("storage.path '" + path +
                     "' is a database of another program, and was left as it is; set storage.path to another file");
  const long long version = pragma(sql, "user_version");
  if (version < 0 || static_cast<std::size_t>(version) > kMigrations.size())
    throw StoreError("storage.path '" + path + "' was written by a newer mtasts_exporter (schema " +
                     std::to_string(version) + ", this one knows " + std::to_string(kMigrations.size()) +
                     "); run that version, or move the file away to start afresh");
}

/// A database that needs no change is not written to: it opens on a full disk, too.
bool is_current(soci::session& sql) {
  return pragma(sql, "application_id") == kDatabaseApplicationId &&
         static_cast<std::size_t>(pragma(sql, "user_version")) == kMigrations.size();
}

void require_current(Database& database) {
  if (!is_current(database.sql))
    throw StoreError("storage.path '" + database.path +
                     "' was written by an older mtasts_exporter; start this version as the daemon once");
  database.sql << "PRAGMA busy_timeout = " << kBusyTimeoutMs;
  database.sql << "PRAGMA query_only = ON";
}

void migrate(soci::session& sql) {
  transact(sql, [&] {
    for (auto version = static_cast<std::size_t>(pragma(sql, "user_version")); version < kMigrations.size(); ++version)
      execute_all(sql, kMigrations[version]);
    sql << "PRAGMA application_id = " << kDatabaseApplicationId;
    sql << "PRAGMA user_version = " << kMigrations.size();
  });
}

/// Looks for damage: everywhere after a stop that was not clean, which leaves the log behind, else in a database that
/// is read quickly. To read a large one from a slow disk takes minutes, and its damage shows when it is used.
void require_sound(Database& database) {
  constexpr std::uintmax_t kReadQuickly = std::uintmax_t{64} * 1024 * 1024;
  std::error_code error;
  if (!database.has_sound_header) throw DamagedDatabase("its header");
  const bool log_left = database.log_was_there;
  if (!log_left && fs::file_size(database.path, error) > kReadQuickly) return;
  std::string verdict;
  database.sql << "PRAGMA quick_check(1)", soci::into(verdict);
  if (verdict != "ok") throw DamagedDatabase(verdict);
}

bool says_damaged(const soci::soci_error& error) {
  const auto* sqlite = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
  constexpr int kCorrupt = 11, kNotADatabase = 26;  // SQLITE_CORRUPT, SQLITE_NOTADB
  if (sqlite != nullptr) return (sqlite->result() & 0xff) == kCorrupt || sqlite->result() == kNotADatabase;
  return std::strstr(error.what(), "malformed") != nullptr;
}

/// SOCI takes the path inside quotes and has no way to write a quote there.
std::string connection_string(const std::string& path) {
  if (path.find('"') != std::string::npos) throw StoreError("storage.path '" + path + "' must not hold a quote");
  return "db=\"" + path + "\"";
}

/// Opens, checks, prepares. Errors: DamagedDatabase, StoreError, soci_error.
void connect(Database& database, const DatabaseOptions& options) {
  soci::session& sql = database.sql;
  try {
    sql.open(soci::sqlite3, connection_string(database.path));
    sql << "PRAGMA busy_timeout = " << kBusyTimeoutMs;
    require_ours(sql, database.path);
    if (options.existing) return require_current(database);
    if (options.replace_damaged) require_sound(database);
    std::string mode;
    sql << "PRAGMA journal_mode = WAL", soci::into(mode);
    sql << "PRAGMA synchronous = " << options.synchronous;
    sql << "PRAGMA cache_size = -" << options.cache_kib;
    if (!is_current(sql)) migrate(sql);
  } catch (const soci::soci_error& error) {
    if (says_damaged(error) || !database.has_sound_header) throw DamagedDatabase(error.what());
    throw;
  }
}

/// Renames the database and its side files to PATH.corrupt, in place of earlier ones: side files of another database
/// would make this one unreadable. Errors: StoreError.
void move_aside(const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;
    fs::remove(path + ".corrupt" + suffix, ignored);
  }
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code error;
    if (!fs::exists(path + suffix, error)) continue;
    fs::rename(path + suffix, path + ".corrupt" + suffix, error);
    if (error)
      throw StoreError("storage.path '" + path + "' is damaged and cannot be moved aside (" + error.message() +
                       "); move it away by hand");
  }
}

/// Opens a database; a damaged one is moved aside where that is wanted. Errors: StoreError, soci_error.
void connect_or_replace(Database& database, const DatabaseOptions& options) {
  try {
    connect(database, options);
  } catch (const DamagedDatabase& damage) {
    const std::string name = "storage.path '" + database.path + "' is damaged (" + damage.what() + ")";
    database.sql.close();
    if (!options.replace_damaged)
      throw StoreError(name + "; the daemon moves it aside at its next start and begins an empty one");
    require_no_fault(database_path_fault(database.path));
    move_aside(database.path);
    database.has_sound_header = true;  // there is none
    options.warn(name + "; it was moved to '" + database.path + ".corrupt' and an empty one takes its place");
    connect(database, options);
  }
}

}  // namespace

void open_database(Database& database, const std::string& path, const DatabaseOptions& options) {
  require_no_fault(database_place_fault(path));
  std::error_code ignored;
  if (options.existing && !fs::exists(path, ignored))
    throw StoreError("storage.path '" + path + "' does not exist; correct it, or start the daemon first");
  database.path = path;
  database.log_was_there = fs::exists(path + "-wal", ignored);
  if (options.replace_damaged) {
    const DatabaseHeader header = DatabaseHeader::of(path);
    database.has_sound_header = !header.is_ours() || header.is_sound();  // what is not ours is never moved
  }
  try {
    connect_or_replace(database, options);
  } catch (const soci::soci_error& error) {
    throw StoreError("storage.path '" + path + "' cannot be opened: " + error.what() +
                     "; check that its directory is writable, that there is space, and that nothing else locks it");
  }
}

}  // namespace mtasts
