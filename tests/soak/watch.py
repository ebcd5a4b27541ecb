"""Looks at one scrape after the other: at a steady pace, for changes of what must not change. Next: resolver.py."""
# SPDX-License-Identifier: Apache-2.0
import time

from exposition import family_of, labels_of

PERIOD_SECONDS = 1.0
# Families that change with every probe, with the state, with time alone, or with what the exporter itself does.
MOVING = {"mtasts_domain_state", "mtasts_rollout_ready", "mtasts_probe_duration_seconds", "mtasts_probe_timestamp_seconds",
          "mtasts_policy_cert_expiry_days", "mtasts_policy_enforced_until_timestamp_seconds",
          "mtasts_mx_cert_expiry_days", "mtasts_mx_probe_timestamp_seconds",
          "mtasts_mx_tls_observed_timestamp_seconds", "mtasts_last_failure_timestamp_seconds",
          "mtasts_tlsrpt_reports_total", "mtasts_tlsrpt_sessions_total", "mtasts_tlsrpt_last_report_timestamp_seconds"}
# Evidence begins with what alerts are made of.
WEIGHTY = ["mtasts_failure", "mtasts_failure_info", "mtasts_policy_in_force", "mtasts_domain_deliverable",
           "mtasts_record_valid", "mtasts_policy_cert_not_after_timestamp_seconds",
           "mtasts_mx_cert_not_after_timestamp_seconds"]


def watch(scraper, seconds, done, period=PERIOD_SECONDS):
    """Scrapes every `period` until done(scrape) is true. Returns the last scrape, or None when time ran out."""
    begun = time.monotonic()
    turn = 0
    while True:
        scrape = scraper.scrape()
        if done(scrape):
            return scrape
        turn += 1
        due = begun + turn * period
        if due > begun + seconds:
            return None
        time.sleep(max(0.0, due - time.monotonic()))


def steady_series(scrape):
    """What a probe that finds everything as before leaves as it was: verdicts, findings, dates of certificates."""
    return {series: value for series, value in scrape.series.items()
            if series.startswith("mtasts_") and not series.startswith("mtasts_exporter_")
            and family_of(series) not in MOVING}


class Changes:
    """Compares scrapes with a first one, and remembers each series that was ever different."""

    def __init__(self, before, since):
        self.before = steady_series(before)
        self.since = since
        self.seen = {}  # series -> "0 -> 1 after 12.3 s", in order of time
        self.lasting = {}  # those of them that differ in the last scrape

    def take(self, scrape):
        now = steady_series(scrape)
        self.lasting = {}
        if now == self.before:
            return
        for series in sorted(self.before.keys() | now.keys()):
            was, is_now = self.before.get(series), now.get(series)
            if was != is_now:
                change = f"{shown(was)} -> {shown(is_now)} after {scrape.at - self.since:.1f} s"
                self.lasting[series] = self.seen.setdefault(series, change)

    def evidence(self, ignored=()):
        return by_family({series: change for series, change in self.seen.items() if series not in ignored})

    def failed(self):
        """The domains of which a failure was ever different."""
        return {labels_of(series)["domain"] for series in self.seen if family_of(series) == "mtasts_failure"}


def by_family(seen):
    """One line per family: how many series and domains or hosts, and which one was first. Input: series -> remark."""
    families = {}
    for series in seen:
        families.setdefault(family_of(series), []).append(series)

    def weight(family):
        return WEIGHTY.index(family) if family in WEIGHTY else len(WEIGHTY), family

    lines = []
    for family in sorted(families, key=weight):
        owners = {labels_of(series).get("domain") or labels_of(series).get("mx") for series in families[family]}
        first = families[family][0]
        lines.append(f"{family}, {len(families[family])} series of {len(owners)} names, "
                     f"first {' '.join(labels_of(first).values())}: {seen[first]}")
    return lines


def shown(value):
    return "absent" if value is None else f"{value:.15g}"
