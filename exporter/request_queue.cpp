// SPDX-License-Identifier: Apache-2.0
#include "exporter/request_queue.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <new>
#include <utility>

namespace mtasts {

void RequestQueue::push(std::weak_ptr<const void> client, Task task) {
  const std::lock_guard lock{mutex_};
  if (waiting_.size() >= look_from_) forget_the_gone();
  waiting_.push_back({std::move(client), std::move(task)});
  if (turns_ < workers_) post_turn();
}

std::size_t RequestQueue::size() const {
  const std::lock_guard lock{mutex_};
  return waiting_.size();
}

/// Not again before half of the tasks may be of clients that have gone: each is looked at a few times, however many
/// come.
void RequestQueue::forget_the_gone() {
  std::erase_if(waiting_, [](const Waiting& each) { return each.client.expired(); });
  look_from_ = std::max(look_from_, 2 * waiting_.size());
}

void RequestQueue::post_turn() {
  boost::asio::post(pool_.get_executor(), [this] { take_turn(); });
  ++turns_;
}

void RequestQueue::take_turn() {
  Waiting next;
  std::shared_ptr<const void> client;
  {
    const std::lock_guard lock{mutex_};
    --turns_;
    while (!client && !waiting_.empty()) {
      next = std::move(waiting_.front());
      waiting_.pop_front();
      client = next.client.lock();
    }
    try {
      if (!waiting_.empty()) post_turn();  // behind what others have posted meanwhile
    } catch (const std::bad_alloc&) {      // the next push() does
    }
  }
  if (client) next.task();
}

}  // namespace mtasts
