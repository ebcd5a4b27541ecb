// Ends the process when it is told to stop while it starts, which a large database that must be checked can make long.
// Next: daemon.h, which waits for signals once all is there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <thread>

#include "exporter/log.h"

namespace mtasts {

/// While it lives, SIGTERM and SIGINT end the process at once, with status 0. What was being written is as after
/// kill -9: transactions, done or undone. Input: both, and SIGUSR1, which wakes its thread, are blocked in all threads.
class EarlyStop {
 public:
  EarlyStop() : thread_([] { wait(); }) {}
  ~EarlyStop() {
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }
  EarlyStop(const EarlyStop&) = delete;
  EarlyStop& operator=(const EarlyStop&) = delete;

 private:
  static void wait() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, number);
    int number = 0;
    if (sigwait(&signals, &number) != 0 || number == SIGUSR1) return;
    log_info("stopping before the start was complete");
    std::_Exit(0);
  }

  std::thread thread_;
};

}  // namespace mtasts
