// A PostgreSQL of the tests' own, on a socket in a temporary folder: started when the first test asks for it, stopped
// at the end of the process. Next: tests/unit/report_store_test.cpp; tests/e2e/postgresql.py for the end-to-end suite.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "tests/support/temporary_folder.h"

namespace mtasts::test {

class PrivatePostgresql {
 public:
  /// The one of this process; nullptr where Debian's package postgresql is not installed.
  static PrivatePostgresql* instance();

  ~PrivatePostgresql();
  PrivatePostgresql(const PrivatePostgresql&) = delete;
  PrivatePostgresql& operator=(const PrivatePostgresql&) = delete;

  /// Makes a database and returns its URL. Input: what stands behind CREATE DATABASE NAME.
  std::string make_database(const std::string& options = "");

 private:
  explicit PrivatePostgresql(const std::string& programs);
  std::string url_of(const std::string& database) const;

  TemporaryFolder folder_{};
  pid_t server_{};
  int databases_{};
};

}  // namespace mtasts::test
