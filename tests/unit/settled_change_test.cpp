// SPDX-License-Identifier: Apache-2.0
#include "exporter/settled_change.h"

#include <gtest/gtest.h>

using namespace mtasts;

namespace {

TEST(SettledChange, TellsOnceOfWhatStays) {
  SettledChange change;
  EXPECT_FALSE(change.is_due("a", "a"));
  EXPECT_FALSE(change.is_due("b", "a")) << "somebody may be writing";
  EXPECT_TRUE(change.is_due("b", "a"));
  EXPECT_FALSE(change.is_due("b", "a")) << "it was refused, and is the same still";
  EXPECT_FALSE(change.is_due("c", "a"));
  EXPECT_TRUE(change.is_due("c", "a"));
}

TEST(SettledChange, WaitsWhileItGoesOnChanging) {
  SettledChange change;
  for (const char* now : {"b", "c", "d"}) EXPECT_FALSE(change.is_due(now, "a"));
  EXPECT_TRUE(change.is_due("d", "a"));
}

TEST(SettledChange, BackAndForthIsTwoChanges) {
  SettledChange change;
  change.is_due("b", "a");
  EXPECT_TRUE(change.is_due("b", "a"));
  EXPECT_FALSE(change.is_due("b", "b"));
  EXPECT_FALSE(change.is_due("a", "b"));
  EXPECT_TRUE(change.is_due("a", "b"));
}

TEST(SettledChange, TellsAgainOfWhatWasTakenAwayBySomebodyElse) {
  SettledChange change;
  change.is_due("b", "a");
  EXPECT_TRUE(change.is_due("b", "a"));
  EXPECT_FALSE(change.is_due("a", "a")) << "back, and taken by a reload";
  EXPECT_FALSE(change.is_due("b", "a"));
  EXPECT_TRUE(change.is_due("b", "a"));
}

TEST(SettledChange, ALookAtWhatWasTakenIsALook) {
  SettledChange change;
  EXPECT_FALSE(change.is_due("b", "a"));
  EXPECT_FALSE(change.is_due("a", "a"));
  EXPECT_FALSE(change.is_due("b", "a")) << "somebody may be writing again";
}

TEST(SettledChange, TellsAgainWhenAsked) {
  SettledChange change;
  change.is_due("b", "a");
  EXPECT_TRUE(change.is_due("b", "a"));
  change.forget();
  EXPECT_TRUE(change.is_due("b", "a"));
}

}  // namespace
