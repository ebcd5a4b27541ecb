"""Looks at an exporter every second or so: delay, memory, CPU time, and once a minute whether a healthy domain looks ill.
Next: fleet.py for the campaign, fleet_sizes.py for growth."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import re
import statistics
import time

OWN = ("mtasts_exporter_domains_pending", "mtasts_exporter_probe_delay_seconds", "mtasts_exporter_probes_total")
PERIOD_SECONDS = 1
LOOKS_TO_WEIGH = 5
MINUTE = 60
EXAMPLES = 3


@dataclasses.dataclass(frozen=True)
class Look:
    at: float  # monotonic
    pending: int  # domains
    delay: float  # seconds
    outcomes: dict  # of probes that ended
    cpu: float  # seconds
    resident: int  # KiB

    @property
    def ended(self):
        return sum(self.outcomes.values())


class Watch:
    """Input: children are all processes that must live; log takes a line a minute."""

    def __init__(self, exporter, children, log):
        self.exporter = exporter
        self.children = children
        self.log = log
        self.begun = time.monotonic()
        self.looks = []
        self.healthy = {domain for domain in exporter.domains if exporter.fixture.is_healthy(domain)}
        self.most_late = 0.0  # seconds by which a verdict of a healthy domain was older than the interval
        self.ill = set()  # healthy domains that were ever seen not to be well

    def look(self):
        for child in self.children:
            if not child.running:
                raise AssertionError(f"{child.name} has ended\n{child.tail()}")
        text = self.exporter.look(*OWN)
        values = dict(re.findall(r"(?m)^(mtasts_exporter_\w+) (\S+)$", text))
        outcomes = re.findall(r'(?m)^mtasts_exporter_probes_total\{outcome="(\w+)"\} (\d+)', text)
        self.looks.append(Look(time.monotonic(), int(values[OWN[0]]), float(values[OWN[1]]),
                               {outcome: int(count) for outcome, count in outcomes},
                               self.exporter.cpu, self.exporter.resident))
        return self.looks[-1]

    def until(self, done, seconds, each_minute=None):
        """Looks until done(look) is true. Returns that look, or None when the time is over."""
        begun = time.monotonic()
        minute = self.minute
        while True:
            look = self.look()
            if done(look):
                return look
            if self.minute > minute:
                minute = self.minute
                self._tell(minute - 1)
                if each_minute:
                    each_minute()
            if time.monotonic() >= begun + seconds:
                return None
            time.sleep(max(0.0, look.at + PERIOD_SECONDS - time.monotonic()))  # the pace of looking

    def first_pass(self, seconds=float("inf")):
        """Until every domain and every MX host has been probed once; None when that takes longer."""
        probes = len(self.exporter.domains) + len(self.exporter.hosts)
        return self.until(lambda look: not look.pending and look.ended >= probes, seconds)

    def for_seconds(self, seconds, interval):
        """Looks for so long, once a minute and at the end at every domain. Returns the last look."""
        self.until(lambda look: False, seconds, lambda: self.check_domains(interval))
        self.check_domains(interval)
        return self.looks[-1]

    def weigh_look(self):
        """CPU seconds that a look costs the exporter, which is at rest."""
        spent = []
        for _ in range(LOOKS_TO_WEIGH):
            before = self.exporter.cpu
            self.exporter.look(*OWN)
            spent.append(self.exporter.cpu - before)
        return statistics.median(spent)

    def cpu_between(self, first, last, of_a_look):
        """CPU seconds without those that looking took."""
        looks = sum(first.at < look.at <= last.at for look in self.looks)
        return last.cpu - first.cpu - looks * of_a_look

    @property
    def minute(self):
        return int((time.monotonic() - self.begun) / MINUTE)

    def in_minute(self, number):
        return [look for look in self.looks if int((look.at - self.begun) / MINUTE) == number]

    def delays(self, since=0.0):
        """The most of each minute that has begun since then."""
        first = int((max(since, self.begun) - self.begun) / MINUTE)
        minutes = (self.in_minute(number) for number in range(first, self.minute + 1))
        return [max(look.delay for look in looks) for looks in minutes if looks]

    def _tell(self, number):
        looks = self.in_minute(number)
        if len(looks) < 2:
            return
        first, last = looks[0], looks[-1]
        seconds = last.at - first.at
        self.log(f"minute {number + 1}: {last.pending} pending, {(last.ended - first.ended) / seconds:.0f} probes/s, "
                 f"behind schedule {max(look.delay for look in looks):.1f} s, {last.resident / 1024:.0f} MiB, "
                 f"CPU {(last.cpu - first.cpu) / seconds:.0%}")

    def check_domains(self, interval):
        text = self.exporter.look("mtasts_probe_success", "mtasts_domain_deliverable")
        for family in ("probe_success", "domain_deliverable"):
            well = set(re.findall(rf'(?m)^mtasts_{family}\{{domain="([^"]+)"\}} 1$', text))
            self._blame(self.healthy - well, f"mtasts_{family} is not 1")
        stamps = self.exporter.look("mtasts_probe_timestamp_seconds")
        now = time.time()
        for domain, stamp in re.findall(r'(?m)^mtasts_probe_timestamp_seconds\{domain="([^"]+)"\} (\S+)$', stamps):
            if domain in self.healthy:
                self.most_late = max(self.most_late, now - float(stamp) - interval)

    def read_log(self):
        """Changes of verdicts are logged: finds also what was wrong for a moment."""
        wrong = re.compile(r'msg="verdict changed" domain=(\S+) state=failing (.*)')
        with self.exporter.log.open(errors="replace") as lines:
            for match in filter(None, map(wrong.search, lines)):
                if match[1] in self.healthy:
                    self._blame({match[1]}, match[2])

    def _blame(self, domains, why):
        new = domains - self.ill
        for domain in sorted(new)[:max(0, EXAMPLES - len(self.ill))]:
            self.log(f"false failure: {domain}, {why}")
        self.ill |= new
