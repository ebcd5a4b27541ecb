// SPDX-License-Identifier: Apache-2.0
#include "exporter/worker_pool.h"

#include <cstdlib>
#include <exception>
#include <new>

#include "exporter/log.h"

namespace mtasts {
namespace {

/// jemalloc 5.3 crashes where the first allocation of a thread finds no memory: better now than in a bad moment.
void allocate_something() {
  void* volatile first = std::malloc(1);
  std::free(first);
}

void log_failure(const std::exception& failure) {
  try {
    log_error("internal error", {{"error", failure.what()}});
  } catch (const std::bad_alloc&) {  // nor is there any for the line
    return;
  }
}

}  // namespace

void run_loop(boost::asio::io_context& io) {
  allocate_something();
  while (!io.stopped()) {
    try {
      io.run();
    } catch (const std::exception& failure) {
      log_failure(failure);
    }
  }
}

WorkerPool::WorkerPool(std::size_t threads) {
  try {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run_loop(io_); });
  } catch (...) {
    stop();
    throw;
  }
}

WorkerPool::~WorkerPool() { stop(); }

void WorkerPool::stop() {
  io_.stop();
  threads_.clear();  // joins
}

}  // namespace mtasts
