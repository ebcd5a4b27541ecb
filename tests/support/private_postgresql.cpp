// SPDX-License-Identifier: Apache-2.0
#include "tests/support/private_postgresql.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <thread>
#include <vector>

namespace mtasts::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUser = "mtasts";
constexpr const char* kPort = "5432";  // part of the name of its socket; it listens on no other

/// The folder with the programs of the newest version, "" where there is none.
std::string find_programs() {
  std::string newest;
  std::error_code error;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", error)) {
    const std::string programs = (version.path() / "bin").string();
    if (fs::exists(programs + "/initdb") && programs > newest) newest = programs;
  }
  return newest;
}

/// PostgreSQL refuses to run as root.
void give_up_root() {
  const passwd* nobody = getpwnam("nobody");
  if (geteuid() != 0) return;
  if (nobody == nullptr || setgroups(0, nullptr) != 0 || setgid(nobody->pw_gid) != 0 || setuid(nobody->pw_uid) != 0)
    _exit(126);
}

/// Starts a program that ends with this process at the latest; what it says goes to `log`.
pid_t start(const std::vector<std::string>& command, const std::string& log) {
  const pid_t child = fork();
  if (child != 0) return child;
  give_up_root();
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execv(words[0], words.data());
  _exit(127);
}

void require_success(pid_t child, const std::string& what) {
  int status = -1;
  waitpid(child, &status, 0);
  if (status != 0) throw std::runtime_error(what + " ended with status " + std::to_string(status));
}

}  // namespace

PrivatePostgresql* PrivatePostgresql::instance() {
  static const std::string programs = find_programs();
  if (programs.empty()) return nullptr;
  static PrivatePostgresql server{programs};
  return &server;
}

PrivatePostgresql::PrivatePostgresql(const std::string& programs) {
  const std::string folder = folder_.file(""), data = folder_.file("data"), log = folder_.file("log");
  const passwd* nobody = geteuid() == 0 ? getpwnam("nobody") : nullptr;
  if (nobody != nullptr && chown(folder.c_str(), nobody->pw_uid, nobody->pw_gid) != 0)
    throw std::runtime_error("PostgreSQL's folder cannot be given to nobody");
  require_success(start({programs + "/initdb", "--pgdata=" + data, "--username=" + std::string{kUser}, "--auth=trust",
                         "--encoding=UTF8", "--locale=C", "--no-sync"},
                        log),
                  "initdb");
  // Nothing here has to survive the loss of power.
  server_ = start(
      {programs + "/postgres", "-D", data, "-k", folder, "-p", kPort, "-c", "listen_addresses=", "-c", "fsync=off"},
      log);
  for (int attempt = 0; !fs::exists(folder_.file(".s.PGSQL.5432.lock")) || !fs::exists(data + "/postmaster.pid");
       ++attempt) {
    if (attempt > 3000) throw std::runtime_error("PostgreSQL does not start");
    std::this_thread::sleep_for(std::chrono::milliseconds{10});  // it tells nobody when it is ready
  }
}

PrivatePostgresql::~PrivatePostgresql() {
  kill(server_, SIGQUIT);
  waitpid(server_, nullptr, 0);
}

std::string PrivatePostgresql::url_of(const std::string& database) const {
  return "postgresql://" + std::string{kUser} + "@/" + database + "?host=" + folder_.file("") + "&port=" + kPort;
}

std::string PrivatePostgresql::make_database(const std::string& options) {
  const std::string name = "test" + std::to_string(++databases_);
  // The first connections may come while it still starts.
  for (int attempt = 0;; ++attempt) {
    try {
      soci::session sql{soci::postgresql, url_of("postgres")};
      sql << "CREATE DATABASE " << name << " " << options;
      return url_of(name);
    } catch (const soci::soci_error& error) {
      if (attempt > 300 || std::string{error.what()}.find("starting up") == std::string::npos) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
  }
}

}  // namespace mtasts::test
