// SPDX-License-Identifier: Apache-2.0
#include "exporter/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <new>

namespace mtasts::test {
namespace {

namespace asio = boost::asio;

TEST(WorkerPool, GoesOnAfterATaskThatThrows) {
  WorkerPool pool(1);
  for (int i = 0; i < 3; ++i) asio::post(pool.get_executor(), [] { throw std::bad_alloc(); });
  std::promise<void> done;
  asio::post(pool.get_executor(), [&done] { done.set_value(); });
  done.get_future().get();
}

TEST(WorkerPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  WorkerPool pool(2);
  std::promise<void> first, second;
  asio::post(pool.get_executor(), [&] {
    first.set_value();
    second.get_future().get();
  });
  std::promise<void> done;
  asio::post(pool.get_executor(), [&] {
    first.get_future().get();
    second.set_value();
    done.set_value();
  });
  done.get_future().get();
}

TEST(WorkerPool, StopsAfterTheTaskThatHasBegun) {
  std::promise<void> begun, go_on;
  std::atomic<int> ran{0};
  WorkerPool pool(1);
  asio::post(pool.get_executor(), [&] {
    begun.set_value();
    go_on.get_future().get();
    ++ran;
  });
  begun.get_future().get();
  std::thread releaser([&] { go_on.set_value(); });
  pool.stop();
  releaser.join();
  EXPECT_EQ(ran, 1);
  asio::post(pool.get_executor(), [&ran] { ++ran; });
  pool.stop();
  EXPECT_EQ(ran, 1);
}

}  // namespace
}  // namespace mtasts::test
