// SPDX-License-Identifier: Apache-2.0
#include "exporter/process_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

#include "tests/support/temporary_folder.h"

namespace mtasts {
namespace {

TEST(ProcessLock, IsOneProcesss) {
  const test::TemporaryFolder folder;
  const std::string database = folder.file("state.db");
  std::optional<ProcessLock> held(database);
  EXPECT_THROW(ProcessLock{database}, std::runtime_error);
  held.reset();
  EXPECT_NO_THROW(ProcessLock{database});
  const ProcessLock other(folder.file("other.db"));
}

TEST(ProcessLock, APlaceThatCannotBeWrittenLocksNothing) { EXPECT_NO_THROW(ProcessLock{"/nonexistent/state.db"}); }

}  // namespace
}  // namespace mtasts
