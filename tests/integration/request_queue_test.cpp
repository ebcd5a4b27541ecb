// SPDX-License-Identifier: Apache-2.0
#include "exporter/request_queue.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <new>
#include <vector>

namespace mtasts::test {
namespace {

using Client = std::shared_ptr<int>;

/// A worker that is busy until it is let go.
class Busy {
 public:
  explicit Busy(RequestQueue& queue) {
    queue.push(client_, [this, may_end = go_on_.get_future().share()] {
      begun_.set_value();
      may_end.wait();
    });
    begun_.get_future().wait();
  }
  void end() { go_on_.set_value(); }

 private:
  Client client_{std::make_shared<int>()};
  std::promise<void> begun_{};
  std::promise<void> go_on_{};
};

TEST(RequestQueue, FirstComeFirstServed) {
  std::vector<int> served;
  const Client client = std::make_shared<int>();
  std::promise<void> done;
  RequestQueue queue(1, 10);
  Busy busy(queue);
  for (int i = 0; i < 5; ++i) queue.push(client, [&served, i] { served.push_back(i); });
  queue.push(client, [&done] { done.set_value(); });
  busy.end();
  done.get_future().wait();
  EXPECT_EQ(served, (std::vector{0, 1, 2, 3, 4}));
}

TEST(RequestQueue, NobodyIsServedWhoHasGone) {
  bool served = false;
  Client client = std::make_shared<int>();
  const Client last = std::make_shared<int>();
  std::promise<void> done;
  RequestQueue queue(1, 10);
  Busy busy(queue);
  queue.push(client, [&served] { served = true; });
  queue.push(last, [&done] { done.set_value(); });
  client.reset();
  busy.end();
  done.get_future().wait();
  EXPECT_FALSE(served);
}

TEST(RequestQueue, WhatWaitsIsBoundedByTheClientsThatAreThere) {
  constexpr std::size_t kClients = 8;
  RequestQueue queue(1, kClients);
  Busy busy(queue);
  std::vector<Client> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_shared<int>());
    queue.push(clients.back(), [] {});
  }
  for (int i = 0; i < 10'000; ++i) {
    queue.push(std::make_shared<int>(), [] {});
    ASSERT_LE(queue.size(), 2 * kClients + 1);
  }
  busy.end();
}

TEST(RequestQueue, GoesOnAfterATaskThatThrows) {
  const Client client = std::make_shared<int>();
  std::promise<void> done;
  RequestQueue queue(1, 10);
  for (int i = 0; i < 3; ++i) queue.push(client, [] { throw std::bad_alloc(); });
  queue.push(client, [&done] { done.set_value(); });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds{10}), std::future_status::ready);
}

TEST(RequestQueue, WorkersServeAtOnce) {
  const Client client = std::make_shared<int>();
  std::promise<void> first, second, done;
  RequestQueue queue(2, 10);
  queue.push(client, [&] {  // each waits for the other
    first.set_value();
    second.get_future().wait();
  });
  queue.push(client, [&] {
    first.get_future().wait();
    second.set_value();
    done.set_value();
  });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds{10}), std::future_status::ready);
}

}  // namespace
}  // namespace mtasts::test
