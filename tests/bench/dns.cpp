// The five lookups of a domain by the exporter's own resolver, and nothing else: what DNS costs of a probe.
// Prints its cost as one line of JSON, like floor.cpp.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "probes/net/resolver.h"
#include "tests/bench/cost.h"

namespace {

namespace asio = boost::asio;
using mtasts::DnsStatus;

struct Options {
  std::string domains{};  // a file, one a line
  std::size_t concurrency{64};
  std::string dns{};  // ADDRESS:PORT
};

struct Work {
  std::vector<std::string> domains{};
  std::size_t next{};
  std::size_t answered{};  // lookups
};

/// Takes domain after domain until none is left.
asio::awaitable<void> look_up(mtasts::Resolver& resolver, Work& work) {
  while (work.next < work.domains.size()) {
    const std::string domain = work.domains[work.next++];
    const auto sts = co_await resolver.observe_txt("_mta-sts." + domain);
    const auto tlsrpt = co_await resolver.observe_txt("_smtp._tls." + domain);
    const auto mx = co_await resolver.observe_mx(domain);
    const auto policy = co_await resolver.observe_addresses("mta-sts." + domain, true, false);
    work.answered += sts.records.size() + tlsrpt.records.size() + policy.addresses.size();
    for (const auto& exchange : mx.records) {
      const std::string host = exchange.host;
      const auto seen = co_await resolver.observe_addresses(host, true, false);
      work.answered += 1 + seen.addresses.size();
    }
  }
}

mtasts::ResolverOptions resolver_options(const std::string& server) {
  const auto colon = server.rfind(':');
  const auto address = asio::ip::make_address(server.substr(0, colon));
  const auto port = static_cast<std::uint16_t>(std::stoi(server.substr(colon + 1)));
  mtasts::ResolverOptions options;
  options.servers = {{{address, port}, mtasts::automatic_trust(address, false)}};
  return options;
}

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

void measure(const Options& options) {
  asio::io_context context{1};
  mtasts::LoopClock clock{context};
  mtasts::Resolver resolver{clock, resolver_options(options.dns)};
  Work work{.domains = mtasts::bench::read_lines(options.domains)};
  const mtasts::bench::Meter meter;
  for (std::size_t i = 0; i < options.concurrency; ++i) asio::co_spawn(context, look_up(resolver, work), rethrow);
  context.run();
  std::cout << "{\"domains\": " << work.domains.size() << ", \"answers\": " << work.answered << ", ";
  meter.render(std::cout);
  std::cout << "}" << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Asks the five questions of each domain with the exporter's resolver; prints what that cost."};
  app.add_option("--domains", options.domains, "a file, one a line")->required()->check(CLI::ExistingFile);
  app.add_option("--concurrency", options.concurrency, "domains in flight")->capture_default_str();
  app.add_option("--dns", options.dns, "ADDRESS:PORT of the resolver")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    measure(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "dns: " << error.what() << '\n';
    return 1;
  }
}
