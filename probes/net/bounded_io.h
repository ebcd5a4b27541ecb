// Whole messages over a clear TCP socket under one deadline: all octets of a text sent, all octets of a buffer
// received. Next: connection.h and resolver.h, which send and receive with it; deadline.h for the limit.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "probes/net/deadline.h"

namespace mtasts {

// asio::async_write and async_read wait several times. A deadline cancels once; when a step has just completed, there
// is nothing to cancel, and the wait of the next step would have no limit. So these look at the deadline before each
// step.

/// Sends all of `buffer`. Input: all three outlive the call. Errors: operation_aborted once the deadline has passed.
inline boost::asio::awaitable<boost::system::error_code> send_all(boost::asio::ip::tcp::socket& socket,
                                                                  const Deadline& deadline,
                                                                  boost::asio::const_buffer buffer) {
  while (buffer.size() > 0) {
    if (deadline.expired()) co_return boost::asio::error::operation_aborted;
    const auto [error, size] =
        co_await socket.async_write_some(buffer, boost::asio::as_tuple(boost::asio::use_awaitable));
    if (error) co_return error;
    buffer += size;
  }
  co_return boost::system::error_code();
}

/// Fills all of `buffer`. Input, errors: as send_all; eof when the stream ends before.
inline boost::asio::awaitable<boost::system::error_code> receive_all(boost::asio::ip::tcp::socket& socket,
                                                                     const Deadline& deadline,
                                                                     boost::asio::mutable_buffer buffer) {
  while (buffer.size() > 0) {
    if (deadline.expired()) co_return boost::asio::error::operation_aborted;
    const auto [error, size] =
        co_await socket.async_read_some(buffer, boost::asio::as_tuple(boost::asio::use_awaitable));
    if (error) co_return error;
    buffer += size;
  }
  co_return boost::system::error_code();
}

}  // namespace mtasts
