#!/usr/bin/env python3
"""Tests of alert and recording rules: promtool's check, every case of tests/data/rules, and that nothing is forgotten.

What must not be forgotten: an alert, a test, a runbook and a panel for each TLS-RPT result type that the exporter knows;
the texts and a test for every alert; metrics that exist. Next: README.md for how the cases are written.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml
from cases import RUNBOOK_URL, CaseFile, seconds

ROOT = pathlib.Path(__file__).resolve().parents[2]
ALERTS = ROOT / "grafana" / "alerts"
DASHBOARDS = ROOT / "grafana" / "dashboards"
RUNBOOKS = ROOT / "docs" / "runbooks"
DATA = ROOT / "tests" / "data" / "rules"
RECORDING = ALERTS / "recording.rules.yaml"
ANNOTATIONS = ("summary", "description", "command", "runbook_url")
SHORTEST_FOR = 360  # a retry after 5 minutes, and the probe's timeout of 60 seconds
PROMETHEUS_METRICS = {"up"}
SPELT_OUT = re.compile(r"\b(?:up|\w*:\w[\w:]*|mtasts_\w+|process_\w+)\b")


def rule_files():
    """The rule files, recording rules first: the others read their series."""
    return [RECORDING, *sorted(path for path in ALERTS.glob("*.rules.yaml") if path != RECORDING)]


def all_rules():
    return [rule for path in rule_files() for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def alert_base(result_type):
    """The name of a result type's alert from probing: certificate-expired gives TlsRptCertificateExpired."""
    return "TlsRpt" + "".join(word.capitalize() for word in result_type.split("-"))


def metrics_in(expression):
    """Names of metrics in an expression: what is no label, text, keyword or function."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\{[^}]*\}|\[[^\]]*\]', " ", expression)
    bare = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    return set(SPELT_OUT.findall(bare))


def known_metrics():
    return set(re.findall(r"(?m)^\| `(\w+)` \|", (ROOT / "docs" / "metrics.md").read_text()))


class Catalogue:
    """What `mtasts_exporter codes` says."""

    def __init__(self, exporter):
        answer = subprocess.run([exporter, "codes", "--format=json"], capture_output=True, text=True, check=True)
        self.entries = json.loads(answer.stdout)

    def codes(self, kind):
        return [entry["code"] for entry in self.entries if entry["kind"] == kind]


def check_result_types(catalogue, alerts):
    """Each has an alert from probing, one from reports, a runbook, and both alerts lead there."""
    for result_type in catalogue.codes("result_type"):
        for name, source in ((alert_base(result_type), "probe"), (alert_base(result_type) + "Reported", "report")):
            found = [rule for rule in alerts if rule["alert"] == name]
            if not found:
                yield f"result type {result_type}: no alert {name}"
            for rule in found:
                if f'result_type="{result_type}"' not in rule["expr"] or rule["labels"].get("source") != source:
                    yield f"{name}: it does not select {result_type}, or its source is not {source}"
                if rule["annotations"].get("runbook_url") != f"{RUNBOOK_URL}{result_type}.md":
                    yield f"{name}: its runbook is not {result_type}.md"
        if not (RUNBOOKS / f"{result_type}.md").exists():
            yield f"result type {result_type}: no docs/runbooks/{result_type}.md"


def check_panels(catalogue):
    """Each result type is on a dashboard. A panel that splits mtasts_failure by result_type shows all."""
    if not DASHBOARDS.is_dir():
        return
    queries = [target.get("expr", "") for path in sorted(DASHBOARDS.glob("*.json"))
               for target in targets_of(json.loads(path.read_text()))]
    failures = [query for query in queries if re.search(r"\bmtasts_failure\b|\w+:mtasts_failure:\w+", query)]
    if any(re.search(r"by\s*\([^)]*\bresult_type\b", query) for query in failures):
        return
    for result_type in catalogue.codes("result_type"):
        if not any(result_type in query for query in failures):
            yield f"result type {result_type}: no panel"


def targets_of(node):
    """The queries of all panels below a node of a dashboard."""
    if isinstance(node, dict):
        yield from node.get("targets", [])
        for key, value in node.items():
            if key != "targets":
                yield from targets_of(value)
    elif isinstance(node, list):
        for item in node:
            yield from targets_of(item)


def check_alert(rule):
    """What every alert must have."""
    name, annotations = rule["alert"], rule.get("annotations", {})
    for key in ANNOTATIONS:
        if not annotations.get(key, "").strip():
            yield f"{name}: no {key}"
    url = annotations.get("runbook_url", "")
    if not url.startswith(RUNBOOK_URL) or not (RUNBOOKS / url.removeprefix(RUNBOOK_URL)).is_file():
        yield f"{name}: {url or 'its runbook_url'} leads to no file of docs/runbooks"
    if seconds(rule.get("for", "0s")) < SHORTEST_FOR:
        yield f"{name}: `for` is shorter than a retry and its probe"
    severities = {"critical", "high", "warning"}
    if rule["labels"].get("severity", "critical") not in severities:
        yield f"{name}: its severity is none of {', '.join(sorted(severities))}"


def check_metrics(rules):
    """Rules and the queries in their texts name only metrics that there are."""
    recorded = {rule["record"] for rule in rules if "record" in rule}
    known = known_metrics() | recorded | PROMETHEUS_METRICS
    for rule in rules:
        queries = [rule["expr"]]
        for text in rule.get("annotations", {}).values():
            queries += [query.replace('\\"', '"') for query in re.findall(r'with (?:printf )?"((?:\\.|[^"\\])*)"', text)]
        for query in queries:
            for name in sorted(metrics_in(query) - known):
                yield f"{rule.get('alert') or rule.get('record')}: nobody exports {name}"


def check_findings(catalogue, rules):
    known = set(catalogue.codes("finding"))
    for rule in rules:
        for findings in re.findall(r'finding=~?"([^"]+)"', rule["expr"]):
            for finding in findings.split("|"):
                if finding not in known:
                    yield f"{rule.get('alert') or rule.get('record')}: there is no finding {finding}"


def check_runbooks(catalogue, alerts):
    """What the catalogue calls a runbook is one, and each runbook is named by the catalogue or by an alert."""
    named = {rule["annotations"].get("runbook_url") for rule in alerts}
    for entry in catalogue.entries:
        url = entry.get("runbook")
        if url and not (url.startswith(RUNBOOK_URL) and (RUNBOOKS / url.removeprefix(RUNBOOK_URL)).is_file()):
            yield f"{entry['kind']} {entry['code']}: {url} leads to no file of docs/runbooks"
        named.add(url)
    for path in sorted(RUNBOOKS.glob("*.md")):
        if path.name != "README.md" and RUNBOOK_URL + path.name not in named:
            yield f"docs/runbooks/{path.name}: no code and no alert leads there"


def check_runbook_index(alerts):
    """The list of runbooks names every alert, those from reports by the name they share."""
    text = (RUNBOOKS / "README.md").read_text()
    for name in sorted({rule["alert"].removesuffix("Reported") for rule in alerts}):
        if f"`{name}`" not in text:
            yield f"{name}: docs/runbooks/README.md does not name it"


def run_promtool(arguments):
    """Returns promtool's complaints, or nothing when it has none."""
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]


def run_cases(files, folder):
    """Runs the cases of all files, two promtools at a time."""
    paths = []
    for file in files:
        rules = [RECORDING, *(ALERTS / f"{name}.rules.yaml" for name in file.content["rules"])]
        for number, test in enumerate(file.promtool_files(rules)):
            path = folder / f"{file.path.stem}-{number}.yaml"
            path.write_text(json.dumps(test))  # JSON is YAML, and written much faster
            paths.append(path)
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        for complaints in pool.map(lambda path: run_promtool(["test", "rules", path]), paths):
            yield from complaints


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--exporter", required=True, help="the binary whose result types must be covered")
    options.add_argument("files", nargs="*", type=pathlib.Path, help="run only these files of cases")
    chosen = options.parse_args()
    rules = all_rules()
    alerts = [rule for rule in rules if "alert" in rule]
    names = {rule["alert"] for rule in alerts}
    healthy = yaml.safe_load((DATA / "healthy.yaml").read_text())
    paths = chosen.files or sorted(path for path in DATA.glob("*.yaml") if path.name != "healthy.yaml")
    files = [CaseFile(path, healthy, names) for path in paths]
    problems = run_promtool(["check", "rules", *rule_files()])
    with tempfile.TemporaryDirectory(prefix="mtasts-rules-") as folder:
        problems += run_cases(files, pathlib.Path(folder))
    catalogue = Catalogue(chosen.exporter)
    problems += [*check_result_types(catalogue, alerts), *check_panels(catalogue), *check_metrics(rules),
                 *check_findings(catalogue, rules), *check_runbooks(catalogue, alerts),
                 *check_runbook_index(alerts)]
    for rule in alerts:
        problems += check_alert(rule)
    if not chosen.files:
        problems += [f"{name}: no case in tests/data/rules makes it fire"
                     for name in sorted(names - set().union(*(file.fired for file in files)))]
    print("\n".join(problems) or f"{len(names)} alerts, {len(rules) - len(alerts)} recording rules, "
          f"{sum(len(list(file.cases())) for file in files)} cases: nothing to say")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
