"""A sender of TLS reports that gives no report up before it is acknowledged, and counts them. Next: signals.py."""
# SPDX-License-Identifier: Apache-2.0
import collections
import threading
import time

from reports import report
from servers import http

ACKNOWLEDGED = 201
RETRY_SECONDS = 0.05
ANSWER_SECONDS = 10
COUNT_SECONDS = 20
SESSIONS = 3  # in each report
TOKEN = "soak-token-0123456789"
# What a configuration needs for it.
WAY_IN = {"http": {"enabled": True, "path": "/tlsrpt", "tokens": [TOKEN]}}


class Reporter:
    """Posts one report after the other on a thread of its own while the context lasts; each again until it is taken,
    which it has to be for the context to end, unless an exception ends it. Input: domain is whom they are about; pause
    is what lies between two, in seconds."""

    def __init__(self, exporter, domain, pause=0.0):
        self.acknowledged = 0
        self.answers = collections.Counter()  # by status, 0 without an answer
        self._exporter, self._domain = exporter, domain
        self._path = f"/tlsrpt/{TOKEN}"
        self._pause = pause
        self._stop = threading.Event()
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def sessions(self):
        """What acknowledged reports add up to."""
        return SESSIONS * self.acknowledged

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, error, *_):
        self._stop.set()
        if error is not None:
            self._given_up.set()
        self._thread.join()

    def _run(self):
        number = 0
        while not self._stop.is_set():
            number += 1
            text = report(self._domain, f"soak-{number}", SESSIONS).encode()
            while not self._post(text):  # at the end, too: it may be counted, and its answer lost
                if self._given_up.wait(RETRY_SECONDS):
                    return
            self._stop.wait(self._pause)

    def _post(self, text):
        status, _ = http("POST", self._exporter.url(self._path), {"Content-Type": "application/tlsrpt+json"},
                         ANSWER_SECONDS, text)
        self.answers[status] += 1
        if status == ACKNOWLEDGED:
            self.acknowledged += 1
        return status == ACKNOWLEDGED


def sessions_counted(exporter, domain):
    """What the exporter says that reports about a domain add up to; None without an answer."""
    status, text = http("GET", exporter.url(f"/metrics?domain={domain}&name[]=mtasts_tlsrpt_sessions_total"))
    if status != 200:
        return None
    lines = (line for line in text.splitlines() if line.startswith("mtasts_tlsrpt_sessions_total{"))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def promise_counted_once(report, exporter, domain, reporter, name=""):
    """Waits for the count, and for no longer than that may take. Returns it. Input: name is what the promise begins
    with."""
    counted = await_count(exporter, domain, reporter.sessions)
    wrong = [] if counted == reporter.sessions else [f"{reporter.sessions} sessions acknowledged, {counted} counted"]
    report.promise(f"{name}every acknowledged report is counted exactly once", wrong)
    return counted


def await_count(exporter, domain, wanted):
    """Returns what is counted in the end."""
    until = time.monotonic() + COUNT_SECONDS
    while (counted := sessions_counted(exporter, domain)) != wanted and time.monotonic() < until:
        time.sleep(RETRY_SECONDS)
    return counted
