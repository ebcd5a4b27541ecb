"""Campaign: thousands of peers that are out to hurt: silent, an octet a second, lines and answers that never end, closed
in the middle. Others have their probes, reports are taken, and scrapes have their answers. Then the peers are good.
Next: signals.py.
"""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import time

from bed import Bed
from company import IDLE_CLIENTS, Company
from exposition import Scraper, percentile
from report import MILLISECONDS, Report
from watch import watch

# Of a scrape: of 10,000 domains it is 40 MB, and takes longer than that where every line has to be written.
SCRAPE_SECONDS = 0.1
# KiB that may come: for any probing at all, for each probe in flight, and kept of each domain.
BASE_KIB, PROBE_KIB, DOMAIN_KIB = 16 * 1024, 256, 12
FAMILIES = ("mtasts_domain_state{", "mtasts_mx_unreachable_info{", "mtasts_failure{", "mtasts_exporter_probes_in_flight",
            "mtasts_exporter_probes_total", "process_")


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds. Peers that hold a probe for `timeout` hold `hostile` of them at once, at worst."""
    healthy: int
    hostile: int
    timeout: float
    interval: float
    kinds: tuple

    @property
    def healing(self):
        """One interval; who is being probed in the moment in which it begins has to wait for that to end."""
        return self.interval + self.timeout + 5

    @property
    def first_pass(self):
        return (self.healthy + self.hostile) / 40 + 2 * self.timeout + 20


CUT = "cut"  # each connection ends an octet later than the one before: some of them when all has been said
SMTP_KINDS = ("silent", "drip", "endless-line", "endless-banner", "hang-up", "reset", CUT)
HTTP_KINDS = ("silent", "drip", "endless-header", "endless", "huge", "garbage", "hang-up", CUT)
KINDS = tuple(("mx", kind) for kind in SMTP_KINDS) + tuple(("policy", kind) for kind in HTTP_KINDS)
FULL = Plan(healthy=500, hostile=10_000, timeout=10, interval=120, kinds=KINDS)
SHORT = Plan(healthy=20, hostile=60, timeout=1, interval=5, kinds=(("mx", "drip"), ("mx", CUT), ("policy", "endless-header")))


def run(binaries, options):
    plan = SHORT if options.short else FULL
    report = Report(f"hostile: {plan.hostile} peers of each kind beside {plan.healthy} healthy domains; {IDLE_CLIENTS} idle "
                    f"clients of ours; timeouts of {plan.timeout:g} s")
    for role, kind in plan.kinds:
        lab = ["--bulk", plan.healthy + plan.hostile, f"--hostile-{role}", plan.hostile, "--hostile-kind", kind]
        timeout = f"{plan.timeout:g}s"
        changes = {"probe": {"interval": f"{plan.interval:g}s", "retry_interval": f"{plan.interval:g}s",
                             "max_per_network": 0, "max_per_provider": 0, "concurrency": 2048},
                   "policy": {"timeout": timeout}, "smtp": {"timeout": timeout}}
        with Bed(binaries, lab, changes) as bed:
            try_kind(report, bed, plan, role, kind)
            bed.close_report(report)
    return report


def try_kind(report, bed, plan, role, kind):
    name = f"{role} {kind}"
    scraper = Scraper(bed.exporter.port, FAMILIES)
    empty = scraper.scrape().value("process_resident_memory_bytes")
    most = {"in flight": 0.0, "memory": empty}

    def look(scrape):
        most["in flight"] = max(most["in flight"], scrape.value("mtasts_exporter_probes_in_flight"))
        most["memory"] = max(most["memory"], scrape.value("process_resident_memory_bytes"))

    def all_judged(scrape):
        look(scrape)
        return "pending" not in scrape.states().values()

    def all_good(scrape):
        look(scrape)
        return set(scrape.states().values()) == {"ok"}

    started = time.monotonic()
    with Company(bed, report, scraper, swift=False, name=name):
        judged = watch(scraper, plan.first_pass, all_judged)
        seconds, first_pass = time.monotonic() - started, len(scraper.seconds)
        watch(scraper, plan.interval, look)
        healing = time.monotonic()
        bed.lab.control("heal")
        healed = watch(scraper, plan.healing, all_good)
        healing = time.monotonic() - healing
    begun_ms, first_ms, later_ms = ([percentile(times, share) * MILLISECONDS for share in (0.5, 0.99)]
                                    for times in (scraper.begun_seconds, scraper.seconds[:first_pass],
                                                  scraper.seconds[first_pass:]))
    grown = (most["memory"] - empty) / 1024
    allowed = BASE_KIB + PROBE_KIB * most["in flight"] + DOMAIN_KIB * (plan.healthy + plan.hostile)
    report.figure(name, f"judged in {seconds:.0f} s, {most['in flight']:.0f} at once, {grown / 1024:.0f} MiB more of "
                        f"{allowed / 1024:.0f}; scrape p50 / p99 {begun_ms[0]:.0f} / {begun_ms[1]:.0f} ms to the first "
                        f"octet, {first_ms[0]:.0f} / {first_ms[1]:.0f} ms to the last in the first pass, {later_ms[0]:.0f} / "
                        f"{later_ms[1]:.0f} ms after it; good again after {healing:.0f} s")
    report.promise(f"{name}: every domain gets its verdict", [] if judged else ["some are pending still"])
    if judged:
        report.promise(f"{name}: healthy domains are ok, the others are not", wrong_states(judged, plan, kind == CUT))
    report.promise(f"{name}: once the peers are good, every domain is ok within {plan.healing:.0f} s",
                   [] if healed else not_ok(scraper.scrape()))
    most_ms = SCRAPE_SECONDS * MILLISECONDS
    report.promise(f"{name}: the answer to a scrape begins within {most_ms:.0f} ms (p99)",
                   [f"{begun_ms[1]:.0f} ms"] if begun_ms[1] > most_ms else [])
    report.promise(f"{name}: after the first pass it also ends within {most_ms:.0f} ms (p99)",
                   [f"{later_ms[1]:.0f} ms"] if later_ms[1] > most_ms else [])
    report.promise(f"{name}: memory is bounded", [f"{grown / 1024:.0f} MiB"] if grown > allowed else [])


def not_ok(scrape):
    return [f"{domain} is {state}" for domain, state in scrape.states().items() if state != "ok"]


def wrong_states(scrape, plan, may_be_ok):
    """The first so many domains have hostile peers. Input: whether such a peer may let a probe come to its end."""
    wrong = []
    for domain, state in scrape.states().items():
        hostile = int(domain.removeprefix("d").removesuffix(".bulk.test")) < plan.hostile
        right = {"failing"} if hostile else {"ok"}
        if hostile and may_be_ok:
            right.add("ok")
        if state not in right:
            wrong.append(f"{domain} is {state}")
    return wrong
