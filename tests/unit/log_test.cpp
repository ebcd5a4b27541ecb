// SPDX-License-Identifier: Apache-2.0
#include "exporter/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

namespace mtasts {
namespace {

constexpr LogTime kNow{std::chrono::milliseconds{1'700'000'000'042}};

std::string logfmt(std::string_view message, const LogFields& fields = {}) {
  return render_log_line(LogFormat::logfmt, kNow, LogLevel::warn, message, fields);
}

std::string json(std::string_view message, const LogFields& fields = {}) {
  return render_log_line(LogFormat::json, kNow, LogLevel::warn, message, fields);
}

TEST(Log, WritesTimeLevelMessageThenFields) {
  const LogFields fields{{"domain", "example.org"}, {"faults", 3}, {"live", true}, {"ratio", 0.5}};
  EXPECT_EQ(logfmt("Verdict changed", fields),
            "ts=2023-11-14T22:13:20.042Z level=warn msg=\"Verdict changed\" domain=example.org faults=3 live=true "
            "ratio=0.5");
  EXPECT_EQ(json("Verdict changed", fields),
            R"({"ts":"2023-11-14T22:13:20.042Z","level":"warn","msg":"Verdict changed","domain":"example.org",)"
            R"("faults":3,"live":true,"ratio":0.5})");
}

TEST(Log, EscapesWhatCouldForgeALineOrAField) {
  const LogFields fields{{"v", "a\nlevel=error \"x\" \\ \x1b[31m\x7f\xC2\x9B"}};
  EXPECT_EQ(logfmt("m", fields),
            "ts=2023-11-14T22:13:20.042Z level=warn msg=m "
            R"(v="a\nlevel=error \"x\" \\ \u001b[31m\u007f\u009b")");
  EXPECT_EQ(json("m", fields), R"({"ts":"2023-11-14T22:13:20.042Z","level":"warn","msg":"m",)"
                               R"("v":"a\nlevel=error \"x\" \\ \u001b[31m\u007f\u009b"})");
}

TEST(Log, ReplacesOctetsThatAreNotUtf8AndKeepsTheRest) {
  const std::string head = R"({"ts":"2023-11-14T22:13:20.042Z","level":"warn","msg":")";
  EXPECT_EQ(json("\xFF\xC3\xBC\xED\xA0\x80\xE2\x82"), head +
                                                          "\xEF\xBF\xBD\xC3\xBC\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                                                          "\xEF\xBF\xBD\xEF\xBF\xBD\"}");
}

TEST(Log, QuotesEmptyValues) { EXPECT_TRUE(logfmt("m", {{"v", ""}}).ends_with(" v=\"\"")); }

TEST(Log, WritesWholeLinesOfTheConfiguredLevelFromAnyThread) {
  configure_log(LogLevel::warn, LogFormat::json);
  testing::internal::CaptureStderr();
  const auto work = [] {
    for (int i = 0; i < 200; ++i) {
      log_info("below the level");
      log_warn("from a thread", {{"i", i}});
    }
  };
  std::thread other(work);
  work();
  other.join();
  const std::string written = testing::internal::GetCapturedStderr();
  configure_log(LogLevel::info, LogFormat::logfmt);
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 400);
  EXPECT_EQ(written.find("below"), std::string::npos);
  EXPECT_EQ(written.find("}{"), std::string::npos);
}

}  // namespace
}  // namespace mtasts
