// The address of a PostgreSQL database as operators write it: judged, shown without its password, and completed with
// the time limits that an exporter needs. Next: report_store_postgresql.h, which connects.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace mtasts {

/// Does it have one of the schemes of PostgreSQL? Then it is an address, and no path of a file.
bool is_postgresql_url(std::string_view text);

/// Why libpq cannot take the URL, "" when it can; no word of a password is in it. Whether somebody is there is not
/// asked.
std::string postgresql_url_fault(const std::string& url);

/// "postgresql://USER@HOST:PORT/DATABASE" of the URL: what logs, errors and pages show. No password and no parameter is
/// in it, whatever libpq thinks of the URL.
std::string shown_postgresql_url(const std::string& url);

/// The same address in the form that survives SOCI, which splits what it is given at blanks and at the first equals
/// sign: every part is a parameter of the URL. Limits of time are added where neither the URL nor the environment sets
/// them. Input: postgresql_url_fault() finds none.
std::string postgresql_connection_string(const std::string& url);

}  // namespace mtasts
