// What the series of many domains cost in memory and at a scrape: ours, or the same ones in prometheus-cpp's families.
// One side per process, so that memory can be told apart. Prints one line of JSON, like floor.cpp.
// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/exposition.h"
#include "exporter/snapshot.h"
#include "tests/bench/cost.h"

namespace {

using mtasts::UnixTime;

constexpr int kScrapes = 5;
constexpr UnixTime kNow{std::chrono::seconds{1780000000}};

std::string name_of(std::size_t index) { return "d" + std::to_string(index) + ".bulk.test"; }
std::string host_of(std::size_t index) { return "mx." + name_of(index); }

mtasts::DomainVerdict healthy_domain(std::size_t index) {
  const mtasts::StsPolicy policy{mtasts::StsMode::enforce, std::chrono::days{30}, {host_of(index)}};
  mtasts::DomainVerdict verdict;
  verdict.domain = name_of(index);
  verdict.state = mtasts::DomainState::ok;
  verdict.success = true;
  verdict.probed = kNow;
  verdict.dns_success.fill(true);
  verdict.record = mtasts::RecordStatus::valid;
  verdict.record_id = "bulk1";
  verdict.tlsrpt = mtasts::RecordStatus::valid;
  verdict.fetch_success = true;
  verdict.http_status = 200;
  verdict.policy_valid = true;
  verdict.policy = policy;
  verdict.in_force = mtasts::PolicyInForce{policy, "bulk1", kNow + policy.max_age, true};
  verdict.policy_not_after = kNow + std::chrono::days{60};
  verdict.policy_last_change = verdict.enforced_until = verdict.mx_set_last_change = kNow;
  verdict.mx_hosts = 1;
  verdict.mx = {{host_of(index), 10, true, true, std::nullopt}};
  verdict.coverage = 1;
  verdict.deliverable = true;
  return verdict;
}

mtasts::MxVerdict healthy_host(std::size_t index) {
  mtasts::MxFamilyVerdict family;
  family.reachable = true;
  family.starttls = family.verified = true;
  family.tls_version = "TLSv1.3";
  family.cipher = "TLS_AES_256_GCM_SHA384";
  family.tls_observed = kNow;
  family.not_after = kNow + std::chrono::days{60};
  mtasts::MxVerdict verdict;
  verdict.host = host_of(index);
  verdict.ipv4 = family;
  verdict.lookup_success = true;
  verdict.known = true;
  verdict.secure_delivery = true;
  verdict.probed = kNow;
  return verdict;
}

// ---- ours ----

/// Publishes domains [first, last) and their hosts, as the probe loop does.
void fill(mtasts::SnapshotStore& store, std::size_t first, std::size_t last) {
  std::vector<mtasts::DomainSlot> slots;
  for (std::size_t i = first; i < last; ++i) slots.push_back({name_of(i), {}});
  store.set_domains(std::move(slots));
  for (std::size_t i = first; i < last; ++i) {
    store.add_mx_host(host_of(i));
    store.publish(healthy_host(i));
    store.publish(healthy_domain(i));
  }
}

std::string scrape(const mtasts::SnapshotStore& store) {
  mtasts::Exposition exposition{{.snapshot = store.snapshot(), .now = kNow}};
  return mtasts::whole_text(exposition);
}

// ---- prometheus-cpp ----

/// One line of the text exposition, whose label values hold nothing that is escaped.
struct Line {
  std::string name{};
  prometheus::Labels labels{};
  double value{};
};

Line parse_line(std::string_view text) {
  Line line;
  const auto blank = text.rfind(' ');
  line.value = std::strtod(std::string(text.substr(blank + 1)).c_str(), nullptr);
  const auto brace = text.find('{');
  line.name = text.substr(0, std::min(brace, blank));
  if (brace == std::string_view::npos) return line;
  for (auto at = brace + 1; at < text.size() && text[at] != '}';) {
    const auto equals = text.find("=\"", at);
    const auto end = text.find('"', equals + 2);
    line.labels[std::string(text.substr(at, equals - at))] = text.substr(equals + 2, end - equals - 2);
    at = text[end + 1] == ',' ? end + 2 : end + 1;
  }
  return line;
}

void for_each_series(std::string_view text, const std::function<void(std::string_view)>& handle) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!line.starts_with('#')) handle(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
}

/// Series in prometheus-cpp's families.
class Families {
 public:
  void add(const Line& line) {
    auto*& family = families_[line.name];
    if (family == nullptr) family = &prometheus::BuildGauge().Name(line.name).Help("Same here.").Register(registry_);
    family->Add(line.labels).Set(line.value);
  }
  std::string scrape() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

 private:
  prometheus::Registry registry_;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> families_;
};

// ---- measuring ----

/// Prints what is at rest, and what scrapes cost on top.
void measure(long empty_kib, std::size_t domains, const std::function<std::string()>& scrape_once) {
  malloc_trim(0);
  const long rest_kib = mtasts::bench::status_kib("VmRSS") - empty_kib;
  std::size_t octets = 0;
  std::size_t series = 0;
  const double before = mtasts::bench::cpu_seconds();
  for (int i = 0; i < kScrapes; ++i) octets = scrape_once().size();
  const double cpu = (mtasts::bench::cpu_seconds() - before) / kScrapes;
  const long peak_kib = mtasts::bench::status_kib("VmHWM") - empty_kib;
  for_each_series(scrape_once(), [&](std::string_view) { ++series; });
  std::cout << "{\"domains\": " << domains << ", \"series\": " << series << ", \"octets\": " << octets
            << ", \"rest_kib\": " << rest_kib << ", \"peak_kib\": " << peak_kib << ", \"scrape_cpu_seconds\": " << cpu
            << "}" << std::endl;
}

void measure_ours(std::size_t domains) {
  const long empty_kib = mtasts::bench::status_kib("VmRSS");
  mtasts::SnapshotStore store;
  fill(store, 0, domains);
  measure(empty_kib, domains, [&] { return scrape(store); });
}

/// The verdicts that ours are made from, without their series: what ours would hold without exposing anything.
void measure_verdicts(std::size_t domains) {
  const long empty_kib = mtasts::bench::status_kib("VmRSS");
  std::map<std::string, std::shared_ptr<const mtasts::DomainVerdict>> verdicts;
  std::map<std::string, std::shared_ptr<const mtasts::MxVerdict>> hosts;
  for (std::size_t i = 0; i < domains; ++i) {
    verdicts[name_of(i)] = std::make_shared<const mtasts::DomainVerdict>(healthy_domain(i));
    hosts[host_of(i)] = std::make_shared<const mtasts::MxVerdict>(healthy_host(i));
  }
  measure(empty_kib, domains, [] { return std::string(); });
}

void measure_families(std::size_t domains) {
  const long empty_kib = mtasts::bench::status_kib("VmRSS");
  Families families;
  for (std::size_t i = 0; i < domains; ++i) {
    mtasts::SnapshotStore store;
    fill(store, i, i + 1);
    for_each_series(scrape(store), [&](std::string_view line) { families.add(parse_line(line)); });
  }
  measure(empty_kib, domains, [&] { return families.scrape(); });
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t domains = 10000;
  std::string side;
  const std::map<std::string, void (*)(std::size_t)> sides{
      {"ours", measure_ours}, {"verdicts", measure_verdicts}, {"families", measure_families}};
  CLI::App app{"Holds and exposes the series of healthy domains, our way or prometheus-cpp's; prints what that cost."};
  app.add_option("--domains", domains, "each with an MX host")->capture_default_str();
  app.add_option("--side", side)->required()->check(CLI::IsMember({"ours", "verdicts", "families"}));
  CLI11_PARSE(app, argc, argv);
  sides.at(side)(domains);
  return 0;
}
