// Turns are taken across threads, never by more than so many, and every one comes back.
// SPDX-License-Identifier: Apache-2.0
#include "probes/net/turns.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <thread>
#include <vector>

namespace mtasts {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMost = 3;

struct Tally {
  std::atomic<std::size_t> inside{};
  std::atomic<std::size_t> most{};
  std::atomic<std::size_t> ended{};
};

asio::awaitable<void> take_often(Turns& turns, Tally& tally, int times) {
  const auto executor = co_await asio::this_coro::executor;
  for (int i = 0; i < times; ++i) {
    const Turns::Turn turn = co_await turns.take("mx.example.org", kMost);
    const std::size_t inside = ++tally.inside;
    for (std::size_t most = tally.most; inside > most && !tally.most.compare_exchange_weak(most, inside);) {
    }
    co_await asio::post(executor, asio::use_awaitable);  // others of this thread come in between
    --tally.inside;
    ++tally.ended;
  }
}

TEST(Turns, AreTakenAcrossThreads) {
  constexpr int kThreads = 4;
  constexpr int kCoroutines = 8;
  constexpr int kTimes = 200;
  Turns turns;
  Tally tally;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      asio::io_context io{1};
      // A turn may come from another thread after the loop has run dry.
      std::optional work(asio::make_work_guard(io));
      int left = kCoroutines;
      for (int k = 0; k < kCoroutines; ++k) {
        asio::co_spawn(io, take_often(turns, tally, kTimes), [&](std::exception_ptr error) {
          EXPECT_EQ(error, nullptr);
          if (--left == 0) work.reset();
        });
      }
      io.run();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tally.ended, std::size_t{kThreads} * kCoroutines * kTimes);
  EXPECT_LE(tally.most, kMost);
  EXPECT_EQ(turns.waiting(), 0U);
}

asio::awaitable<void> take_for(Turns& turns, std::optional<Turns::Turn>& into) {
  into.emplace(co_await turns.take("mx.example.org", 1));
}

TEST(Turns, OneWhoIsDestroyedWhileItWaitsIsNoLongerInLine) {
  Turns turns;
  std::optional<Turns::Turn> first;
  std::optional<Turns::Turn> never;
  std::optional<Turns::Turn> third;
  asio::io_context io{1};
  asio::co_spawn(io, take_for(turns, first), asio::detached);
  io.run();
  ASSERT_TRUE(first);
  {
    asio::io_context ended{1};
    asio::co_spawn(ended, take_for(turns, never), asio::detached);
    ended.poll();
    EXPECT_EQ(turns.waiting(), 1U);
  }
  EXPECT_EQ(turns.waiting(), 0U);
  first.reset();
  io.restart();
  asio::co_spawn(io, take_for(turns, third), asio::detached);
  io.run();
  EXPECT_TRUE(third);
  EXPECT_FALSE(never);
}

TEST(Turns, ATurnThatCameTooLateGoesToTheNext) {
  Turns turns;
  std::optional<Turns::Turn> first;
  std::optional<Turns::Turn> never;
  std::optional<Turns::Turn> third;
  asio::io_context io{1};
  asio::co_spawn(io, take_for(turns, first), asio::detached);
  io.run();
  {
    asio::io_context ended{1};
    asio::co_spawn(ended, take_for(turns, never), asio::detached);
    ended.poll();
    io.restart();
    asio::co_spawn(io, take_for(turns, third), asio::detached);
    io.poll();
    first.reset();  // calls the second, whose loop does not run any more
  }
  io.run();
  EXPECT_TRUE(third);
  EXPECT_FALSE(never);
}

}  // namespace
}  // namespace mtasts
