"""What a campaign found: a table of figures, and which promises were kept."""
# SPDX-License-Identifier: Apache-2.0
from exposition import percentile

EVIDENCE_LINES = 12
MILLISECONDS = 1000


class Report:
    def __init__(self, title):
        self.title = title
        self.figures = []
        self.promises = []

    @property
    def kept(self):
        return all(kept for kept, _, _ in self.promises)

    def figure(self, name, value):
        self.figures.append((name, value))

    def promise(self, text, broken=()):
        """A promise and what breaks it, one line each; nothing does when it is kept."""
        self.promises.append((not broken, text, list(broken)))

    def scrapes(self, scraper):
        """The figures of all scrapes of a scraper."""
        size = f"{scraper.text_bytes / 1e6:.2f} MB, {scraper.bytes / 1e3:.0f} kB compressed"
        self.figure("scrapes", f"{len(scraper.seconds)}, the last of {size}")
        shares = [percentile(scraper.seconds, share) * MILLISECONDS for share in (0.5, 0.99, 1.0)]
        self.figure("scrape latency, p50 / p99 / max", " / ".join(f"{share:.1f}" for share in shares) + " ms")

    def process(self, first, last):
        """How the exporter's own needs developed between two scrapes."""
        memory = [scrape.value("process_resident_memory_bytes") / 1e6 for scrape in (first, last)]
        descriptors = [scrape.value("process_open_fds") for scrape in (first, last)]
        cpu = last.value("process_cpu_seconds_total") - first.value("process_cpu_seconds_total")
        self.figure("exporter's memory, first / last", "{:.0f} / {:.0f} MB".format(*memory))
        self.figure("exporter's descriptors, first / last", "{:.0f} / {:.0f}".format(*descriptors))
        self.figure("exporter's CPU", f"{cpu / (last.at - first.at):.1%} of one core")

    def __str__(self):
        width = max(len(name) for name, _ in self.figures)
        lines = [self.title]
        lines += [f"  {name:{width}}  {value}" for name, value in self.figures]
        for kept, text, broken in self.promises:
            lines.append(f"  {'kept  ' if kept else 'BROKEN'}  {text}")
            lines += [f"            {line}" for line in broken[:EVIDENCE_LINES]]
            if len(broken) > EVIDENCE_LINES:
                lines.append(f"            and {len(broken) - EVIDENCE_LINES} more")
        return "\n".join(lines)


def seconds_range(times, since):
    """First and last of some moments, as seconds since another."""
    if not times:
        return "never"
    return f"{min(times) - since:.1f} / {max(times) - since:.1f} s"
