// SPDX-License-Identifier: Apache-2.0
#include "probes/core/tlsa_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace mtasts {
namespace {

using testing::HasSubstr;

const std::string k32(64, 'a');
const std::string k64(128, 'a');

TEST(TlsaRecordTest, WhichASenderOfMailCanUse) {
  for (const TlsaRecord& usable : std::vector<TlsaRecord>{
           {3, 1, 1, k32}, {3, 0, 2, k64}, {2, 0, 1, k32}, {2, 1, 2, k64}, {3, 0, 0, "30"}, {2, 1, 0, "30"}})
    EXPECT_EQ(unusable_reason(usable), "") << to_string(usable);
  const struct {
    TlsaRecord record;
    const char* says;
  } cases[] = {{{0, 1, 1, k32}, "usage 0 is not for SMTP"},
               {{1, 1, 1, k32}, "usage 1 is not for SMTP"},
               {{4, 1, 1, k32}, "usage 4 is unknown"},
               {{255, 1, 1, k32}, "usage 255 is unknown"},
               {{3, 2, 1, k32}, "selector 2 is unknown"},
               {{3, 1, 3, k32}, "matching type 3 is unknown"},
               {{3, 1, 1, k64}, "wrong length"},
               {{3, 1, 2, k32}, "wrong length"},
               {{3, 1, 1, k32.substr(2)}, "wrong length"},
               {{3, 1, 0, ""}, "wrong length"}};
  for (const auto& [record, says] : cases) EXPECT_THAT(unusable_reason(record), HasSubstr(says)) << to_string(record);
}

TEST(TlsaRecordTest, OneThatCanBeUsedIsEnough) {
  EXPECT_FALSE(has_usable(std::vector<TlsaRecord>{}));
  EXPECT_FALSE(has_usable(std::vector<TlsaRecord>{{1, 1, 1, k32}}));
  EXPECT_TRUE(has_usable(std::vector<TlsaRecord>{{1, 1, 1, k32}, {3, 1, 1, k32}}));
}

TEST(TlsaRecordTest, AsInAZoneFile) { EXPECT_EQ(to_string(TlsaRecord{3, 1, 1, "ab01"}), "3 1 1 ab01"); }

}  // namespace
}  // namespace mtasts
