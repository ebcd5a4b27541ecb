"""Campaign: a fifth of the MX hosts are dead or tarpits, and fifty HTTP clients are idle. It is nobody else's loss."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import time

from bed import Bed
from exposition import Scraper, labels_of
from idle_clients import IdleClients
from report import MILLISECONDS, Report
from watch import by_family, watch

IDLE_CLIENTS = 50
FAMILIES = ("mtasts_domain_state{", "mtasts_probe_timestamp_seconds{", "mtasts_mx_probe_timestamp_seconds{",
            "mtasts_failure{", "mtasts_failure_info{", "mtasts_mx_reachable{", "mtasts_mx_unreachable_info{",
            "mtasts_exporter_probe_delay_seconds", "mtasts_exporter_probes_in_flight", "process_")
# An age is taken from a time in whole seconds (1 s) and grows while the next probe runs and is scraped (1 s); the
# schedule itself takes up to 5% off an interval and never adds to it.
AGE_TOLERANCE_SECONDS = 2.5
DELAY_SECONDS = 1
SCRAPE_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds. smtp_timeout is what a dead host costs: it holds one of the 512 slots of
    probe.concurrency for that long, every `retry` seconds. With 200 such hosts, 100 slots on average and 200 at worst;
    a third of the retry interval and a sixth of the interval leave room to see a host that waits for its turn."""
    domains: int
    dead: int
    tarpit: int
    interval: float
    retry: float
    smtp_timeout: float
    length: float

    @property
    def first_pass(self):
        """40 domains start in a second, and each MX host right after its domain."""
        return self.domains / 40 + self.smtp_timeout + 5

    def plays_dead(self, name):
        """Input: mx.d0.bulk.test or its domain, and so on: the first ones are dead, then come the tarpits."""
        number = int(name.removeprefix("mx.").removeprefix("d").removesuffix(".bulk.test"))
        return number < self.dead + self.tarpit

    def state_of(self, domain):
        """Every domain has one MX host. Nobody can deliver to one that plays dead, though senders report nothing."""
        return "failing" if self.plays_dead(domain) else "ok"

    def settled(self, scrape):
        return all(state == self.state_of(domain) for domain, state in scrape.states().items())


FULL = Plan(domains=1000, dead=100, tarpit=100, interval=60, retry=30, smtp_timeout=10, length=270)
SHORT = Plan(domains=100, dead=10, tarpit=10, interval=3, retry=2, smtp_timeout=1, length=7)


class Watched:
    """What was seen over all scrapes."""

    def __init__(self, plan):
        self.plan = plan
        self.begun = time.monotonic()
        self.domain_age = 0.0
        self.mx_age = 0.0
        self.delay = 0.0
        self.in_flight = 0
        self.late = {}
        self.blamed = {}
        self.wrong_state = {}
        self.unreachable = {}
        self.last = None

    def take(self, scrape):
        self.last = scrape
        self.delay = max(self.delay, scrape.value("mtasts_exporter_probe_delay_seconds"))
        self.in_flight = max(self.in_flight, scrape.value("mtasts_exporter_probes_in_flight"))
        self._take_ages(scrape)
        for domain, state in scrape.states().items():
            if state != self.plan.state_of(domain):
                self.wrong_state[domain] = f"{domain} is {state}"
        for series, value in scrape.series.items():
            if value and series.startswith(("mtasts_failure{", "mtasts_failure_info{")):
                self.blamed.setdefault(series, f"after {scrape.at - self.begun:.1f} s")
        for labels, value in scrape.family("mtasts_mx_reachable"):
            if not value and not self.plan.plays_dead(labels["mx"]):
                self.unreachable[labels["mx"]] = f"{labels['mx']} is unreachable"

    def _take_ages(self, scrape):
        ages = {labels["domain"]: scrape.clock - value
                for labels, value in scrape.family("mtasts_probe_timestamp_seconds")}
        hosts = {labels["mx"]: scrape.clock - value
                 for labels, value in scrape.family("mtasts_mx_probe_timestamp_seconds")
                 if not self.plan.plays_dead(labels["mx"])}
        self.domain_age = max(self.domain_age, *ages.values())
        self.mx_age = max(self.mx_age, *hosts.values())
        for name, age in (ages | hosts).items():
            if age > self.plan.interval + AGE_TOLERANCE_SECONDS:
                self.late[name] = f"{name}: {age:.1f} s"

def run(binaries, options):
    plan = SHORT if options.short else FULL
    if options.length:
        plan = dataclasses.replace(plan, length=options.length)
    lab = ["--bulk", plan.domains, "--dead", plan.dead, "--tarpit", plan.tarpit]
    changes = {"probe": {"interval": f"{plan.interval}s", "retry_interval": f"{plan.retry}s"},
               "smtp": {"timeout": f"{plan.smtp_timeout}s"}}
    with Bed(binaries, lab, changes) as bed:
        return bed.close_report(campaign(bed, plan))


def campaign(bed, plan):
    report = Report(f"dead: {plan.domains} domains every {plan.interval:g} s for {plan.length:g} s; "
                    f"{IDLE_CLIENTS} idle clients; {plan.dead} MX hosts dead, {plan.tarpit} tarpits; "
                    f"smtp.timeout {plan.smtp_timeout:g} s")
    scraper = Scraper(bed.exporter.port, FAMILIES)
    begun = time.monotonic()
    with IdleClients(bed.exporter.port, IDLE_CLIENTS) as idle:
        first = watch(scraper, plan.first_pass, plan.settled)
        assert first, f"some domains have not their state after {plan.first_pass:g} s"
        report.figure("all domains probed", f"{first.at - begun:.1f} s after the start")
        watched = Watched(plan)
        watch(scraper, plan.length, watched.take)
        report.figure("connections of idle clients", f"{IDLE_CLIENTS} at a time, {idle.opened} in all")
    judge(watched, scraper, report)
    report.process(first, watched.last)
    report.scrapes(scraper)
    return report


def judge(watched, scraper, report):
    plan = watched.plan
    report.figure("oldest probe of a domain", f"{watched.domain_age:.1f} s")
    report.figure("oldest probe of a healthy MX host", f"{watched.mx_age:.1f} s")
    report.figure("most overdue probe", f"{watched.delay:.3f} s")
    report.figure("most probes in flight", f"{watched.in_flight:.0f}")
    late = [f"{watched.delay:.1f} s"] if watched.delay > DELAY_SECONDS else []
    slow = [f"{seconds * MILLISECONDS:.1f} ms" for seconds in scraper.seconds if seconds > SCRAPE_SECONDS]
    report.promise(f"every domain and healthy MX host is probed within {plan.interval:g} s",
                   sorted(watched.late.values()))
    report.promise(f"no probe is overdue by more than {DELAY_SECONDS} s", late)
    report.promise("every domain with a healthy MX host is ok all along", sorted(watched.wrong_state.values()))
    report.promise("no domain has a failure", by_family(watched.blamed))
    report.promise("every healthy MX host is reachable all along", sorted(watched.unreachable.values()))
    report.promise("dead hosts and tarpits are unreachable by timeout", wrong_reasons(watched))
    report.promise(f"every scrape is answered within {SCRAPE_SECONDS * MILLISECONDS:.0f} ms", slow)


def wrong_reasons(watched):
    """Of the last scrape: those that should be unreachable, and are not or for another reason."""
    reasons = {labels["mx"]: labels["reason"] for labels, _ in watched.last.family("mtasts_mx_unreachable_info")}
    reachable = {labels_of(series)["mx"]: value for series, value in watched.last.series.items()
                 if series.startswith("mtasts_mx_reachable{")}
    wanted = [f"mx.d{number}.bulk.test" for number in range(watched.plan.dead + watched.plan.tarpit)]
    return [f"{host}: reachable {reachable.get(host)}, reason {reasons.get(host)}" for host in wanted
            if reachable.get(host) != 0 or reasons.get(host) != "timeout"]
