"""Expands the compact cases of tests/data/rules into what `promtool test rules` reads.

Next: README.md for the words of a case.
"""
# SPDX-License-Identifier: Apache-2.0
import fnmatch
import re

import yaml

RUNBOOK_URL = "https://github.com/mtasts-exporter/mtasts_exporter/blob/main/docs/runbooks/"
INSTANCES = ({"job": "mtasts", "instance": "a:9974", "pod": "mtasts-0"},
             {"job": "mtasts", "instance": "b:9974", "pod": "mtasts-1"})
MODES = ("enforce", "testing", "none")
BROKEN, BARE = "broken.example", "bare.example"
# A domain without MTA-STS keeps these, whatever the case changes at broken.example.
ONLY_WITH_POLICY = ("mtasts_policy_in_force", "mtasts_policy_expected_mode", "mtasts_policy_enforced_until_timestamp_seconds")
KEYS = {"name", "each", "mode", "expect", "domains", "targets", "series", "only_at", "firing", "promql", "step"}
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
AFTER_LAST_LOOK = 2  # steps


def seconds(text):
    """The seconds of a duration such as 1h30m."""
    parts = re.findall(r"(\d+)([smhd])", str(text))
    assert "".join(number + unit for number, unit in parts) == str(text), f"'{text}' is no duration"
    return sum(int(number) * UNIT_SECONDS[unit] for number, unit in parts)


def parse_series(text):
    """name{label="value"} as (name, {label: value})."""
    match = re.fullmatch(r"(\w+)(?:\{(.*)\})?", text)
    assert match, f"'{text}' is no series"
    return match[1], dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))


def render_series(name, labels):
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}"


def expand_values(text, steps, step):
    """Values of the compact form as promtool's. Input: how many steps, and how many seconds each."""
    pieces, at = [], 0
    for part in str(text).split(","):
        value, _, until = part.strip().partition(" until ")
        end = seconds(until) // step if until else steps
        count = end - at
        if count <= 0:
            continue
        if value == "gone":
            pieces.append("stale" + (f" _x{count - 1}" if count > 1 else ""))
        elif value == "now":
            pieces.append(f"{at * step}+{step}x{count - 1}")
        else:
            pieces.append(f"{value}+0x{count - 1}")
        at = end
    return " ".join(pieces)


def substitute(node, words):
    """Replaces <word> in every text of a tree."""
    if isinstance(node, dict):
        return {substitute(key, words): substitute(value, words) for key, value in node.items()}
    if isinstance(node, list):
        return [substitute(item, words) for item in node]
    if isinstance(node, str):
        for word, text in words.items():
            node = node.replace(f"<{word}>", text)
    return node


class World:
    """The series of all exporters: {(name, labels): values}."""

    def __init__(self, healthy, case):
        self.healthy = healthy
        self.targets = case.get("targets", INSTANCES)
        self.series = {}
        self.domain_metrics = {parse_series(line.split(" ")[0])[0] for line in healthy["domain"] + healthy["domain_mx"]}
        self.domain_metrics |= {"mtasts_failure_info", "mtasts_finding", "mtasts_tlsrpt_failure_info",
                                "mtasts_tlsrpt_last_report_timestamp_seconds", *ONLY_WITH_POLICY}
        self._fill(case)
        for text, values in case.get("series", {}).items():
            self._lay_over(text, values, self.targets)
        for instance, series in case.get("only_at", {}).items():
            for text, values in series.items():
                self._lay_over(text, values, [target for target in self.targets if target["instance"] == instance])

    def _fill(self, case):
        self._add_lines(self.healthy["exporter"], {})
        domains = case.get("domains") or {"healthy.example": {"mode": "enforce"}, BROKEN: {"mode": case.get("mode", "enforce")},
                                          BARE: {"mode": "", "record": False}}
        hosts = set()
        for domain, about in domains.items():
            mx_hosts = about.get("mx", [f"mx1.{domain}", f"mx2.{domain}"])
            hosts.update(mx_hosts)
            self._add_lines(self.healthy["domain"], {"domain": domain})
            for host in mx_hosts:
                self._add_lines(self.healthy["domain_mx"], {"domain": domain, "mx": host})
            self._add_modes("mtasts_policy_in_force", domain, about["mode"])
            if about["mode"] == "enforce":
                self._add_lines(["mtasts_policy_enforced_until_timestamp_seconds 8640000"], {"domain": domain})
            if domain == BROKEN and case.get("expect"):
                self._add_modes("mtasts_policy_expected_mode", domain, case["expect"])
            if domain == BARE:
                self._add_lines(["mtasts_record_valid 0"], {"domain": domain})
        for host in sorted(hosts):
            self._add_lines(self.healthy["mx"], {"mx": host})

    def _add_modes(self, name, domain, present):
        self._add_lines([f'{name}{{mode="{mode}"}} {int(mode == present)}' for mode in MODES], {"domain": domain})

    def _add_lines(self, lines, labels):
        for line in lines:
            text, _, value = line.partition(" ")
            name, own = parse_series(text)
            for target in self.targets:
                self._set(name, own | labels | target, value or "1")

    def _set(self, name, labels, values):
        self.series[(name, tuple(sorted(labels.items())))] = values

    def _lay_over(self, text, values, targets):
        name, labels = parse_series(text)
        variants = [labels]
        if name in self.domain_metrics and "domain" not in labels:
            variants = [labels | {"domain": BROKEN}]
            if name not in ONLY_WITH_POLICY:
                variants.append(labels | {"domain": BARE})
        for variant in variants:
            for target in targets:
                self._set(name, target | variant, values)

    def input_series(self, steps, step):
        return [{"series": render_series(name, dict(labels)), "values": expand_values(values, steps, step)}
                for (name, labels), values in self.series.items()]


class CaseFile:
    """One file of cases. Input: the path, the healthy world and {alert name} of all rules."""

    def __init__(self, path, healthy, alert_names):
        self.path = path
        self.healthy = healthy
        self.alert_names = alert_names
        self.content = yaml.safe_load(path.read_text())
        self.fired = set()  # names of alerts that some case expects

    def cases(self):
        """The cases, repeated where they have an `each`."""
        for case in self.content["cases"]:
            assert set(case) <= KEYS, f"{self.path.name}: unknown words {set(case) - KEYS}"
            for words in case.get("each", [{}]):
                yield substitute({key: value for key, value in case.items() if key != "each"}, words)

    def promtool_files(self, rule_files):
        """The cases as promtool reads them, a file for each step. Input: rule files, in the order of evaluation."""
        groups = [group["name"] for path in rule_files for group in yaml.safe_load(path.read_text())["groups"]]
        by_step = {}
        for case in self.cases():
            try:
                by_step.setdefault(case.get("step", "1m"), []).append(self._test(case))
            except (AssertionError, KeyError, StopIteration) as mistake:
                raise SystemExit(f"{self.path.name}, case '{case['name']}': {mistake!r}") from mistake
        return [{"rule_files": [str(path) for path in rule_files], "evaluation_interval": step,
                 "group_eval_order": groups, "tests": tests} for step, tests in by_step.items()]

    def _test(self, case):
        step = seconds(case.get("step", "1m"))
        firing, promql = case.get("firing", {}), case.get("promql", {})
        steps = max(seconds(at) for at in [*firing, *promql]) // step + AFTER_LAST_LOOK
        test = {"interval": case.get("step", "1m"), "name": case["name"],
                "input_series": World(self.healthy, case).input_series(steps, step),
                "alert_rule_test": [], "promql_expr_test": []}
        for at, alerts in firing.items():
            test["alert_rule_test"] += self._looks(at, alerts)
        for at, expressions in promql.items():
            test["promql_expr_test"] += [{"eval_time": at, "expr": expression, "exp_samples": samples}
                                         for expression, samples in expressions.items()]
        return test

    def _looks(self, at, alerts):
        """One look at each alert there is: those expected with labels and texts, of the others nothing."""
        expected = {name: [] for name in sorted(self.alert_names)}
        for alert in alerts:
            assert alert["alert"] in expected, f"there is no alert {alert['alert']}"
            self.fired.add(alert["alert"])
            expected[alert["alert"]].append(self._expected(alert))
        return [{"eval_time": at, "alertname": name, "exp_alerts": found} for name, found in expected.items()]

    def _expected(self, alert):
        """Labels and texts. {name} in a text is a label or one of the alert's `with`."""
        about = next(texts for pattern, texts in self.content["texts"].items() if fnmatch.fnmatchcase(alert["alert"], pattern))
        labels = {"job": "mtasts"} | about.get("labels", {})
        labels |= {key: value for key, value in alert.items() if key not in ("alert", "with")}
        labels = {label: value for label, value in labels.items() if value is not None}
        words = labels | about.get("with", {}) | alert.get("with", {})
        annotations = {key: about[key].format_map(words) for key in ("summary", "description", "command")}
        annotations["runbook_url"] = RUNBOOK_URL + about["runbook"].format_map(words) + ".md"
        return {"exp_labels": labels, "exp_annotations": annotations}
