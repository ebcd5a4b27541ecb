// SPDX-License-Identifier: Apache-2.0
#include "exporter/report_imap.h"

#include <boost/asio/executor_work_guard.hpp>
#include <condition_variable>
#include <future>
#include <thread>

#include "tests/integration/hostile_peer.h"
#include "tests/support/temporary_folder.h"

namespace mtasts {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using lab::TlsStream;

constexpr const char* kPassword = "pass word\"\\";

/// What to send for a command, or nullopt to hang up.
using Answer = std::function<std::optional<std::string>(const std::string& tag, const std::string& command)>;

/// A server that takes any login.
std::optional<std::string> welcome(const std::string& tag, const std::string& command) {
  if (command == "CAPABILITY") return "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR MOVE\r\n" + tag + " OK\r\n";
  return tag + " OK\r\n";
}

/// One message, with UID 7, that stays in the folder.
std::optional<std::string> one_message(const std::string& tag, const std::string& command) {
  if (command.starts_with("SELECT")) return "* 1 EXISTS\r\n" + tag + " OK\r\n";
  if (command.starts_with("FETCH")) return "* 1 FETCH (UID 7 FLAGS ())\r\n" + tag + " OK\r\n";
  if (command.starts_with("UID FETCH")) return "* 1 FETCH (UID 7 BODY[]<0> {3}\r\nabc)\r\n" + tag + " OK\r\n";
  return welcome(tag, command);
}

/// Waits for what another thread notes.
template <class T>
class Noted {
 public:
  void note(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  /// The first ones, once there are so many. Fails the test when that takes longer than any limit of a test.
  std::vector<T> first(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 30s, [&] { return values_.size() >= count; })) << "hangs";
    return values_;
  }

 private:
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::vector<T> values_{};
};

class ReportImapTest : public HostilePeer {
 protected:
  ReportImapTest() {
    folder_.write("password", std::string(kPassword) + "\n");
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ReportImapTest() override {
    imap_.reset();
    guard_.reset();
    io_.stop();
    thread_.join();
  }

  TlsrptImapConfig mailbox(std::uint16_t port, bool starttls = false) const {
    return {.server = "localhost:" + std::to_string(port),
            .host = "localhost",
            .port = port,
            .starttls = starttls,
            .ca_file = ca_file_,
            .user = "user",
            .password_file = folder_.file("password"),
            .done_folder = "Done",
            .refused_folder = "Refused",
            .poll_interval = 1h};
  }

  ReportImap& imap() {
    if (!imap_) imap_.emplace(options());
    return *imap_;
  }

  /// Does stop() return, although the server says nothing for an hour?
  bool stops() {
    const auto stopped = std::async(std::launch::async, [this] { imap().stop(); });
    return stopped.wait_for(30s) == std::future_status::ready;
  }

  ImapOptions options() {
    return {.take =
                [this](std::string_view input, const Arrival& arrival) {
                  arrivals_.note(arrival.name + " " + std::string(input));
                  return take_(input);
                },
            .limits = limits_,
            .on_trouble = [this](const auto&, const std::string& problem) { troubles_.note(problem); },
            .on_note = [this](const auto&, const std::string& note) { notes_.note(note); },
            .on_state = [this](std::optional<bool> works) { states_.note(works); }};
  }

  static IntakeResult counted() { return {.reports = {{.outcome = ReportOutcome::counted}}}; }

  /// A server that shakes hands, greets and answers line by line.
  std::uint16_t serve_imap(Answer answer) {
    return serve([this, answer](Tcp::socket client) { return tls_session(std::move(client), answer); });
  }

  asio::awaitable<void> tls_session(Tcp::socket client, Answer answer) {
    const lab::TlsSpec spec;
    auto stream = co_await server_tls_.accept(std::move(client), spec);
    if (stream) co_await converse(*stream, answer);
  }

  template <class Stream>
  asio::awaitable<void> converse(Stream& stream, Answer answer) {
    co_await peer_write(stream, std::string("* OK ready\r\n"));
    std::string heard;
    while (true) {
      const std::string piece = co_await peer_read(stream);
      if (piece.empty()) co_return;
      heard += piece;
      for (std::size_t end = 0; (end = heard.find("\r\n")) != std::string::npos; heard.erase(0, end + 2)) {
        const std::string line = heard.substr(0, end);
        said_.note(line);
        const auto reply = answer(line.substr(0, line.find(' ')), line.substr(line.find(' ') + 1));
        if (!reply) co_return;
        const bool sent = co_await peer_write(stream, *reply);
        if (!sent) co_return;
      }
    }
  }

  /// The first thing that is said of a mailbox on this server.
  std::string first_trouble(std::uint16_t port, bool starttls = false) {
    imap().set_mailboxes({mailbox(port, starttls)});
    return troubles_.first(1).at(0);
  }

  test::TemporaryFolder folder_{};
  ImapLimits limits_{.max_message_bytes = 1000};
  std::function<IntakeResult(std::string_view)> take_{[](std::string_view) { return counted(); }};
  Noted<std::string> arrivals_{};
  Noted<std::string> said_{};
  Noted<std::string> troubles_{};
  Noted<std::string> notes_{};
  Noted<std::optional<bool>> states_{};
  asio::executor_work_guard<asio::io_context::executor_type> guard_{io_.get_executor()};
  std::optional<ReportImap> imap_{};
  std::thread thread_{};
};

TEST_F(ReportImapTest, HandsOverWhatItFinds) {
  const std::uint16_t port = serve_imap(one_message);
  EXPECT_EQ(first_trouble(port), "");
  EXPECT_EQ(arrivals_.first(1).at(0), "localhost:" + std::to_string(port) + "/INBOX/7 abc");
  EXPECT_EQ(states_.first(1), std::vector<std::optional<bool>>{true});
}

TEST_F(ReportImapTest, WhatCannotBeStoredIsLeftAndTriedAgain) {
  take_ = [this](std::string_view) {
    return arrivals_.first(1).size() == 1 ? IntakeResult{.stored = false} : counted();
  };
  const std::uint16_t port = serve_imap(one_message);
  EXPECT_EQ(first_trouble(port), "");
  imap().set_mailboxes({mailbox(port)});
  arrivals_.first(2);
  imap().stop();
  const std::vector<std::string> said = said_.first(1);
  const auto moved =
      std::find_if(said.begin(), said.end(), [](const auto& line) { return line.ends_with("\"Done\""); });
  const auto again = std::find_if(said.begin(), said.end(), [](const auto& line) { return line.ends_with("LOGOUT"); });
  EXPECT_LT(again, moved);  // the first session ends before anything is moved
}

TEST_F(ReportImapTest, StopsWhileAServerIsSilent) {
  limits_.login = 1h;
  Noted<bool> connected;
  const std::uint16_t port = serve([&connected](Tcp::socket client) -> asio::awaitable<void> {
    connected.note(true);
    co_await peer_wait_for_end(client);
  });
  imap().set_mailboxes({mailbox(port)});
  connected.first(1);
  EXPECT_TRUE(stops());
}

TEST_F(ReportImapTest, StopsWhileAServerIsSilentAfterTheLogin) {
  limits_.silence = 1h;
  Noted<bool> asked;
  const std::uint16_t port = serve_imap([&asked](const std::string& tag, const std::string& command) {
    if (tag != "m1") return welcome(tag, command);
    asked.note(true);
    return std::optional<std::string>("");
  });
  imap().set_mailboxes({mailbox(port)});
  asked.first(1);
  EXPECT_TRUE(stops());
}

TEST_F(ReportImapTest, GivesASilentServerUp) {
  limits_.silence = 50ms;
  const std::uint16_t port = serve_imap([](const std::string& tag, const std::string& command) {
    return tag == "m1" ? std::optional<std::string>("") : welcome(tag, command);
  });
  EXPECT_EQ(first_trouble(port),
            "the server does not answer in time; look at the server and the network; the next try comes by itself");
  EXPECT_EQ(states_.first(1), std::vector<std::optional<bool>>{false});
}

TEST_F(ReportImapTest, GivesAServerUpThatNeverGetsToThePoint) {
  limits_.command = 200ms;
  const std::uint16_t port = serve([this](Tcp::socket client) -> asio::awaitable<void> {
    const lab::TlsSpec spec;
    auto stream = co_await server_tls_.accept(std::move(client), spec);
    if (!stream) co_return;
    const Answer until_login = [](const std::string& tag, const std::string& command) {
      return tag == "m1" ? std::nullopt : welcome(tag, command);
    };
    co_await converse(*stream, until_login);
    bool there = true;
    while (there) there = co_await peer_write(*stream, std::string("* OK wait\r\n"));
  });
  const std::string trouble = first_trouble(port);
  EXPECT_TRUE(trouble.starts_with("the server does not answer in time") ||
              trouble.starts_with("the server's answer breaks the protocol"))
      << trouble;
}

TEST_F(ReportImapTest, SurvivesAHangUpInsideAMessage) {
  const std::uint16_t port = serve([this](Tcp::socket client) -> asio::awaitable<void> {
    const lab::TlsSpec spec;
    auto stream = co_await server_tls_.accept(std::move(client), spec);
    if (!stream) co_return;
    const Answer until_message = [](const std::string& tag, const std::string& command) {
      return command.starts_with("UID FETCH") ? std::nullopt : one_message(tag, command);
    };
    co_await converse(*stream, until_message);
    co_await peer_write(*stream, std::string("* 1 FETCH (UID 7 BODY[]<0> {300}\r\nabc"));
  });
  EXPECT_TRUE(first_trouble(port).starts_with("the server closes the connection; "));
}

TEST_F(ReportImapTest, RefusesALineWithoutAnEnd) {
  const std::uint16_t port = serve_imap([](const std::string& tag, const std::string& command) {
    return tag == "m1" ? std::string(100'000, 'x') : welcome(tag, command);
  });
  EXPECT_TRUE(first_trouble(port).starts_with("the server's answer breaks the protocol; "));
}

TEST_F(ReportImapTest, RefusesAServerThatTalksWithoutEndBeforeTheLogin) {
  const std::uint16_t port = serve([this](Tcp::socket client) -> asio::awaitable<void> {
    const lab::TlsSpec spec;
    auto stream = co_await server_tls_.accept(std::move(client), spec);
    bool there = stream != nullptr;
    if (there) co_await peer_write(*stream, std::string("* OK ready\r\n"));
    while (there) there = co_await peer_write(*stream, std::string("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"));
  });
  EXPECT_TRUE(first_trouble(port).starts_with("the server says too much before the login; "));
}

TEST_F(ReportImapTest, NeverShowsThePasswordThatAServerSendsBack) {
  const std::uint16_t port = serve_imap([](const std::string& tag, const std::string& command) {
    if (command.starts_with("CAPABILITY")) return welcome(tag, command);
    return std::optional<std::string>(tag + " NO [AUTHENTICATIONFAILED] not " + kPassword + "\r\n");
  });
  EXPECT_EQ(first_trouble(port), "the server refuses the login: not ***; correct user or password_file");
}

TEST_F(ReportImapTest, RespectsLoginDisabled) {
  const std::uint16_t port = serve_imap([](const std::string& tag, const std::string&) {
    return std::optional<std::string>("* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n" + tag + " OK\r\n");
  });
  EXPECT_TRUE(first_trouble(port).starts_with("the server offers no way to log in; "));
  EXPECT_EQ(said_.first(1).size(), 1U);
}

TEST_F(ReportImapTest, QuotesThePasswordForLogin) {
  const std::uint16_t port = serve_imap([](const std::string& tag, const std::string& command) {
    if (command == "CAPABILITY") return std::optional<std::string>("* CAPABILITY IMAP4rev1\r\n" + tag + " OK\r\n");
    return welcome(tag, command);
  });
  EXPECT_EQ(first_trouble(port), "");
  EXPECT_EQ(said_.first(2).at(1), "A002 LOGIN user \"pass word\\\"\\\\\"");
}

TEST_F(ReportImapTest, SaysNothingInClearText) {
  const std::uint16_t port = serve([this](Tcp::socket client) -> asio::awaitable<void> {
    const Answer no_starttls = welcome;
    co_await converse(client, no_starttls);
  });
  EXPECT_TRUE(first_trouble(port, true).starts_with("the server offers no STARTTLS; "));
  EXPECT_EQ(said_.first(1).size(), 1U);
}

TEST_F(ReportImapTest, APasswordFileThatHoldsNoneIsSaid) {
  folder_.write("password", "\n");
  EXPECT_EQ(first_trouble(1), "password_file holds no password; write the password as its one line");
}

TEST_F(ReportImapTest, AnIntakeThatThrowsIsSaid) {
  take_ = [](std::string_view) -> IntakeResult { throw std::runtime_error("no memory"); };
  EXPECT_EQ(first_trouble(serve_imap(one_message)),
            "a message could not be taken: no memory; the next try comes by itself");
}

TEST_F(ReportImapTest, TheSameTroubleIsSaidOnceAndItsEndToo) {
  std::atomic<bool> works{false};
  const std::uint16_t port = serve_imap([&works](const std::string& tag, const std::string& command) {
    if (command.starts_with("SELECT") && !works) return std::optional<std::string>(tag + " NO try " + tag + "\r\n");
    return welcome(tag, command);
  });
  imap().set_mailboxes({mailbox(port)});
  troubles_.first(1);
  imap().set_mailboxes({mailbox(port)});
  const auto selects = [this] {
    const auto said = said_.first(1);
    return std::count_if(said.begin(), said.end(), [](const auto& line) { return line.ends_with("SELECT \"INBOX\""); });
  };
  for (std::size_t lines = 8; selects() < 2; ++lines) said_.first(lines);
  works = true;
  imap().set_mailboxes({mailbox(port)});
  EXPECT_EQ(troubles_.first(2).at(1), "");
  EXPECT_EQ(states_.first(2), (std::vector<std::optional<bool>>{false, true}));
}

TEST_F(ReportImapTest, OneMailboxThatFailsIsEnoughForTheState) {
  const std::uint16_t good = serve_imap(welcome);
  const std::uint16_t bad = serve([](Tcp::socket) -> asio::awaitable<void> { co_return; });
  imap().set_mailboxes({mailbox(good), mailbox(bad)});
  troubles_.first(2);
  EXPECT_EQ(states_.first(1), std::vector<std::optional<bool>>{false});
  imap().set_mailboxes({mailbox(good)});
  EXPECT_EQ(states_.first(2), (std::vector<std::optional<bool>>{false, true}));
  imap().set_mailboxes({});
  EXPECT_EQ(states_.first(3).at(2), std::nullopt);
}

TEST_F(ReportImapTest, SaysWhenMailHasToStay) {
  const std::uint16_t port = serve_imap([](const std::string& tag, const std::string& command) {
    if (command == "CAPABILITY") return std::optional<std::string>("* CAPABILITY IMAP4rev1\r\n" + tag + " OK\r\n");
    return one_message(tag, command);
  });
  EXPECT_EQ(first_trouble(port), "");
  EXPECT_TRUE(notes_.first(1).at(0).starts_with("the server can neither MOVE (RFC 6851) nor UIDPLUS"));
}

TEST(ImapPause, DoublesUpToAnHour) {
  EXPECT_EQ(imap_pause(0, 5min), 5min);
  EXPECT_EQ(imap_pause(1, 5min), 30s);
  EXPECT_EQ(imap_pause(2, 5min), 1min);
  EXPECT_EQ(imap_pause(7, 5min), 32min);
  EXPECT_EQ(imap_pause(8, 5min), 1h);
  EXPECT_EQ(imap_pause(4'000'000'000, 5min), 1h);
  EXPECT_EQ(imap_pause(4'000'000'000, 24h), std::chrono::milliseconds{30s} * 1024);
}

TEST(ImapReceipts, WhatCannotBeStoredIsNeitherTakenNorRefused) {
  const auto of = [](std::vector<TakenReport> reports, bool stored) {
    return receipt_of({.reports = std::move(reports), .stored = stored});
  };
  const TakenReport invalid{.outcome = ReportOutcome::invalid};
  const TakenReport counted{.outcome = ReportOutcome::counted};
  EXPECT_EQ(of({invalid}, true), ImapReceipt::refused);
  EXPECT_EQ(of({counted}, true), ImapReceipt::taken);
  EXPECT_EQ(of({counted}, false), ImapReceipt::not_stored);
  EXPECT_EQ(of({invalid}, false), ImapReceipt::not_stored);
}

}  // namespace
}  // namespace mtasts
