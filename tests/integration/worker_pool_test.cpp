// SPDX-License-Identifier: Apache-2.0
#include "exporter/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <future>
#include <new>
#include <thread>

namespace mtasts::test {
namespace {

namespace asio = boost::asio;

TEST(WorkerPool, GoesOnAfterATaskThatThrows) {
  WorkerPool pool(1);
  for (int i = 0; i < 3; ++i) asio::post(pool.get_executor(), [] { throw std::bad_alloc(); });
  std::promise<std::thread::id> done;
  asio::post(pool.get_executor(), [&done] { done.set_value(std::this_thread::get_id()); });
  EXPECT_NE(done.get_future().get(), std::this_thread::get_id());
}

TEST(WorkerPool, RunsAsManyTasksAtOnceAsItHasThreads) {
  WorkerPool pool(2);
  std::promise<std::thread::id> first, second;  // each waits for the other
  std::promise<bool> differ;
  asio::post(pool.get_executor(), [&] {
    first.set_value(std::this_thread::get_id());
    differ.set_value(second.get_future().get() != std::this_thread::get_id());
  });
  asio::post(pool.get_executor(), [&] {
    first.get_future().get();
    second.set_value(std::this_thread::get_id());
  });
  EXPECT_TRUE(differ.get_future().get());
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
