// SPDX-License-Identifier: Apache-2.0
#include "exporter/route_table.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

std::string found(const RouteTable& table, std::string_view path) {
  const auto route = table.find(path);
  return route ? route->path : "";
}

TEST(RouteTable, TheExactPathThenTheLongestPrefix) {
  RouteTable table;
  for (const char* path : {"/a/*", "/a/b/*", "/a/b", "/"}) table.put({{"GET"}, path, {}, {}});
  EXPECT_EQ(found(table, "/a/b"), "/a/b");
  EXPECT_EQ(found(table, "/a/b/c"), "/a/b/*");
  EXPECT_EQ(found(table, "/a/c"), "/a/*");
  EXPECT_EQ(found(table, "/"), "/");
  EXPECT_EQ(found(table, "/a"), "");
  EXPECT_EQ(found(table, "/*"), "");
}

TEST(RouteTable, PathsAreExchangedAndTakenAway) {
  RouteTable table;
  table.put({{"GET"}, "/a", {}, {}});
  const auto kept = table.find("/a");
  table.put({{"POST"}, "/a", {}, {}});
  EXPECT_TRUE(table.find("/a")->allows("POST"));
  EXPECT_FALSE(table.find("/a")->allows("GET"));
  table.remove("/a");
  table.remove("/a");
  EXPECT_EQ(table.find("/a"), nullptr);
  EXPECT_TRUE(kept->allows("GET"));
}

TEST(RouteTable, HeadComesWithGet) {
  EXPECT_EQ((Route{{"GET"}, "/", {}, {}}.allow_header()), "GET, HEAD");
  EXPECT_EQ((Route{{"POST", "PUT"}, "/", {}, {}}.allow_header()), "POST, PUT");
}

}  // namespace
}  // namespace mtasts
