// Threads that run what is posted to them, and go on whatever that throws.
// Next: http_server.h, whose answers are made on some.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <thread>
#include <vector>

namespace mtasts {

/// Runs until the loop is stopped. What one handler throws, for want of memory, ends neither the others nor the
/// process.
void run_loop(boost::asio::io_context& io);

/// As boost::asio::thread_pool, which lets the process end with a task that throws.
class WorkerPool {
 public:
  using executor_type = boost::asio::io_context::executor_type;

  /// Errors: std::system_error when there are not as many threads to be had.
  explicit WorkerPool(std::size_t threads);
  ~WorkerPool();  // stops
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// For asio::post().
  [[nodiscard]] executor_type get_executor() { return io_.get_executor(); }

  /// Waits for the tasks that have begun; the others never do.
  void stop();

 private:
  boost::asio::io_context io_{};
  boost::asio::executor_work_guard<executor_type> work_{io_.get_executor()};
  std::vector<std::jthread> threads_{};
};

}  // namespace mtasts
