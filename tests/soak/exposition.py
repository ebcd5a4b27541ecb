"""Reads /metrics as Prometheus does: one kept-alive connection, gzip, every answer timed. Next: watch.py."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import gzip
import http.client
import math
import re
import time

SCRAPE_SECONDS = 10  # Prometheus' default scrape_timeout
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclasses.dataclass(frozen=True)
class Scrape:
    at: float  # monotonic, when the answer was complete
    clock: float  # Unix time of the request
    series: dict  # 'name{labels}' -> value

    def family(self, name):
        """The series of one family as a list of (labels, value)."""
        start = name + "{"
        return [(labels_of(series), value) for series, value in self.series.items() if series.startswith(start)]

    def value(self, name):
        """The one series of a family without labels."""
        return self.series[name]

    def states(self):
        """The state of each domain."""
        return {labels["domain"]: labels["state"] for labels, value in self.family("mtasts_domain_state") if value == 1}


def labels_of(series):
    return dict(LABEL.findall(series))


def family_of(series):
    return series.partition("{")[0]


def parse(text, families=()):
    """The series of an exposition, of these families only where some are named."""
    wanted = tuple(families)
    pairs = (line.rsplit(" ", 1) for line in text.splitlines()
             if not line.startswith("#") and (not wanted or line.startswith(wanted)))
    return {series: float(value) for series, value in pairs}


class Scraper:
    """Scrapes one exporter. Input: the families to keep; all of them by default."""

    def __init__(self, port, families=()):
        self.port = port
        self.families = families
        self.seconds = []  # of every scrape
        self.begun_seconds = []  # until its first octet
        self.bytes = 0  # of the last answer, as sent and as text
        self.text_bytes = 0
        self._connection = None

    def scrape(self):
        """Errors: OSError or HTTPException when nothing answers, AssertionError for another status than 200."""
        clock = time.time()
        begun = time.monotonic()
        try:
            body, zipped = self._get()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        at = time.monotonic()
        self.seconds.append(at - begun)
        text = gzip.decompress(body) if zipped else body
        self.bytes, self.text_bytes = len(body), len(text)
        return Scrape(at, clock, parse(text.decode(), self.families))

    def close(self):
        if self._connection:
            self._connection.close()
        self._connection = None

    def _get(self):
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SCRAPE_SECONDS)
        self._connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
        asked = time.monotonic()
        answer = self._connection.getresponse()
        self.begun_seconds.append(time.monotonic() - asked)
        body = answer.read()
        assert answer.status == 200, f"/metrics answers {answer.status}: {body[:200]}"
        return body, answer.getheader("Content-Encoding") == "gzip"


def percentile(values, share):
    """The least value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
