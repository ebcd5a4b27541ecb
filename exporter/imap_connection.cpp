// SPDX-License-Identifier: Apache-2.0
#include "exporter/imap_connection.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <new>

namespace mtasts {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxLoginBytes = std::size_t{256} * 1024;  // that a server may say until the login is done
constexpr std::chrono::milliseconds kLongestWait = 500ms;        // at once: an interrupt counts then at the latest
constexpr std::string_view kLater = "look at the server and the network; the next try comes by itself";

/// Once per program, and never undone: threads of other parts may still be inside.
void start_libcurl() {
  static const CURLcode kStarted = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kStarted != CURLE_OK) throw std::bad_alloc();
}

std::string url_of(const ImapAccount& account) {
  const bool ipv6 = account.host.find(':') != std::string::npos;
  const std::string host = ipv6 ? "[" + account.host + "]" : account.host;
  return (account.starttls ? "imap://" : "imaps://") + host + ":" + std::to_string(account.port) + "/";
}

std::string without(std::string text, const std::string& secret) {
  for (std::size_t at = 0; !secret.empty() && (at = text.find(secret, at)) != std::string::npos; at += 3) {
    text.replace(at, secret.size(), "***");
  }
  return text;
}

/// What the server said during the login.
struct LoginTalk {
  std::size_t bytes{};
  std::string refusal{};  // text of its last NO, BAD or BYE
};

/// libcurl's header callback: one line of the server. Returning less than it got ends the session.
std::size_t note_line(char* octets, std::size_t size, std::size_t count, void* talk_pointer) {
  auto& talk = *static_cast<LoginTalk*>(talk_pointer);
  std::string_view line(octets, size * count);
  talk.bytes += line.size();
  if (talk.bytes > kMaxLoginBytes) return 0;
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  const auto status = parse_imap_status(line.substr(0, kMaxImapLine));
  if (status && status->status != ImapStatus::ok && status->status != ImapStatus::preauth) talk.refusal = status->text;
  return size * count;
}

ImapTrouble login_trouble(const std::string& refusal) {
  if (refusal.empty()) {
    return {"the server offers no way to log in", "", "allow a login with a password over TLS, or name another server"};
  }
  return {"the server refuses the login", refusal, "correct user or password_file"};
}

/// What libcurl's result means for whoever runs the exporter. Input: `detail` is libcurl's own sentence.
ImapTrouble trouble_of(CURLcode result, const std::string& detail, const LoginTalk& talk) {
  switch (result) {
    case CURLE_LOGIN_DENIED:
      return login_trouble(talk.refusal);
    case CURLE_PEER_FAILED_VERIFICATION:
      return {"the server's certificate is not accepted", detail,
              "correct 'server' or the certificate, or name the server's CA in ca_file"};
    case CURLE_SSL_CACERT_BADFILE:
      return {"ca_file cannot be used", detail, "name a PEM file of trusted roots"};
    case CURLE_USE_SSL_FAILED:
      return {"the server offers no STARTTLS", "", "use imaps://; a password is never sent in clear text"};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {"the server's name has no address", detail, "correct 'server', or look at the resolver"};
    case CURLE_WRITE_ERROR:
      return {"the server says too much before the login", "", std::string(kLater)};
    default:
      return {"the server cannot be reached or does not speak IMAP", talk.refusal.empty() ? detail : talk.refusal,
              std::string(kLater)};
  }
}

ImapTrouble silence() { return {"the server does not answer in time", "", std::string(kLater)}; }

ImapTrouble hang_up() { return {"the server closes the connection", "", std::string(kLater)}; }

}  // namespace

struct ImapConnection::Curl {
  CURLM* multi{};
  CURL* easy{};
  curl_socket_t socket{CURL_SOCKET_BAD};
  std::array<char, CURL_ERROR_SIZE> error{};
  LoginTalk talk{};
  bool in_multi{};

  template <class Value>
  void set(CURLoption option, Value value) {
    if (curl_easy_setopt(easy, option, value) != CURLE_OK) throw std::bad_alloc();  // nothing else can fail here
  }
  void prepare(const ImapAccount& account);
  CURLcode result();
};

void ImapConnection::Curl::prepare(const ImapAccount& account) {
  error.fill('\0');
  talk = {};
  easy = curl_easy_init();
  if (easy == nullptr) throw std::bad_alloc();
  set(CURLOPT_URL, url_of(account).c_str());
  set(CURLOPT_PROTOCOLS_STR, account.starttls ? "imap" : "imaps");
  set(CURLOPT_PROXY, "");  // whatever the environment says
  set(CURLOPT_CONNECT_ONLY, 1L);
  set(CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  if (!account.ca_file.empty()) {
    set(CURLOPT_CAINFO, account.ca_file.c_str());
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(CURLOPT_USERNAME, account.user.c_str());
  set(CURLOPT_PASSWORD, account.password.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // a name server that is silent keeps nobody waiting at the end
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_ERRORBUFFER, error.data());
  set(CURLOPT_HEADERFUNCTION, note_line);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&talk));
}

/// Of the transfer that has ended.
CURLcode ImapConnection::Curl::result() {
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(multi, &left);
  return message == nullptr ? CURLE_FAILED_INIT : message->data.result;
}

ImapConnection::ImapConnection() : curl_(std::make_unique<Curl>()) {
  start_libcurl();
  curl_->multi = curl_multi_init();
  if (curl_->multi == nullptr) throw std::bad_alloc();
}

ImapConnection::~ImapConnection() {
  close();
  curl_multi_cleanup(curl_->multi);
}

void ImapConnection::close() {
  if (curl_->in_multi) curl_multi_remove_handle(curl_->multi, curl_->easy);
  if (curl_->easy != nullptr) curl_easy_cleanup(curl_->easy);
  curl_->easy = nullptr;
  curl_->in_multi = false;
  curl_->socket = CURL_SOCKET_BAD;
}

void ImapConnection::interrupt() {
  interrupted_ = true;
  curl_multi_wakeup(curl_->multi);
}

/// Waits for the socket, or for libcurl's own ones while there is none. Returns false past the deadline.
bool ImapConnection::wait_for(int events, TimePoint deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (interrupted_ || left <= 0ms) return false;
  curl_waitfd socket{.fd = curl_->socket, .events = static_cast<short>(events), .revents = 0};
  const unsigned sockets = curl_->socket == CURL_SOCKET_BAD ? 0 : 1;
  curl_multi_poll(curl_->multi, &socket, sockets, static_cast<int>(std::min(left, kLongestWait).count()), nullptr);
  return !interrupted_;
}

ImapTrouble ImapConnection::open(const ImapAccount& account, TimePoint deadline) {
  close();
  curl_->prepare(account);
  curl_->in_multi = curl_multi_add_handle(curl_->multi, curl_->easy) == CURLM_OK;
  int running = 1;
  while (curl_multi_perform(curl_->multi, &running) == CURLM_OK && running > 0) {
    if (!wait_for(0, deadline)) return silence();
  }
  const CURLcode result = curl_->result();
  if (result == CURLE_OK && curl_easy_getinfo(curl_->easy, CURLINFO_ACTIVESOCKET, &curl_->socket) == CURLE_OK)
    return {};
  ImapTrouble trouble = trouble_of(result, curl_->error.data(), curl_->talk);
  trouble.detail = without(std::move(trouble.detail), account.password);
  return trouble;
}

ImapTrouble ImapConnection::send(std::string_view octets, TimePoint deadline) {
  while (!octets.empty()) {
    std::size_t sent = 0;
    const CURLcode result = curl_easy_send(curl_->easy, octets.data(), octets.size(), &sent);
    octets.remove_prefix(sent);
    if (result == CURLE_OK) continue;
    if (result != CURLE_AGAIN) return hang_up();
    if (!wait_for(CURL_WAIT_POLLOUT, deadline)) return silence();
  }
  return {};
}

ImapTrouble ImapConnection::receive(std::string& octets, TimePoint deadline) {
  constexpr std::size_t kPiece = std::size_t{16} * 1024;  // of one TLS record
  octets.resize(kPiece);
  while (true) {
    std::size_t received = 0;
    const CURLcode result = curl_easy_recv(curl_->easy, octets.data(), octets.size(), &received);
    octets.resize(result == CURLE_OK ? received : kPiece);
    if (result == CURLE_OK) return received > 0 ? ImapTrouble{} : hang_up();
    if (result != CURLE_AGAIN) return hang_up();
    if (!wait_for(CURL_WAIT_POLLIN, deadline)) return silence();
  }
}

}  // namespace mtasts
