// SPDX-License-Identifier: Apache-2.0
#include "probes/net/turns.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mtasts {
namespace asio = boost::asio;

/// A coroutine in line. Its timer is touched on its own loop alone.
struct Turns::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor, asio::steady_timer::time_point::max()) {}

  asio::steady_timer timer;
  bool called{};  // guarded by the mutex: has its turn, and is no longer in line
};

/// Stands in line while it lives, and gives a turn back that came too late.
class Turns::InLine {
 public:
  InLine(Turns& owner, const std::string& name, std::shared_ptr<Waiter> waiter)
      : owner_(owner), name_(name), waiter_(std::move(waiter)) {
    ++owner_.waiting_;
  }
  ~InLine() {
    --owner_.waiting_;
    if (taken_) return;
    if (leave()) owner_.end(name_);
  }
  InLine(const InLine&) = delete;
  InLine& operator=(const InLine&) = delete;

  [[nodiscard]] bool called() const {
    const std::scoped_lock lock(owner_.mutex_);
    return waiter_->called;
  }
  void take() { taken_ = true; }

 private:
  /// Has the turn come meanwhile?
  bool leave() {
    const std::scoped_lock lock(owner_.mutex_);
    if (!waiter_->called) owner_.by_name_.at(name_).line.remove(waiter_);
    return waiter_->called;
  }

  Turns& owner_;
  const std::string& name_;
  std::shared_ptr<Waiter> waiter_;
  bool taken_{};
};

/// Nullptr: it is one's turn.
std::shared_ptr<Turns::Waiter> Turns::take_or_queue(const std::string& name, std::size_t most,
                                                    const asio::any_io_executor& executor) {
  const std::scoped_lock lock(mutex_);
  Holders& holders = by_name_[name];
  if (holders.count < most) {
    ++holders.count;
    return nullptr;
  }
  return holders.line.emplace_back(std::make_shared<Waiter>(executor));
}

asio::awaitable<Turns::Turn> Turns::take(std::string name, std::size_t most) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const std::shared_ptr<Waiter> waiter = take_or_queue(name, most, executor);
  if (waiter) {
    InLine in_line(*this, name, waiter);
    if (told_) told_();
    while (!in_line.called()) co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    in_line.take();
  }
  Turn turn(*this, std::move(name));
  co_return turn;
}

void Turns::end(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  const auto place = by_name_.find(name);
  Holders& holders = place->second;
  if (holders.line.empty()) {
    if (--holders.count == 0) by_name_.erase(place);
    return;
  }
  const std::shared_ptr<Waiter> next = holders.line.front();
  holders.line.pop_front();
  next->called = true;
  asio::post(next->timer.get_executor(), [next] { next->timer.cancel(); });
}

}  // namespace mtasts
