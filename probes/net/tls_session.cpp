// SPDX-License-Identifier: Apache-2.0
#include "probes/net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "probes/core/host_labels.h"
#include "probes/net/certificate_check.h"
#include "probes/net/dane_check.h"
#include "probes/net/tls_memory.h"

namespace mtasts {
namespace {

// OpenSSL gives a received alert the reason 1000 + its number (SSL_AD_REASON_OFFSET), which is an octet.
constexpr int kFirstAlertReason = SSL_AD_REASON_OFFSET;
constexpr int kLastAlertReason = kFirstAlertReason + 255;

NetError error_of(unsigned long code) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return NetError::tls_error;
  switch (const int reason = ERR_GET_REASON(code)) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_WRONG_SSL_VERSION:
      return NetError::tls_version;
    default:
      return reason >= kFirstAlertReason && reason <= kLastAlertReason ? NetError::tls_alert : NetError::tls_error;
  }
}

std::string text_of(unsigned long code) {
  const char* text = ERR_reason_error_string(code);
  if (text == nullptr) return "TLS error " + std::to_string(code);
  const std::string_view reason = text;
  // The version in front is that of the alert's definition, not of the session.
  for (const std::string_view prefix : {"sslv3 alert ", "tlsv1 alert ", "tlsv13 alert "})
    if (reason.starts_with(prefix)) return "TLS alert: " + std::string(reason.substr(prefix.size()));
  if (reason == "wrong version number") return "the answer is not TLS";
  return text;
}

/// An MX record may name a host by any octets, which are written as \DDD here. The server is not told such a name: SNI
/// has room for host names alone (RFC 6066 section 3), and OpenSSL for 255 octets.
bool can_be_sni(const std::string& name) {
  return name.size() <= kMaxNameOctets && are_host_labels(name, Underscore::allowed);
}

// Two records of the largest size, some milliseconds of work.
constexpr std::size_t kMostOctetsPerStep = 32768;
// With a second hello, a client certificate asked for and some tickets an honest server comes to about 15.
constexpr std::size_t kMostMessages = 64;

/// Stands before each read of the socket.
long watch_octets(BIO* socket, int operation, const char*, std::size_t, int, long, int result, std::size_t* size) {
  auto* allowance = reinterpret_cast<TlsAllowance*>(BIO_get_callback_arg(socket));
  if (operation == (BIO_CB_READ | BIO_CB_RETURN)) {
    if (result > 0) allowance->octets -= std::min(allowance->octets, *size);
    return result;
  }
  if (operation != BIO_CB_READ) return result;
  BIO_clear_retry_flags(socket);
  if (allowance->used_up()) return -1;
  if (allowance->octets > 0) return result;
  BIO_set_retry_read(socket);
  return -1;
}

/// Is told of each message of the handshake's protocol, ours too.
void count_messages(int sent, int, int kind, const void*, std::size_t, SSL*, void* allowance) {
  if (sent == 0 && kind == SSL3_RT_HANDSHAKE) ++static_cast<TlsAllowance*>(allowance)->messages;
}

}  // namespace

bool TlsAllowance::used_up() const { return messages > kMostMessages; }

TlsSession::TlsSession(TlsContext& context, WorkMeter& work, int descriptor, std::string server_name)
    : context_(context), work_(work), server_name_(std::move(server_name)) {
  const WorkMeter::Section section(work_, Activity::tls);
  session_ = SSL_new(context.native());
  if (session_ == nullptr) throw std::bad_alloc();
  if (SSL_set_fd(session_, descriptor) == 1 &&
      (!can_be_sni(server_name_) || SSL_set_tlsext_host_name(session_, server_name_.c_str()) == 1)) {
    BIO_set_callback_ex(SSL_get_rbio(session_), watch_octets);
    BIO_set_callback_arg(SSL_get_rbio(session_), reinterpret_cast<char*>(&allowance_));
    SSL_set_msg_callback(session_, count_messages);
    SSL_set_msg_callback_arg(session_, &allowance_);
    return;
  }
  SSL_free(session_);
  throw std::bad_alloc();
}

TlsSession::~TlsSession() {
  const WorkMeter::Section section(work_, Activity::tls);
  SSL_free(session_);
}

template <class Call>
TlsStep TlsSession::take_step(Call call) {
  ERR_clear_error();
  errno = 0;
  allowance_.octets = kMostOctetsPerStep;
  begin_tls_work();
  const TlsStep step = step_of(call());
  if (step == TlsStep::failed) require_tls_memory();
  return step;
}

TlsStep TlsSession::step_of(int result) {
  const int system_error = errno;
  if (result <= 0 && allowance_.used_up()) {
    failure_.error = NetError::tls_error;
    failure_.text = "the peer goes on and on with TLS handshake messages";
    return TlsStep::failed;
  }
  switch (SSL_get_error(session_, result)) {
    case SSL_ERROR_NONE:
      return TlsStep::done;
    case SSL_ERROR_WANT_READ:
      return TlsStep::wait_read;
    case SSL_ERROR_WANT_WRITE:
      return TlsStep::wait_write;
    case SSL_ERROR_ZERO_RETURN:
      return TlsStep::closed;
    case SSL_ERROR_SYSCALL:
      failure_.error = system_error == ECONNRESET || system_error == EPIPE ? NetError::reset : NetError::closed;
      failure_.text = system_error != 0 ? std::strerror(system_error) : "the peer closed the connection";
      return TlsStep::failed;
    default:
      const unsigned long code = ERR_peek_last_error();
      if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return TlsStep::closed;
      failure_.error = error_of(code);
      failure_.text = text_of(code);
      return TlsStep::failed;
  }
}

TlsStep TlsSession::handshake() {
  const WorkMeter::Section section(work_, Activity::tls);
  const TlsStep step = take_step([this] { return SSL_connect(session_); });
  failure_.stage = NetStage::handshake;
  if (step != TlsStep::closed) return step;
  // The end of the stream in mid-handshake is no success.
  failure_.error = NetError::closed;
  failure_.text = "the peer closed the connection during the handshake";
  return TlsStep::failed;
}

TlsStep TlsSession::read(std::span<char> into, std::size_t& size) {
  const WorkMeter::Section section(work_, Activity::tls);
  size = 0;
  return take_step([&] { return SSL_read_ex(session_, into.data(), into.size(), &size); });
}

TlsStep TlsSession::write(std::span<const char> from, std::size_t& size) {
  const WorkMeter::Section section(work_, Activity::tls);
  size = 0;
  return take_step([&] { return SSL_write_ex(session_, from.data(), from.size(), &size); });
}

void TlsSession::say_goodbye() {
  const WorkMeter::Section section(work_, Activity::tls);
  SSL_shutdown(session_);
  ERR_clear_error();
}

bool TlsSession::end_announced() const { return (SSL_get_shutdown(session_) & SSL_RECEIVED_SHUTDOWN) != 0; }

TlsObservation TlsSession::observe(UnixTime now, std::span<const TlsaRecord> tlsa) const {
  const WorkMeter::Section section(work_, Activity::verification);
  begin_tls_work();
  TlsObservation seen = check_certificates(session_, server_name_, context_, now);
  if (!tlsa.empty()) seen.dane = check_dane(session_, tlsa, server_name_, now);
  require_tls_memory();
  return seen;
}

}  // namespace mtasts
