// What people see of the URL of a database, and what its library gets.
// SPDX-License-Identifier: Apache-2.0
#include "exporter/postgresql_url.h"

#include <gmock/gmock.h>

namespace mtasts::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PostgresqlUrl, IsToldFromAPath) {
  EXPECT_TRUE(is_postgresql_url("postgresql://db/mtasts"));
  EXPECT_TRUE(is_postgresql_url("postgres://db/mtasts"));
  EXPECT_FALSE(is_postgresql_url("/var/lib/mtasts_exporter/state.db"));
  EXPECT_FALSE(is_postgresql_url("mysql://db/mtasts"));
  EXPECT_FALSE(is_postgresql_url(""));
}

TEST(PostgresqlUrl, IsShownWithoutPasswords) {
  EXPECT_EQ(shown_postgresql_url("postgresql://mtasts:geheim@db.example:5433/reports?sslpassword=streng"),
            "postgresql://mtasts@db.example:5433/reports");
  EXPECT_EQ(shown_postgresql_url("postgres://db/reports?user=mtasts&password=geheim"),
            "postgresql://mtasts@db/reports");
  EXPECT_EQ(shown_postgresql_url("postgresql://a:5432,b:5433/reports"), "postgresql://a:5432,b:5433/reports");
  EXPECT_EQ(shown_postgresql_url("postgresql://a,b/reports"), "postgresql://a,b/reports");
  EXPECT_EQ(shown_postgresql_url("postgresql://[2001:db8::1]:5432"), "postgresql://[2001:db8::1]:5432");
  EXPECT_EQ(shown_postgresql_url("postgresql:///reports?host=/run/postgresql"), "postgresql:///run/postgresql/reports");
  EXPECT_EQ(shown_postgresql_url("postgresql://mtasts:geheim%zz@db"), "postgresql://...") << "libpq cannot read it";
}

TEST(PostgresqlUrl, FaultsRepeatNoPassword) {
  EXPECT_EQ(postgresql_url_fault("postgresql://mtasts:geheim@db:5432/reports"), "");
  EXPECT_EQ(postgresql_url_fault("postgresql://db/reports?sslmod=require"), "invalid URI query parameter: \"sslmod\"");
  for (const char* url :
       {"postgresql://mtasts:geheim%zz@db/x", "postgresql://mtasts:geheim@[::1/x", "postgresql://mtasts:geheim@[::1]x/",
        "postgresql://db/x?password=geheim%zz", "postgresql://db/x?password"}) {
    SCOPED_TRACE(url);
    EXPECT_NE(postgresql_url_fault(url), "");
    EXPECT_THAT(postgresql_url_fault(url), Not(HasSubstr("geheim")));
  }
}

TEST(PostgresqlUrl, TheLibraryGetsEverythingAndLimitsOfTime) {
  const std::string text = postgresql_connection_string(
      "postgresql://a%20b:p%27w%3D%26@db:5433/x?connect_timeout=7&application_name=one%20two&client_encoding=LATIN1");
  EXPECT_THAT(text, HasSubstr("&user=a%20b&"));
  EXPECT_THAT(text, HasSubstr("&password=p%27w%3D%26&"));
  EXPECT_THAT(text, HasSubstr("&host=db&"));
  EXPECT_THAT(text, HasSubstr("&port=5433"));
  EXPECT_THAT(text, HasSubstr("&dbname=x&"));
  EXPECT_THAT(text, HasSubstr("&connect_timeout=7&")) << "whoever sets a limit means it";
  EXPECT_THAT(text, HasSubstr("&tcp_user_timeout=10000"));
  EXPECT_THAT(text, HasSubstr("?client_encoding=UTF8&"));
  EXPECT_THAT(text, Not(HasSubstr("LATIN1")));
  EXPECT_EQ(postgresql_url_fault(text), "");
}

}  // namespace
}  // namespace mtasts::test
