// SPDX-License-Identifier: Apache-2.0
#include "probes/core/public_suffix.h"

#include <gtest/gtest.h>

namespace mtasts {
namespace {

TEST(PublicSuffix, TellsWhoRegisteredAName) {
  EXPECT_EQ(registered_domain("contoso-com.mail.protection.outlook.com"), "outlook.com");
  EXPECT_EQ(registered_domain("mx.example.co.uk"), "example.co.uk");
  EXPECT_EQ(registered_domain("example.org"), "example.org");
  EXPECT_EQ(registered_domain("customer.github.io"), "customer.github.io") << "hosting companies hand out names, too";
  for (const char* none : {"co.uk", "localhost", ""}) EXPECT_EQ(registered_domain(none), none);
}

}  // namespace
}  // namespace mtasts
