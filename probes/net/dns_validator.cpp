// SPDX-License-Identifier: Apache-2.0
#include "probes/net/dns_validator.h"

#include <unbound.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "probes/net/c_handle.h"

namespace mtasts {
namespace asio = boost::asio;
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kClassIn = 1;
constexpr std::size_t kMostExplanation = 200;  // characters
constexpr std::chrono::seconds kMostTtl{60};   // of the cache below

// The key signing keys of the root zone, of 2017 and 2024. Source: https://data.iana.org/root-anchors/root-anchors.xml
constexpr const char* kRootKeys[] = {
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"};

/// A monitor wants to see a repair soon, and memory that does not grow with what others publish.
constexpr std::pair<const char*, const char*> kSettings[] = {
    {"cache-max-ttl:", "60"},      {"cache-max-negative-ttl:", "60"}, {"val-bogus-ttl:", "5"},
    {"infra-host-ttl:", "60"},     {"msg-cache-size:", "4m"},         {"rrset-cache-size:", "8m"},
    {"key-cache-size:", "4m"},     {"neg-cache-size:", "1m"},         {"do-not-query-localhost:", "no"},
    {"unblock-lan-zones:", "yes"}, {"outgoing-range:", "512"},        {"num-queries-per-thread:", "512"},
    {"outgoing-num-tcp:", "16"}};

using Result = std::unique_ptr<ub_result, Deleter<ub_resolve_free>>;

std::string text_of(const asio::ip::udp::endpoint& server) {
  return server.address().to_string() + "@" + std::to_string(server.port());
}

/// The name that the first record of a trust anchor file is about.
std::string owner_in(const std::string& file) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find(';')));
    std::string owner;
    if (words >> owner) return owner;
  }
  return "";
}

/// "signature expired from 192.0.2.1": libunbound puts "validation failure <NAME TYPE CLASS>: " before it.
std::string explanation_of(const ub_result& result) {
  const std::string why = result.why_bogus != nullptr ? result.why_bogus : "";
  const auto question_ends = why.find(">: ");
  return why.substr(question_ends == std::string::npos ? 0 : question_ends + 3).substr(0, kMostExplanation);
}

std::optional<ValidatedAnswer> answer_of(const ub_result& result, const DnsQuestion& question) {
  ValidatedAnswer seen{.bogus = result.bogus != 0};
  if (seen.bogus) {  // of the status of a DnsAnswer that says nothing: servfail
    seen.answer.error_text = explanation_of(result);
    return seen;
  }
  const auto* bytes = static_cast<const std::uint8_t*>(result.answer_packet);
  const auto size = static_cast<std::size_t>(std::max(result.answer_len, 0));
  if (bytes == nullptr || size < 2) return std::nullopt;
  const auto id = static_cast<std::uint16_t>(bytes[0] * 256 + bytes[1]);
  auto answer = decode_answer({bytes, size}, question, id);
  if (!answer) return std::nullopt;
  seen.answer = std::move(*answer);
  seen.answer.authentic_data = result.secure != 0;
  if (seen.answer.ttl && *seen.answer.ttl >= kMostTtl) seen.answer.ttl.reset();  // what was published may be longer
  return seen;
}

}  // namespace

class DnsValidator::Context {
 public:
  Context(asio::io_context& io, const DnsValidatorOptions& options)
      : io_(io), unbound_(ub_ctx_create()), readable_(io), anchor_(".") {
    if (!unbound_) throw std::runtime_error("libunbound cannot make a context");
    ub_ctx_debugout(unbound_.get(), nullptr);  // it would write into our log, in a form of its own
    for (const auto& [name, value] : kSettings) ub_ctx_set_option(unbound_.get(), name, value);
    for (const auto& server : options.servers) ub_ctx_set_fwd(unbound_.get(), text_of(server).c_str());
    add_trust_anchor(options.trust_anchor_file);
    ub_ctx_async(unbound_.get(), 1);
    // The first zone that is added makes libunbound read its settings, and the anchor among them.
    if (ub_ctx_zone_add(unbound_.get(), "mtasts-exporter.invalid.", "static") != 0)
      throw std::runtime_error(anchor_trouble(options.trust_anchor_file));
  }
  ~Context() {
    if (readable_.is_open()) readable_.release();  // it is libunbound's
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  asio::awaitable<std::optional<ValidatedAnswer>> resolve(DnsQuestion question, std::chrono::milliseconds timeout) {
    Waiting waiting(*this, question);
    waiting.timer.expires_after(timeout);
    if (!waiting.ask()) co_return std::nullopt;
    co_await waiting.timer.async_wait(kAwait);
    co_return std::move(waiting.answer);
  }

  asio::awaitable<void> prove(std::chrono::milliseconds timeout) {
    DnsQuestion question{.name = anchor_, .type = RrType::soa};
    const auto seen = co_await resolve(std::move(question), timeout);
    if (seen) proved_ = seen->answer.authentic_data;
  }

  [[nodiscard]] bool proved() const { return proved_; }

 private:
  /// A question under way; taken back when its coroutine ends before the answer is there.
  struct Waiting {
    Waiting(Context& context, DnsQuestion asked) : owner(context), question(std::move(asked)), timer(context.io_) {}
    ~Waiting() {
      if (!outstanding) return;
      ub_cancel(owner.unbound_.get(), id);
      owner.outstanding_.erase(this);
      owner.rest();  // libunbound says nothing more of a question that was taken back
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    bool ask() {
      const int type = static_cast<int>(question.type);
      const int error =
          ub_resolve_async(owner.unbound_.get(), question.name.c_str(), type, kClassIn, this, &Waiting::arrived, &id);
      outstanding = error == 0;
      if (outstanding) owner.outstanding_.insert(this);
      if (outstanding) owner.listen();
      return outstanding;
    }

    static void arrived(void* self, int error, ub_result* found) {
      const Result result(found);
      auto* waiting = static_cast<Waiting*>(self);
      waiting->outstanding = false;
      waiting->owner.outstanding_.erase(waiting);
      if (error == 0 && result) waiting->answer = answer_of(*result, waiting->question);
      waiting->timer.cancel();
    }

    Context& owner;
    DnsQuestion question;
    asio::steady_timer timer;
    std::optional<ValidatedAnswer> answer{};
    int id{};
    bool outstanding{};
  };

  void add_trust_anchor(const std::string& file) {
    if (file.empty()) {
      for (const char* key : kRootKeys) ub_ctx_add_ta(unbound_.get(), key);
      return;
    }
    anchor_ = owner_in(file);
    if (anchor_.empty() || ub_ctx_add_ta_file(unbound_.get(), file.c_str()) != 0)
      throw std::runtime_error(anchor_trouble(file));
  }

  static std::string anchor_trouble(const std::string& file) {
    return "dns.trust_anchor: '" + file +
           "' holds no DNSKEY or DS record that can be read; leave the key out for the root's";
  }

  /// Waits for answers only while some are awaited, lest a loop that has nothing else to do never ends.
  void listen() {
    if (listening_) return;
    if (!readable_.is_open()) readable_.assign(ub_fd(unbound_.get()));
    listening_ = true;
    const auto on_readable = [this, alive = std::weak_ptr(alive_), wait = ++waits_](const boost::system::error_code&) {
      if (alive.expired() || wait != waits_) return;  // an earlier wait, or one of a context that is gone
      listening_ = false;
      ub_process(unbound_.get());
      if (!outstanding_.empty()) listen();
    };
    readable_.async_wait(asio::posix::stream_descriptor::wait_read, on_readable);
  }

  void rest() {
    if (!listening_ || !outstanding_.empty()) return;
    listening_ = false;
    ++waits_;
    readable_.cancel();
  }

  asio::io_context& io_;
  std::unique_ptr<ub_ctx, Deleter<ub_ctx_delete>> unbound_;
  asio::posix::stream_descriptor readable_;
  std::string anchor_;
  std::set<Waiting*> outstanding_{};
  bool listening_{};
  std::uint64_t waits_{};  // begun or given up
  std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};
  bool proved_{};
};

DnsValidator::DnsValidator(asio::io_context& io, const DnsValidatorOptions& options)
    : context_(std::make_unique<Context>(io, options)) {}
DnsValidator::~DnsValidator() = default;

asio::awaitable<std::optional<ValidatedAnswer>> DnsValidator::resolve(DnsQuestion question,
                                                                      std::chrono::milliseconds timeout) {
  return context_->resolve(std::move(question), timeout);
}

asio::awaitable<void> DnsValidator::prove(std::chrono::milliseconds timeout) { return context_->prove(timeout); }

bool DnsValidator::proved() const { return context_->proved(); }

}  // namespace mtasts
