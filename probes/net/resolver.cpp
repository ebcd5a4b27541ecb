// SPDX-License-Identifier: Apache-2.0
#include "probes/net/resolver.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <random>
#include <sstream>

#include "probes/net/bounded_io.h"

namespace mtasts {
namespace asio = boost::asio;
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// A lost packet is sent again after this long, within the attempt's own limit.
constexpr std::chrono::milliseconds kRetransmit{1000};
// How often the target of an open CNAME chain is asked for.
constexpr int kMaxOpenChains = 8;

std::string text_of(const asio::ip::udp::endpoint& endpoint) {
  std::ostringstream text;
  text << endpoint;
  return text.str();
}

/// A random id and the kernel's random source port together are what RFC 5452 section 9 asks for.
std::uint16_t random_id() {
  thread_local std::random_device device;
  return static_cast<std::uint16_t>(device());
}

}  // namespace

AdTrust automatic_trust(const asio::ip::address& server, bool resolv_conf_trusts) {
  if (resolv_conf_trusts) return AdTrust::always;
  const bool on_this_host = server == asio::ip::make_address("127.0.0.1") || server == asio::ip::make_address("::1");
  return on_this_host ? AdTrust::probe : AdTrust::never;
}

std::vector<ResolverServer> parse_resolv_conf(std::string_view text) {
  std::vector<asio::ip::address> addresses;
  bool trust_ad = false;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find_first_of("#;")));
    std::string keyword;
    words >> keyword;
    for (std::string word; words >> word;) {
      if (keyword == "options" && word == "trust-ad") trust_ad = true;
      if (keyword != "nameserver") continue;
      boost::system::error_code error;
      const auto address = asio::ip::make_address(word, error);
      if (!error) addresses.push_back(address);
    }
  }
  if (addresses.empty()) addresses.push_back(asio::ip::address_v4::loopback());  // resolv.conf(5)
  std::vector<ResolverServer> servers;
  for (const auto& address : addresses) {
    servers.push_back({.endpoint = {address, 53}, .trust = automatic_trust(address, trust_ad)});
  }
  return servers;
}

/// One of the bounded number of queries outstanding; given back when it dies.
class Resolver::Turn {
 public:
  explicit Turn(Resolver& resolver) : resolver_(resolver) {}
  ~Turn() { resolver_.end_turn(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Resolver& resolver_;
};

/// A health check under way; its end, however it comes, wakes those who wait for it. Its answer is its own: the next
/// check may begin before they have read it.
class Resolver::HealthCheck {
 public:
  explicit HealthCheck(Resolver& resolver) : resolver_(resolver) {
    resolver_.health_answer_ = std::make_shared<bool>(false);
  }
  ~HealthCheck() {
    resolver_.health_answer_.reset();
    while (!resolver_.health_waiting_.empty()) resolver_.health_waiting_.wake_one();
  }
  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;

 private:
  Resolver& resolver_;
};

/// know_servers() under way; its end, however it comes, wakes those who wait for it.
class Resolver::Introduction {
 public:
  explicit Introduction(Resolver& resolver) : resolver_(resolver) { resolver_.introducing_ = true; }
  ~Introduction() {
    resolver_.introducing_ = false;
    while (!resolver_.introduction_waiting_.empty()) resolver_.introduction_waiting_.wake_one();
  }
  Introduction(const Introduction&) = delete;
  Introduction& operator=(const Introduction&) = delete;

 private:
  Resolver& resolver_;
};

Resolver::Resolver(LoopClock& clock, ResolverOptions options)
    : clock_(clock),
      options_(std::move(options)),
      waiting_(clock.io()),
      introduction_waiting_(clock.io()),
      health_waiting_(clock.io()) {
  for (const ResolverServer& server : options_.servers) {
    servers_.push_back({.endpoint = server.endpoint, .trust = server.trust, .text = text_of(server.endpoint)});
  }
  if (!options_.validate_locally) return;
  DnsValidatorOptions local{.trust_anchor_file = options_.trust_anchor_file};
  for (const ResolverServer& server : options_.servers) local.servers.push_back(server.endpoint);
  validator_ = std::make_unique<DnsValidator>(clock.io(), local);
}

bool Resolver::trusts(const Server& server) const {
  if (validator_) return validator_->proved();
  return server.trust == AdTrust::always || (server.trust == AdTrust::probe && server.proved);
}

std::map<std::string, bool> Resolver::authenticated() const {
  std::map<std::string, bool> by_server;
  for (const Server& server : servers_) by_server[server.text] = trusts(server);
  return by_server;
}

std::map<IpFamily, bool> Resolver::answering() const {
  std::map<IpFamily, bool> by_family;
  for (const Server& server : servers_) {
    if (!server.answered) continue;
    const IpFamily family = server.endpoint.address().is_v4() ? IpFamily::ipv4 : IpFamily::ipv6;
    by_family[family] = by_family[family] || *server.answered;
  }
  return by_family;
}

/// Before the first question: whether a server that must prove it validates. Until that is known its AD counts for
/// nothing, and what it says of the first names would differ from what it says of the next.
asio::awaitable<void> Resolver::know_servers() {
  if (introducing_) co_return co_await introduction_waiting_.wait();
  const auto unknown = [this](const Server& server) {
    return options_.dnssec && (validator_ || server.trust == AdTrust::probe) && !server.asked;
  };
  if (std::none_of(servers_.begin(), servers_.end(), unknown)) co_return;
  const Introduction introduction(*this);
  if (validator_) co_await validator_->prove(options_.timeout);
  for (Server& server : servers_) {
    if (unknown(server)) co_await ask_health(server);
  }
}

asio::awaitable<void> Resolver::take_turn() {
  if (outstanding_ < options_.max_outstanding) {
    ++outstanding_;
    co_return;
  }
  co_await waiting_.wait();  // end_turn() hands its place over
}

/// Queries leave one after the other, at the configured rate and without bursts. Waiting here costs no server its time.
asio::awaitable<void> Resolver::keep_pace() {
  if (options_.pace == std::chrono::nanoseconds::zero()) co_return;
  const auto now = std::chrono::steady_clock::now();
  const auto slot = std::max(next_query_, now);
  next_query_ = slot + options_.pace;
  if (slot == now) co_return;
  asio::steady_timer timer(clock_.io(), slot);
  co_await timer.async_wait(kAwait);
}

void Resolver::end_turn() {
  if (waiting_.empty()) {
    --outstanding_;
    return;
  }
  waiting_.wake_one();
}

/// The query's octets, and a socket through which the kernel lets the server's packets alone pass. Errors: no octets.
std::vector<std::uint8_t> Resolver::prepare_query(const Server& server, const DnsQuestion& question, std::uint16_t id,
                                                  asio::ip::udp::socket& socket) const {
  const WorkMeter::Section section(clock_.work(), Activity::dns);
  boost::system::error_code error;
  socket.connect(server.endpoint, error);
  if (!error) socket.non_blocking(true, error);
  return error ? std::vector<std::uint8_t>() : encode_query(question, id);
}

/// A datagram leaves at once or is lost; lost ones are sent again.
void Resolver::send_query(asio::ip::udp::socket& socket, const std::vector<std::uint8_t>& query) const {
  const WorkMeter::Section section(clock_.work(), Activity::dns);
  boost::system::error_code lost;
  socket.send(asio::buffer(query), 0, lost);
}

/// Nullopt for what is no answer to this question, and where nothing is there after all.
std::optional<DnsAnswer> Resolver::receive_answer(asio::ip::udp::socket& socket, const DnsQuestion& question,
                                                  std::uint16_t id, boost::system::error_code& error) const {
  std::array<std::uint8_t, 4096> buffer;  // EDNS0 asks for far less
  const std::size_t size = socket.receive(asio::buffer(buffer), 0, error);
  if (error == asio::error::would_block) error.clear();
  return read_answer(std::span(buffer).first(size), question, id);
}

std::optional<DnsAnswer> Resolver::read_answer(std::span<const std::uint8_t> octets, const DnsQuestion& question,
                                               std::uint16_t id) const {
  const WorkMeter::Section section(clock_.work(), Activity::dns);
  return decode_answer(octets, question, id);
}

asio::awaitable<std::optional<DnsAnswer>> Resolver::ask_udp(const Server& server, DnsQuestion question) {
  co_await keep_pace();
  const std::uint16_t id = random_id();
  asio::ip::udp::socket socket(clock_.io());  // one per query: a fresh random port each (RFC 5452 section 9.2)
  const std::vector<std::uint8_t> query = prepare_query(server, question, id, socket);
  if (query.empty()) co_return std::nullopt;

  auto until = std::chrono::steady_clock::now() + options_.timeout;
  const auto lost_before = clock_.lost();
  while (true) {
    const auto left = until + (clock_.lost() - lost_before) - std::chrono::steady_clock::now();
    if (left <= std::chrono::nanoseconds::zero()) co_return std::nullopt;
    const std::chrono::nanoseconds wait = std::min<std::chrono::nanoseconds>(left, kRetransmit);
    const Deadline deadline(clock_, wait, [&socket] { cancel_waits(socket); });
    send_query(socket, query);
    while (!deadline.expired()) {
      const auto [aborted] = co_await socket.async_wait(asio::ip::udp::socket::wait_read, kAwait);
      if (aborted) break;
      boost::system::error_code refused;  // no server there
      auto answer = receive_answer(socket, question, id, refused);
      if (refused) co_return std::nullopt;
      if (answer) co_return answer;  // anything else is a stray or forged packet: keep listening
    }
    const auto before = std::chrono::steady_clock::now();
    co_await keep_pace();
    until += std::chrono::steady_clock::now() - before;  // an answer that came meanwhile is still to be read
  }
}

asio::awaitable<std::optional<DnsAnswer>> Resolver::ask_tcp(const Server& server, DnsQuestion question) {
  const std::uint16_t id = random_id();
  std::vector<std::uint8_t> query = encode_query(question, id);
  if (query.empty()) co_return std::nullopt;
  const auto query_size = query.size();
  query.insert(query.begin(), static_cast<std::uint8_t>(query_size & 0xff));
  query.insert(query.begin(), static_cast<std::uint8_t>(query_size >> 8));

  co_await keep_pace();
  asio::ip::tcp::socket socket(clock_.io());
  const asio::ip::tcp::endpoint endpoint(server.endpoint.address(), server.endpoint.port());
  const Deadline deadline(clock_, options_.timeout, [&socket] { cancel_waits(socket); });
  const auto [no_connection] = co_await socket.async_connect(endpoint, kAwait);
  if (no_connection) co_return std::nullopt;
  auto error = co_await send_all(socket, deadline, asio::buffer(query));
  std::array<std::uint8_t, 2> prefix{};
  if (!error) error = co_await receive_all(socket, deadline, asio::buffer(prefix));
  if (error) co_return std::nullopt;
  std::vector<std::uint8_t> reply(static_cast<std::size_t>(prefix[0]) * 256 + prefix[1]);
  error = co_await receive_all(socket, deadline, asio::buffer(reply));
  if (error) co_return std::nullopt;
  co_return read_answer(reply, question, id);
}

/// UDP, then TCP where the answer did not fit.
asio::awaitable<std::optional<DnsAnswer>> Resolver::ask_server(Server& server, DnsQuestion question) {
  auto answer = co_await ask_udp(server, question);
  if (answer) server.answered = true;
  if (answer && answer->truncated) answer = co_await ask_tcp(server, question);
  co_return answer;
}

std::size_t Resolver::attempts() const {
  return std::max(servers_.size(), static_cast<std::size_t>(std::max(options_.attempts, 1)));
}

/// The one that answered when another was silent comes first, the rest as configured: a dead server must not cost every
/// lookup a timeout. check_servers() puts the order right again.
std::vector<Resolver::Server*> Resolver::servers_in_order() {
  std::vector<Server*> order{&servers_[first_]};
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (i != first_) order.push_back(&servers_[i]);
  }
  return order;
}

/// One question, as often as any is asked; which server it goes to, libunbound decides. Input: validation is proved;
/// until then, and with servers that leave signatures out, the servers are asked as if nobody validated.
asio::awaitable<Resolver::Reply> Resolver::ask_validator(DnsQuestion question) {
  Reply best;
  best.answer.status = DnsStatus::timeout;
  for (std::size_t attempt = 0; attempt < attempts(); ++attempt) {
    co_await keep_pace();
    auto seen = co_await validator_->resolve(question, options_.timeout);
    if (!seen) continue;
    best.answer = std::move(seen->answer);
    best.bogus = seen->bogus;
    best.validated = true;
    best.server = &servers_[first_];
    if (best.bogus || best.answer.status != DnsStatus::servfail) break;
  }
  co_return best;
}

/// Walks the servers until one gives an answer that settles the question. SERVFAIL beats silence: it is an answer.
asio::awaitable<Resolver::Reply> Resolver::ask_once(DnsQuestion question) {
  Reply best;
  best.answer.status = DnsStatus::nxdomain;
  if (!dns_carries(question.name)) co_return best;  // so nobody has it
  co_await take_turn();
  const Turn turn(*this);
  const bool validates = validator_ && validator_->proved();
  if (validates) {
    Reply reply = co_await ask_validator(question);
    if (!reply.bogus) co_return reply;
    co_await validator_->prove(options_.timeout);  // servers that began to leave signatures out, a clock that jumped
    if (validator_->proved()) co_return reply;
  }
  best.answer.status = DnsStatus::timeout;
  const std::vector<Server*> order = servers_in_order();
  bool silence = false;
  for (std::size_t attempt = 0; attempt < attempts(); ++attempt) {
    Server& server = *order[attempt % order.size()];
    auto answer = co_await ask_server(server, question);
    if (!answer) silence = true;
    if (!answer) continue;
    if (silence) first_ = static_cast<std::size_t>(&server - servers_.data());
    best.answer = *answer;
    best.server = &server;
    if (answer->status != DnsStatus::servfail) break;
  }
  co_return best;
}

/// Asks, and when that fails looks at our own side first: a resolver that answers nothing else either is down, and one
/// that was away only for a moment gets the question a second time.
asio::awaitable<Resolver::Reply> Resolver::ask_surely(DnsQuestion question) {
  Reply reply = co_await ask_once(question);
  const bool failed = reply.answer.status == DnsStatus::servfail || reply.answer.status == DnsStatus::timeout;
  if (!failed) co_return reply;
  const bool some_answer = co_await healthy();
  reply.resolver_down = !some_answer;
  if (!some_answer) co_return reply;
  reply = co_await ask_once(question);
  const bool may_be_bogus = options_.dnssec && !validator_ && reply.answer.status == DnsStatus::servfail;
  if (may_be_bogus) co_return co_await ask_unchecked(std::move(question), std::move(reply));
  co_return reply;
}

/// Tells bogus data from name servers that fail: a validating resolver that is told not to check (CD) gives bogus data
/// out, and fails again when it checks (RFC 4035 section 3.2.2), other than by a failure that it remembers of name
/// servers that were away (RFC 9520). Input: `failed`, the answer to the checked question.
asio::awaitable<Resolver::Reply> Resolver::ask_unchecked(DnsQuestion question, Reply failed) {
  question.checking_disabled = true;
  const Reply unchecked = co_await ask_once(question);
  const DnsStatus status = unchecked.answer.status;
  if (status == DnsStatus::servfail || status == DnsStatus::timeout) co_return failed;
  question.checking_disabled = false;
  Reply again = co_await ask_once(question);
  const bool unreachable = again.answer.error_code && says_unreachable(*again.answer.error_code);
  again.bogus = again.answer.status == DnsStatus::servfail && !unreachable;
  co_return again;
}

/// Asks, and asks again where an answer ends in a CNAME whose target it does not bring along.
asio::awaitable<Resolver::Reply> Resolver::ask(DnsQuestion question) {
  co_await know_servers();
  Reply reply = co_await ask_surely(question);
  for (int hop = 0; hop < kMaxOpenChains && reply.answer.chain_open; ++hop) {
    const bool authentic_so_far = reply.answer.authentic_data;
    const auto ttl_so_far = reply.answer.ttl;
    std::vector<std::string> aliases = std::move(reply.answer.aliases);
    question.name = reply.answer.canonical_name;
    reply = co_await ask_surely(question);
    reply.answer.authentic_data = reply.answer.authentic_data && authentic_so_far;
    reply.answer.ttl = std::max(reply.answer.ttl, ttl_so_far);
    aliases.insert(aliases.end(), reply.answer.aliases.begin(), reply.answer.aliases.end());
    reply.answer.aliases = std::move(aliases);
  }
  co_return reply;
}

DnsSecurity Resolver::security_of(const Reply& reply) const {
  if (reply.bogus) return DnsSecurity::bogus;
  const bool answered = reply.answer.status != DnsStatus::servfail && reply.answer.status != DnsStatus::timeout;
  const bool trusted = validator_ ? reply.validated : reply.server != nullptr && trusts(*reply.server);
  const bool vouched_for = validator_ || reply.server == nullptr || reply.server->trust != AdTrust::never;
  if (!options_.dnssec || !vouched_for) return DnsSecurity::unchecked;
  if (!answered || !trusted) return DnsSecurity::indeterminate;
  return reply.answer.authentic_data ? DnsSecurity::secure : DnsSecurity::insecure;
}

DnsLookup Resolver::lookup_of(const Reply& reply) const {
  const bool failed = reply.answer.status == DnsStatus::servfail || reply.answer.status == DnsStatus::timeout;
  return {.status = reply.answer.status,
          .resolver_down = reply.resolver_down,
          .security = security_of(reply),
          .ttl = reply.answer.ttl,
          .canonical_name = reply.answer.canonical_name,
          .aliases = reply.answer.aliases,
          .server = reply.server != nullptr ? reply.server->text : std::string{},
          .explanation = failed ? reply.answer.error_text : std::string{}};
}

asio::awaitable<TxtObservation> Resolver::observe_txt(std::string name) {
  const DnsQuestion question{.name = std::move(name), .type = RrType::txt};
  Reply reply = co_await ask(question);
  TxtObservation seen{.lookup = lookup_of(reply), .records = std::move(reply.answer.txt)};
  co_return seen;
}

asio::awaitable<MxSetObservation> Resolver::observe_mx(std::string name) {
  const DnsQuestion question{.name = std::move(name), .type = RrType::mx};
  Reply reply = co_await ask(question);
  MxSetObservation seen{.lookup = lookup_of(reply), .records = std::move(reply.answer.mx)};
  co_return seen;
}

asio::awaitable<AddressObservation> Resolver::observe_addresses(std::string name, bool ipv4, bool ipv6) {
  AddressObservation seen;
  if (ipv4) {
    const DnsQuestion question{.name = name, .type = RrType::a};
    Reply reply = co_await ask(question);
    seen.ipv4 = lookup_of(reply);
    seen.addresses = std::move(reply.answer.addresses);
  }
  if (ipv6) {
    const DnsQuestion question{.name = std::move(name), .type = RrType::aaaa};
    const Reply reply = co_await ask(question);
    seen.ipv6 = lookup_of(reply);
    seen.addresses.insert(seen.addresses.end(), reply.answer.addresses.begin(), reply.answer.addresses.end());
  }
  co_return seen;
}

asio::awaitable<TlsaObservation> Resolver::observe_tlsa(std::string base_domain, std::uint16_t port) {
  const DnsQuestion question{.name = "_" + std::to_string(port) + "._tcp." + base_domain, .type = RrType::tlsa};
  Reply reply = co_await ask(question);
  TlsaObservation seen{
      .base_domain = std::move(base_domain), .lookup = lookup_of(reply), .records = std::move(reply.answer.tlsa)};
  co_return seen;
}

asio::awaitable<DnsLookup> Resolver::observe_alias(std::string name) {
  const DnsQuestion question{.name = std::move(name), .type = RrType::cname};
  const Reply reply = co_await ask(question);
  co_return lookup_of(reply);
}

/// Asks what every resolver can answer, so that silence says something about this one, and what it signs.
asio::awaitable<std::optional<DnsAnswer>> Resolver::ask_health(Server& server) {
  const DnsQuestion question{.name = ".", .type = RrType::soa};
  auto answer = co_await ask_server(server, question);
  server.answered = answer.has_value();
  server.asked = true;
  if (answer) server.proved = answer->authentic_data;
  co_return answer;
}

asio::awaitable<void> Resolver::check_servers() {
  if (validator_) co_await validator_->prove(options_.timeout);
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const auto answer = co_await ask_health(servers_[i]);
    if (answer && answer->status != DnsStatus::servfail && !first) first = i;
  }
  first_ = first.value_or(0);
}

/// As often as any question is asked: a busy moment of the only server is no outage.
asio::awaitable<bool> Resolver::some_server_answers() {
  const std::vector<Server*> order = servers_in_order();
  for (std::size_t attempt = 0; attempt < attempts(); ++attempt) {
    const auto answer = co_await ask_health(*order[attempt % order.size()]);
    if (answer && answer->status != DnsStatus::servfail) co_return true;
  }
  co_return false;
}

/// Does any server answer now? Asked each time anew: what was so a moment ago says nothing about a lookup that has
/// failed since. Callers that come while a question is under way share its answer.
asio::awaitable<bool> Resolver::healthy() {
  if (health_answer_) {
    const std::shared_ptr<const bool> answer = health_answer_;
    co_await health_waiting_.wait();
    co_return *answer;
  }
  const HealthCheck check(*this);
  const bool answers = co_await some_server_answers();
  *health_answer_ = answers;
  co_return answers;
}

}  // namespace mtasts
