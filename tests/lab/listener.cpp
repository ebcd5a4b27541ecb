// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/listener.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace mtasts::lab {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kFillers = 4;  // more than a backlog of 0 takes, which is one on Linux

asio::awaitable<void> accept_all(std::shared_ptr<tcp::acceptor> acceptor, Session session) {
  for (;;) {
    auto [error, client] = co_await acceptor->async_accept(kAwait);
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) co_return;
    if (error) continue;
    boost::system::error_code ignored;
    client.set_option(tcp::no_delay{true}, ignored);
    asio::co_spawn(acceptor->get_executor(), session(std::move(client)), asio::detached);
  }
}

}  // namespace

Listener::Listener(asio::io_context& context, const tcp::endpoint& where, Listening how, Session session)
    : acceptor_{std::make_shared<tcp::acceptor>(context)} {
  if (how == Listening::refused) return;
  acceptor_->open(where.protocol());
  acceptor_->set_option(tcp::acceptor::reuse_address{true});
  acceptor_->bind(where);
  if (how == Listening::open) {
    acceptor_->listen();
    asio::co_spawn(context, accept_all(acceptor_, std::move(session)), asio::detached);
    return;
  }
  acceptor_->listen(0);
  for (int i = 0; i < kFillers; ++i) {
    tcp::socket& filler = fillers_.emplace_back(context, where.protocol());
    filler.native_non_blocking(true);
    ::connect(filler.native_handle(), where.data(), static_cast<socklen_t>(where.size()));  // Asio's would wait
  }
}

Listener::~Listener() {
  boost::system::error_code ignored;
  acceptor_->close(ignored);  // the accepting coroutine still holds it
}

}  // namespace mtasts::lab
