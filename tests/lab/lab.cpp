// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/lab.h"

#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "tests/lab/cut_relay.h"

namespace mtasts::lab {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr unsigned kFirstAddress = 0x7f400000;  // 127.64.0.0; all of 127/8 is loopback on Linux
constexpr unsigned kPerBlock = 250;             // keeps clear of .0 and .255
constexpr std::size_t kBulkAddresses = 200;
constexpr int kPortTries = 10;
constexpr std::string_view kBulkZone = ".bulk.test";
constexpr std::string_view kCut = "cut";

std::string bulk_domain(std::size_t index) { return "d" + std::to_string(index) + std::string(kBulkZone); }

/// A TCP port that nobody uses on 127.0.0.1, and so most likely on no other loopback address.
std::uint16_t free_port(asio::io_context& context) {
  const tcp::acceptor probe{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  return probe.local_endpoint().port();
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out << text;
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

/// Machines without IPv6 have no ::1 either.
bool has_ipv6(asio::io_context& context) {
  boost::system::error_code error;
  tcp::acceptor probe{context};
  probe.open(tcp::v6(), error);
  if (!error) probe.bind(tcp::endpoint{asio::ip::address_v6::loopback(), 0}, error);
  return !error;
}

bool holds_records(const DnsSet& set) {
  return !set.txt.empty() || !set.mx.empty() || !set.addresses.empty() || !set.cname.empty();
}

using DnsSets = std::map<std::string, DnsSet>;

/// TLSA records are at the port that the lab's MX hosts listen on.
std::string at_port(std::string name, std::uint16_t port) {
  constexpr std::string_view kWritten = "_25.";
  return name.starts_with(kWritten) ? "_" + std::to_string(port) + "." + name.substr(kWritten.size()) : name;
}

/// Lays what a scenario says of its names over what follows from its servers.
void override_names(const Scenario& scenario, std::uint16_t smtp_port, DnsSets& sets) {
  for (const auto& [written, wanted] : scenario.dns) {
    const std::string name = at_port(written, smtp_port);
    DnsSet& set = sets[name];
    if (wanted.cname.ends_with("." + scenario.domain)) sets[wanted.cname] = set;
    if (holds_records(wanted)) set = wanted;
    set.fault = wanted.fault;
    set.security = wanted.security;
  }
}

}  // namespace

class Lab::Impl {
 public:
  explicit Impl(LabOptions options);
  ~Impl();

  /// Runs on the lab's thread and returns the result or throws what it throws.
  template <class Function>
  auto run(Function function) {
    std::packaged_task<decltype(function())()> task{std::move(function)};
    auto result = task.get_future();
    asio::post(context_, [&task] { task(); });
    return result.get();
  }

  void set(const std::string& domain, const std::string& scenario);
  void set_dns(DnsMode mode) { dns_.set_mode(mode); }
  bool requires_dane(const std::string& domain) const {
    return std::any_of(scenarios_.begin(), scenarios_.end(),
                       [&](const Scenario& scenario) { return scenario.domain == domain && scenario.require_dane; });
  }
  std::string control(const std::string& line);

  LabOptions options_;
  asio::io_context context_{1};
  TlsServer tls_;
  DnsServer dns_;
  std::string ca_pem_;
  std::vector<Scenario> scenarios_;
  std::vector<std::string> domains_;
  std::uint64_t connections_{};

 private:
  /// What belongs to one domain, so that it can be replaced.
  struct Site {
    std::vector<std::unique_ptr<Listener>> listeners{};
    std::vector<std::string> names{};
  };

  void build_table();
  void build_site(const Scenario& scenario);
  std::vector<TlsaEntry> tlsa_of(const MxHostSpec& host);
  void build_bulk();
  void put_bulk_domain(std::size_t index);
  void heal_bulk();
  std::string bulk_mx(std::size_t index);
  asio::ip::address next_address(bool ipv6);
  template <class Spec>
  std::string serve(const Spec& spec, Site& site);
  std::string relay_to(const std::string& server, std::uint16_t port, Site& site);
  template <class Spec>
  bool can_serve(const Spec& spec) const {
    return ipv6_ || !spec.ipv6;
  }
  Session session_of(std::shared_ptr<const PolicyServerSpec> spec);
  Session session_of(std::shared_ptr<const MxServerSpec> spec);
  std::uint16_t port_of(const PolicyServerSpec&) const { return options_.https_port; }
  std::uint16_t port_of(const MxServerSpec&) const { return options_.smtp_port; }
  asio::awaitable<void> serve_control(tcp::socket client);

  bool ipv6_{has_ipv6(context_)};
  unsigned addresses_used_{};
  unsigned ids_used_{};
  std::map<std::string, Site> sites_;
  std::vector<std::string> bulk_policy_;  // addresses of bulk mode by role
  std::vector<std::string> bulk_mx_;
  std::string bulk_dead_policy_;
  std::string bulk_dead_;
  std::string bulk_tarpit_;
  std::string bulk_hostile_mx_;
  std::string bulk_hostile_policy_;
  std::string bulk_id_{"bulk1"};  // of their MTA-STS records
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

Lab::Impl::Impl(LabOptions options)
    : options_{std::move(options)}, dns_{context_, options_.dns_port}, work_{asio::make_work_guard(context_)} {
  options_.dns_port = dns_.port();
  if (options_.https_port == 0) options_.https_port = free_port(context_);
  while (options_.smtp_port == 0 || options_.smtp_port == options_.https_port) options_.smtp_port = free_port(context_);
  if (options_.bulk.domains > 0)
    build_bulk();
  else
    build_table();
  ca_pem_ = tls_.root_pem();
  if (options_.control_port != 0) {
    const tcp::endpoint where{asio::ip::address_v4::loopback(), options_.control_port};
    const auto session = [this](tcp::socket client) { return serve_control(std::move(client)); };
    sites_["control"].listeners.push_back(std::make_unique<Listener>(context_, where, Listening::open, session));
  }
  dns_.start();
  thread_ = std::thread{[this] { context_.run(); }};
}

Lab::Impl::~Impl() {
  context_.stop();
  thread_.join();
}

void Lab::Impl::build_table() {
  scenarios_ = load_scenarios(options_.scenarios);
  for (const auto& scenario : scenarios_) {
    build_site(scenario);
    domains_.push_back(scenario.domain);
  }
}

asio::ip::address Lab::Impl::next_address(bool ipv6) {
  if (ipv6) return asio::ip::address_v6::loopback();  // the only one there is: one IPv6 server of each kind
  const unsigned block = addresses_used_ / kPerBlock;
  const unsigned host = addresses_used_++ % kPerBlock + 1;
  return asio::ip::address_v4{kFirstAddress + block * 256 + host};
}

Session Lab::Impl::session_of(std::shared_ptr<const PolicyServerSpec> spec) {
  return [this, spec](tcp::socket client) {
    ++connections_;
    return serve_policy(tls_, spec, std::move(client));
  };
}

Session Lab::Impl::session_of(std::shared_ptr<const MxServerSpec> spec) {
  return [this, spec](tcp::socket client) {
    ++connections_;
    return serve_mx(tls_, spec, std::move(client));
  };
}

/// Gives a server its own address and returns that.
template <class Spec>
std::string Lab::Impl::serve(const Spec& spec, Site& site) {
  tls_.prepare(spec.tls);
  const auto address = next_address(spec.ipv6);
  const tcp::endpoint where{address, port_of(spec)};
  auto session = session_of(std::make_shared<const Spec>(spec));
  site.listeners.push_back(std::make_unique<Listener>(context_, where, spec.listening, std::move(session)));
  return address.to_string();
}

/// Puts a relay that cuts connections before a server and returns its address.
std::string Lab::Impl::relay_to(const std::string& server, std::uint16_t port, Site& site) {
  const auto relay = std::make_shared<CutRelay>(tcp::endpoint{asio::ip::make_address(server), port});
  const auto address = next_address(false);
  const auto session = [relay](tcp::socket client) { return relay->serve(std::move(client)); };
  const tcp::endpoint where{address, port};
  site.listeners.push_back(std::make_unique<Listener>(context_, where, Listening::open, session));
  return address.to_string();
}

void Lab::Impl::build_site(const Scenario& scenario) {
  Site& site = sites_[scenario.domain];
  DnsSets sets;
  const std::string& domain = scenario.domain;
  sets["_mta-sts." + domain].txt = {"v=STSv1; id=lab" + std::to_string(++ids_used_) + ";"};
  sets["_smtp._tls." + domain].txt = {"v=TLSRPTv1; rua=mailto:tlsrpt@" + domain};
  for (const auto& server : scenario.policy) {
    if (can_serve(server)) sets["mta-sts." + domain].addresses.push_back(serve(server, site));
  }
  for (const auto& host : scenario.mx) {
    if (host.listed) sets[domain].mx.push_back({host.preference, host.host});
    for (const auto& server : host.servers) {
      if (can_serve(server)) sets[host.host].addresses.push_back(serve(server, site));
    }
    const std::string& base = host.tlsa_base.empty() ? host.host : host.tlsa_base;
    if (!host.tlsa.empty()) sets[at_port("_25._tcp." + base, options_.smtp_port)].tlsa = tlsa_of(host);
  }
  dns_.set_signed(domain, scenario.is_signed);
  override_names(scenario, options_.smtp_port, sets);
  for (auto& [name, set] : sets) {
    site.names.push_back(name);
    dns_.put(name, std::move(set));
  }
}

std::vector<TlsaEntry> Lab::Impl::tlsa_of(const MxHostSpec& host) {
  std::vector<TlsaEntry> entries;
  for (const TlsaSpec& spec : host.tlsa) {
    Octets data = tls_.tlsa_data(host.servers.front().tls, spec.usage, spec.selector, spec.matching_type);
    if (spec.wrong) data.back() ^= 0xff;
    entries.push_back({static_cast<std::uint8_t>(spec.usage), static_cast<std::uint8_t>(spec.selector),
                       static_cast<std::uint8_t>(spec.matching_type), std::move(data)});
  }
  return entries;
}

void Lab::Impl::set(const std::string& domain, const std::string& scenario) {
  const auto found = sites_.find(domain);
  if (found == sites_.end()) throw std::runtime_error("no domain '" + domain + "'");
  const Scenario wanted = load_scenario_as(options_.scenarios, scenario, domain);
  for (const auto& name : found->second.names) dns_.remove(name);
  sites_.erase(found);
  build_site(wanted);
}

void Lab::Impl::build_bulk() {
  const BulkOptions& bulk = options_.bulk;
  tls_.show_by_name(bulk.certificate);
  PolicyServerSpec policy;
  policy.latency = bulk.latency;
  policy.body = "version: STSv1\r\nmode: enforce\r\nmx: " +
                std::string(bulk.shared_mx > 0 ? "*.shared.bulk.test" : "mx.{domain}") + "\r\nmax_age: 2592000\r\n";
  MxServerSpec mx;
  mx.latency = bulk.latency;
  PolicyServerSpec dead_policy;
  dead_policy.listening = Listening::dead;
  MxServerSpec dead;
  dead.listening = Listening::dead;
  MxServerSpec tarpit;
  tarpit.smtp = SmtpFault::silent;
  Site& site = sites_["bulk.test"];
  for (std::size_t i = 0; i < kBulkAddresses; ++i) {
    bulk_policy_.push_back(serve(policy, site));
    bulk_mx_.push_back(serve(mx, site));
  }
  bulk_dead_policy_ = serve(dead_policy, site);
  bulk_dead_ = serve(dead, site);
  bulk_tarpit_ = serve(tarpit, site);
  const bool cut = bulk.hostile_kind == kCut;
  if (bulk.hostile_mx > 0 && !cut) mx.smtp = smtp_fault(bulk.hostile_kind);
  bulk_hostile_mx_ = cut ? relay_to(bulk_mx_.front(), port_of(mx), site) : serve(mx, site);
  if (bulk.hostile_policy > 0 && !cut) policy.http = http_fault(bulk.hostile_kind);
  bulk_hostile_policy_ = cut ? relay_to(bulk_policy_.front(), port_of(policy), site) : serve(policy, site);
  dns_.set_latency(bulk.latency);
  for (std::size_t i = 0; i < bulk.domains; ++i) {
    domains_.push_back(bulk_domain(i));
    put_bulk_domain(i);
  }
}

/// Hostile peers become good ones, and owners say that their policies are others now.
void Lab::Impl::heal_bulk() {
  options_.bulk.hostile_mx = options_.bulk.hostile_policy = 0;
  bulk_id_ = "bulk2";
  for (std::size_t i = 0; i < options_.bulk.domains; ++i) put_bulk_domain(i);
}

/// The MX host of a domain, put into DNS: shared hosts are taken in turn.
std::string Lab::Impl::bulk_mx(std::size_t index) {
  const BulkOptions& bulk = options_.bulk;
  const std::size_t host = bulk.shared_mx > 0 ? index % bulk.shared_mx : index;
  const std::string number = std::to_string(host);
  const std::string name =
      bulk.shared_mx > 0 ? "mx" + number + ".shared.bulk.test" : "mx.d" + number + std::string(kBulkZone);
  DnsSet set;
  set.addresses = {bulk_mx_[host % bulk_mx_.size()]};
  if (host < bulk.dead)
    set.addresses = {bulk_dead_};
  else if (host < bulk.dead + bulk.tarpit)
    set.addresses = {bulk_tarpit_};
  else if (host < bulk.hostile_mx)
    set.addresses = {bulk_hostile_mx_};
  dns_.put(name, std::move(set));
  return name;
}

void Lab::Impl::put_bulk_domain(std::size_t index) {
  const std::string domain = bulk_domain(index);
  DnsSet record;
  record.txt = {"v=STSv1; id=" + bulk_id_ + ";"};
  DnsSet reports;
  reports.txt = {"v=TLSRPTv1; rua=mailto:tlsrpt@" + domain};
  DnsSet policy_host;
  policy_host.addresses = {bulk_policy_[index % bulk_policy_.size()]};
  if (index < options_.bulk.dead_policy)
    policy_host.addresses = {bulk_dead_policy_};
  else if (index < options_.bulk.hostile_policy)
    policy_host.addresses = {bulk_hostile_policy_};
  DnsSet exchange;
  exchange.mx = {{10, bulk_mx(index)}};
  dns_.put("_mta-sts." + domain, std::move(record));
  dns_.put("_smtp._tls." + domain, std::move(reports));
  dns_.put("mta-sts." + domain, std::move(policy_host));
  dns_.put(domain, std::move(exchange));
}

std::string Lab::Impl::control(const std::string& line) {
  std::istringstream words{line};
  std::string verb;
  std::string first;
  std::string second;
  words >> verb >> first >> second;
  try {
    if (verb == "set")
      set(first, second);
    else if (verb == "dns" && first == "start")
      set_dns(DnsMode::answer);
    else if (verb == "dns" && first == "stop")
      set_dns(DnsMode::silent);
    else if (verb == "dns" && first == "servfail")
      set_dns(DnsMode::servfail);
    else if (verb == "dns" && first == "cut")
      set_dns(DnsMode::cut);
    else if (verb == "heal")
      heal_bulk();
    else if (verb == "queries")
      return std::to_string(dns_.queries());
    else if (verb == "sessions")
      return std::to_string(tls_.sessions());
    else
      return "error: set DOMAIN SCENARIO, dns start|stop|servfail|cut, heal, queries, or sessions";
  } catch (const std::exception& error) {
    return std::string("error: ") + error.what();
  }
  return "ok";
}

asio::awaitable<void> Lab::Impl::serve_control(tcp::socket client) {
  constexpr std::size_t kMaxLine = 1024;
  std::string input;
  for (;;) {
    auto buffer = asio::dynamic_buffer(input, kMaxLine);
    const auto [error, size] = co_await asio::async_read_until(client, buffer, '\n', kAwait);
    if (error) co_return;
    const std::string answer = control(input.substr(0, size)) + "\n";
    input.erase(0, size);
    const auto [not_sent, sent] = co_await asio::async_write(client, asio::buffer(answer), kAwait);
    if (not_sent) co_return;
  }
}

Lab::Lab(LabOptions options) {
  // A port that was free on 127.0.0.1 may be taken on another address, or by the time it is bound: another is picked.
  const bool may_pick = options.dns_port == 0 || options.https_port == 0 || options.smtp_port == 0;
  for (int tries = may_pick ? kPortTries : 1; !impl_; --tries) {
    try {
      impl_ = std::make_unique<Impl>(options);
    } catch (const boost::system::system_error& error) {
      if (error.code() != asio::error::address_in_use || tries == 1) throw;
    }
  }
  if (impl_->options_.dir.empty()) return;
  const std::filesystem::path dir = std::filesystem::absolute(impl_->options_.dir);
  std::filesystem::create_directories(dir);
  write_file(dir / "ca.pem", ca_pem());
  write_file(dir / "config.yaml", config_yaml((dir / "ca.pem").string(), (dir / "state.db").string()));
}

Lab::~Lab() = default;

std::uint16_t Lab::dns_port() const { return impl_->options_.dns_port; }
std::uint16_t Lab::https_port() const { return impl_->options_.https_port; }
std::uint16_t Lab::smtp_port() const { return impl_->options_.smtp_port; }
const std::string& Lab::ca_pem() const { return impl_->ca_pem_; }
const std::vector<Scenario>& Lab::scenarios() const { return impl_->scenarios_; }
std::vector<std::string> Lab::domains() const { return impl_->domains_; }

void Lab::set(const std::string& domain, const std::string& scenario) {
  impl_->run([&] { impl_->set(domain, scenario); });
}

void Lab::set_dns(DnsMode mode) {
  impl_->run([&] { impl_->set_dns(mode); });
}

std::uint64_t Lab::dns_queries() {
  return impl_->run([&] { return impl_->dns_.queries(); });
}

std::uint64_t Lab::connections() {
  return impl_->run([&] { return impl_->connections_; });
}

std::string Lab::control(const std::string& line) {
  return impl_->run([&] { return impl_->control(line); });
}

std::string Lab::config_yaml(const std::string& ca_file, const std::string& storage) const {
  std::ostringstream out;
  out << "# Written by mtasts_lab: every domain is on loopback.\n"
      << "probe: {interval: " << (impl_->options_.bulk.domains > 0 ? "60s" : "20s")
      << ", retry_interval: 20s, timeout: 30s, allow_private: true}\n"
      << "dns: {servers: [\"127.0.0.1:" << dns_port() << "\"], timeout: 1s, attempts: 2}\n"
      << "policy: {port: " << https_port() << ", http_port: 0, timeout: 5s}\n"
      << "smtp: {port: " << smtp_port() << ", helo: probe.lab.test, timeout: 5s}\n"
      << "tls: {ca_file: \"" << ca_file << "\"}\n"
      << "storage: {path: \"" << storage << "\"}\n"
      << "domains:\n";
  for (const auto& domain : impl_->domains_) {
    impl_->requires_dane(domain) ? out << "  - {name: " << domain << ", require_dane: true}\n"
                                 : out << "  - " << domain << "\n";
  }
  return out.str();
}

}  // namespace mtasts::lab
