// SPDX-License-Identifier: Apache-2.0
#include "exporter/on_demand.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <utility>
#include <vector>

namespace mtasts {
namespace asio = boost::asio;

/// Given once, by the probe or by the clock; to nobody who has gone.
struct OnDemandProbes::Answer {
  Answer(asio::io_context& io, std::stop_token asker, Done to)
      : timer(io), client(std::move(asker)), done(std::move(to)) {}

  void give(LiveProbe probe) {
    timer.cancel();
    const auto once = std::exchange(done, nullptr);
    if (once && !client.stop_requested()) once(std::move(probe));
  }

  void forget() {
    timer.cancel();
    done = nullptr;
  }

  asio::steady_timer timer;
  std::stop_token client;
  Done done;
};

/// A probe under way, and who waits for it.
struct OnDemandProbes::Probe {
  DomainConfig domain{};
  Milliseconds limit{};
  std::vector<std::shared_ptr<Answer>> answers{};
  std::size_t look_from{512};  // from so many answers on, those of clients that have gone are looked for

  void add(std::shared_ptr<Answer> answer) {
    if (answers.size() >= look_from) {
      for (const auto& each : answers)
        if (each->client.stop_requested()) each->forget();
      std::erase_if(answers, [](const auto& each) { return !each->done; });
      look_from = std::max(look_from, 2 * answers.size());
    }
    answers.push_back(std::move(answer));
  }
};

LiveProbe no_verdict(const std::string& domain, std::string reason) {
  LiveProbe probe;
  probe.verdict.domain = domain;
  probe.verdict.state = DomainState::unknown;
  probe.verdict.unknown_reason = std::move(reason);
  return probe;
}

void OnDemandProbes::ask(const DomainConfig& domain, Milliseconds limit, std::size_t most, std::stop_token client,
                         Done done) {
  std::shared_ptr<Probe> probe = shared_probe(domain, limit);
  if (!probe && running_.size() >= most) {
    LiveProbe refused = no_verdict(domain.name, "too many probes on demand are under way");
    refused.overloaded = true;
    return done(std::move(refused));
  }
  const auto answer = std::make_shared<Answer>(io_, std::move(client), std::move(done));
  answer->timer.expires_after(limit);
  answer->timer.async_wait([answer, name = domain.name](const boost::system::error_code& error) {
    if (!error) answer->give(no_verdict(name, "no verdict within the time that the scrape allows"));
  });
  if (!probe) probe = begin(domain, limit);
  probe->add(answer);
}

/// One with less time than the new one may have would blame its own haste.
std::shared_ptr<OnDemandProbes::Probe> OnDemandProbes::shared_probe(const DomainConfig& domain,
                                                                    Milliseconds limit) const {
  const auto [first, last] = running_.equal_range(domain.name);
  const auto found = std::find_if(first, last, [&](const auto& running) {
    return running.second->limit >= limit && running.second->domain == domain;
  });
  return found == last ? nullptr : found->second;
}

std::shared_ptr<OnDemandProbes::Probe> OnDemandProbes::begin(const DomainConfig& domain, Milliseconds limit) {
  auto probe = std::make_shared<Probe>();
  probe->domain = domain;
  probe->limit = limit;
  running_.emplace(domain.name, probe);
  begin_(domain, limit, [this, probe](const LiveProbe& brought) { ended(probe, brought); });
  return probe;
}

void OnDemandProbes::ended(const std::shared_ptr<Probe>& probe, const LiveProbe& brought) {
  const auto [first, last] = running_.equal_range(probe->domain.name);
  const auto place = std::find_if(first, last, [&probe](const auto& running) { return running.second == probe; });
  if (place != last) running_.erase(place);
  for (const auto& answer : probe->answers) answer->give(brought);
}

}  // namespace mtasts
