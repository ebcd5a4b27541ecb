"""What goes on beside a campaign, and what it promises: HTTP clients that ask for nothing, and a sender of reports.

Next: idle_clients.py and reporter.py.
"""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import time

from exposition import percentile
from idle_clients import IdleClients
from report import MILLISECONDS
from reporter import Reporter, promise_counted_once

IDLE_CLIENTS = 200
REPORT_PAUSE = 0.2  # seconds between two reports
CLOSE_SECONDS = 20
SPARE_DESCRIPTORS = 16  # connections of scrapes, and what is open for a moment
SCRAPE_SECONDS = 0.1


class Company:
    """Is there while the context lasts; then the report has its figures and promises, unless an exception ended it.

    Input: scraper has made the campaign's scrapes by then; swift says whether scrapes have to be, which few of them, and
    other campaigns beside this one, cannot tell; name is what the promises begin with, where there are more companies.
    """

    def __init__(self, bed, report, scraper, swift, name=""):
        self._name = f"{name}: " if name else ""
        self._exporter, self._report, self._scraper, self._swift = bed.exporter, report, scraper, swift
        self._domain = "healthy.lab.test" if "healthy.lab.test" in bed.domains else bed.domains[0]
        self._idle = IdleClients(bed.exporter.port, IDLE_CLIENTS)
        self._reporter = Reporter(bed.exporter, self._domain, REPORT_PAUSE)
        self._stack = contextlib.ExitStack()
        self._descriptors = 0

    def __enter__(self):
        self._descriptors = self._scraper.scrape().value("process_open_fds")
        self._stack.enter_context(self._idle)
        self._stack.enter_context(self._reporter)
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)
        if error[0] is None:
            self._judge()

    def _judge(self):
        report, reporter = self._report, self._reporter
        report.figure(f"{self._name}reports acknowledged", str(reporter.acknowledged))
        report.figure(f"{self._name}connections of idle clients",
                      f"{len(self._idle.clients)} at a time, {self._idle.opened} in all")
        promise_counted_once(report, self._exporter, self._domain, reporter, self._name)
        report.promise(f"{self._name}descriptors are given back", self._leak())
        if self._swift:
            late = percentile(self._scraper.seconds, 0.99)
            report.promise(f"a scrape ends within {SCRAPE_SECONDS * MILLISECONDS:.0f} ms (p99)",
                           [f"{late * MILLISECONDS:.0f} ms"] if late > SCRAPE_SECONDS else [])

    def _leak(self):
        """The server closes what its clients have closed, but not at the same moment. A probe has two at most, one for a
        connection and one for a lookup by TCP."""
        until = time.monotonic() + CLOSE_SECONDS
        while True:
            scrape = self._scraper.scrape()
            now, probes = (scrape.value(name) for name in ("process_open_fds", "mtasts_exporter_probes_in_flight"))
            if now <= self._descriptors + 2 * probes + SPARE_DESCRIPTORS:
                return []
            if time.monotonic() > until:
                return [f"{self._descriptors:.0f} before, {now:.0f} after, with {probes:.0f} probes"]
            time.sleep(1)
