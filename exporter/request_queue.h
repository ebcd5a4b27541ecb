// Requests that wait for a worker. A client that hangs up takes its request along: what waits is bounded by the clients
// that are there. Next: http_server.cpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "exporter/worker_pool.h"

namespace mtasts {

/// First come, first served, by a pool of its own. Safe from any thread.
class RequestQueue {
 public:
  using Task = std::function<void()>;

  /// Input: `clients`, how many there are at most. From so many tasks on, those of clients that have gone are looked
  /// for. Errors: as for WorkerPool.
  RequestQueue(std::size_t workers, std::size_t clients) : workers_{workers}, look_from_{clients}, pool_{workers} {}

  /// Has a worker run a task in its turn, or never, if `client` has expired by then. What the task throws is lost.
  void push(std::weak_ptr<const void> client, Task task);

  /// How many wait.
  [[nodiscard]] std::size_t size() const;

  /// For what else the workers do, which takes turns with the tasks.
  [[nodiscard]] WorkerPool& pool() { return pool_; }

 private:
  struct Waiting {
    std::weak_ptr<const void> client{};
    Task task{};
  };

  void forget_the_gone();
  void post_turn();
  void take_turn();

  const std::size_t workers_;
  mutable std::mutex mutex_{};
  std::deque<Waiting> waiting_{};
  std::size_t look_from_;
  std::size_t turns_{};  // posted to the pool, each for one task; no more than there are workers
  WorkerPool pool_;      // last: ends first
};

}  // namespace mtasts
