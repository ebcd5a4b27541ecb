"""What is wrong with the Grafana dashboards: read from their JSON, and from every query's answer.

problems(prometheus_url) gives it as a list of lines. That Prometheus scrapes an exporter that watches domains with and
without faults (the lab, or the end-to-end suite) and has loaded grafana/alerts/*.rules.yaml.
Next: MAY_BE_EMPTY for the queries that may have no answer, and why.
"""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARDS = ROOT / "grafana" / "dashboards"
RULE_TEST = pathlib.Path(__file__).with_name("fleet_rules_test.yaml")
UIDS = {"mtasts-fleet", "mtasts-domain", "mtasts-tlsrpt", "mtasts-exporter"}
DOCS = "https://github.com/mtasts-exporter/mtasts_exporter/blob/main/docs/"
COLUMNS = 24
RANGE_SECONDS = 900
STEP_SECONDS = 15
TIMEOUT_SECONDS = 30

RESULT_TYPES = (  # RFC 8460 section 4.3
    "starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted",
    "validation-failure", "tlsa-invalid", "dnssec-invalid", "dane-required", "sts-policy-fetch-error",
    "sts-policy-invalid", "sts-webpki-invalid",
)
PROMETHEUS_METRICS = {"up", "ALERTS", "scrape_duration_seconds", "scrape_samples_scraped"}  # Prometheus' own

NO_SUCH_HARM = "no series while no domain has this harm"
NOTHING_CHANGED = "no series until something changes"
# (dashboard, panel, annotation or variable title, refId or * for all): why the query may have no answer.
MAY_BE_EMPTY = {
    ("mtasts-fleet", "Domains that need attention", "*"): NO_SUCH_HARM,
    ("mtasts-fleet", "Latest changes", "*"): NOTHING_CHANGED,
    ("mtasts-fleet", "annotation Policy changes", "*"): NOTHING_CHANGED,
    ("mtasts-domain", "annotation Policy changes", "*"): NOTHING_CHANGED,
    ("mtasts-domain", "annotation MX changes", "*"): NOTHING_CHANGED,
    ("mtasts-domain", "annotation Alerts", "*"): "an alert fires only after its for: has passed",
    ("mtasts-domain", "History", "C"): "only where expect_mode is configured",
    ("mtasts-exporter", "Clock skew", "*"): "measured only once enough policy hosts have said their time",
    ("mtasts-exporter", "annotation Policy changes", "*"): NOTHING_CHANGED,
    ("mtasts-tlsrpt", "annotation Policy changes", "*"): NOTHING_CHANGED,
}


@dataclasses.dataclass
class Query:
    """One query of a dashboard. Where: dashboard uid, title and refId."""
    where: tuple
    expr: str
    instant: bool
    dashboard: dict


def load():
    """The dashboards as {file: (text, model)}."""
    return {path: (text, json.loads(text)) for path in sorted(DASHBOARDS.glob("*.json"))
            for text in [path.read_text(encoding="utf-8")]}


def panels_of(model):
    for panel in model["panels"]:
        yield panel
        yield from panel.get("panels", [])


def queries_of(model):
    """Every query of panels and annotations."""
    uid = model["uid"]
    for panel in panels_of(model):
        for target in panel.get("targets", []):
            yield Query((uid, panel["title"], target["refId"]), target["expr"], target["instant"], model)
    for annotation in model["annotations"]["list"]:
        if "expr" in annotation:
            yield Query((uid, f"annotation {annotation['name']}", "A"), annotation["expr"], False, model)


def variables_of(model, kind):
    return [v for v in model["templating"]["list"] if v["type"] == kind]


# --- what can be read from the JSON

def known_metrics():
    """Every metric name that a query may use: documented, recorded, or Prometheus' own."""
    names = set(PROMETHEUS_METRICS)
    for line in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8").splitlines():
        row = re.match(r"\| `(\w+)` \| (\w+) \|", line)
        if row:
            names |= {row[1]} if row[2] != "histogram" else {f"{row[1]}_{part}" for part in ("bucket", "sum", "count")}
    for path in (ROOT / "grafana" / "alerts").glob("*.rules.yaml"):
        names |= set(re.findall(r"^\s*-?\s*record:\s*(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    return names


def metrics_in(expr):
    """The metric names of a PromQL expression: the names that are no function, keyword, label, string or duration."""
    text = re.sub(r'"(?:\\.|[^"\\])*"', "", expr)
    text = re.sub(r"\{[^{}]*\}", " ", text)
    text = re.sub(r"\[[^\]]*\]", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", " ", text)
    names = re.findall(r"(?<![\w:$])([a-zA-Z_:][\w:]*)(?!\s*\(|[\w:])", text)
    return set(names) - {"and", "or", "unless", "bool", "offset", "NaN", "Inf", "by", "without", "on", "ignoring"}


def datasources_in(value):
    """Every datasource object anywhere below."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "datasource":
                yield inner
            yield from datasources_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from datasources_in(inner)


def links_in(value):
    """Every URL of a link anywhere below."""
    if isinstance(value, dict):
        if isinstance(value.get("url"), str):
            yield value["url"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from links_in(inner)


def overlap(a, b):
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
            and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


def file_problems(path, text, model):
    if model.get("uid") not in UIDS or path.stem != model["uid"]:
        yield f"uid {model.get('uid')!r} is not one of the fixed ones, or not the file's name"
    if text != json.dumps(model, indent=2, sort_keys=True, ensure_ascii=False) + "\n":
        yield "not formatted with two spaces and sorted keys"
    if model.get("id") is not None:
        yield "id is set: Grafana would take it for another dashboard"
    for key in ("__inputs", "__requires", "iteration", "version", "gnetId"):
        if key in model:
            yield f"{key} belongs to one Grafana server"
    if "mtasts" not in model.get("tags", []):
        yield "tag mtasts is missing"
    if not any(a["name"] == "Policy changes" for a in model["annotations"]["list"]):
        yield "no annotation for policy changes"
    wanted = {f"/d/{uid}" for uid in UIDS - {model["uid"]}}
    if wanted - {link["url"] for link in model["links"]}:
        yield "not linked to every other dashboard"
    if not any(v["name"] == "datasource" for v in variables_of(model, "datasource")):
        yield "no variable datasource"
    for source in datasources_in(model):
        if source.get("uid") not in ("${datasource}", "-- Grafana --"):
            yield f"datasource {source} instead of the variable"


def panel_problems(model):
    seen = set()
    placed = []
    for panel in panels_of(model):
        name = f"panel {panel['id']} {panel['title']!r}"
        if panel["id"] in seen:
            yield f"{name}: the id is used twice"
        seen.add(panel["id"])
        if len(panel.get("description", "")) < 20:
            yield f"{name}: no description"
        place = panel["gridPos"]
        if place["x"] + place["w"] > COLUMNS or any(overlap(place, other) for other in placed):
            yield f"{name}: leaves the grid or lies over another"
        placed.append(place)
        defaults = panel["fieldConfig"]["defaults"]
        for key in ("unit", "thresholds", "noValue"):
            if key not in defaults:
                yield f"{name}: no {key}"
        if "pluginVersion" in panel:
            yield f"{name}: pluginVersion belongs to one Grafana server"
        if len({t["refId"] for t in panel["targets"]}) != len(panel["targets"]):
            yield f"{name}: a refId is used twice"


def link_problems(model):
    for url in links_in(model):
        inside = re.match(r"/d/([\w-]+)", url)
        if inside:
            if inside[1] not in UIDS:
                yield f"link to {url}: no such dashboard"
            continue
        if not url.startswith(DOCS):
            yield f"link to {url}: not a page of ours"
            continue
        page = url.removeprefix(DOCS)
        pages = [page] if "${" not in page else [page.replace("${__value.raw}", t) for t in RESULT_TYPES]
        for page in pages:
            if not (ROOT / "docs" / page).is_file():
                yield f"link to docs/{page}: no such file"


def query_text_problems(model, known):
    for query in queries_of(model):
        for name in sorted(metrics_in(query.expr) - known):
            yield f"{query.where[1]} {query.where[2]}: unknown metric {name}"
    for variable in variables_of(model, "query"):
        for name in sorted(metrics_in(label_values(variable)[0]) - known):
            yield f"variable {variable['name']}: unknown metric {name}"


def fleet_problems(model):
    """With 50,000 domains no panel draws a line per domain, and no graph reads the series of every domain.

    Domains may come by /probe alone, whose answers have nothing of the exporter itself: no variable asks for that.
    """
    for variable in variables_of(model, "query"):
        if any(name.startswith(("mtasts_exporter_", "process_")) for name in metrics_in(label_values(variable)[0])):
            yield f"variable {variable['name']}: a metric that answers of /probe do not have"
    for panel in panels_of(model):
        for target in panel["targets"]:
            if panel["type"] != "table" and re.search(r"\{\{\s*(domain|mx)\s*}}", target.get("legendFormat", "")):
                yield f"panel {panel['title']!r}: a line per domain or host"
            if not target["instant"] and any(not n.startswith("job") for n in metrics_in(target["expr"])):
                yield f"panel {panel['title']!r}: a graph over the series of every domain"
            if panel["type"] == "table" and re.search(r"by \([^)]*(domain|mx)\b", target["expr"]):
                if not re.search(r"topk|bottomk|^\s*count", target["expr"]):
                    yield f"panel {panel['title']!r}: a row per domain without a limit"


def result_type_problems(models):
    """Every TLS-RPT result type has its panel on Fleet, Domain and TLS-RPT, its colour and its runbook."""
    for uid in ("mtasts-fleet", "mtasts-domain", "mtasts-tlsrpt"):
        model = models.get(uid)
        exprs = [q.expr for q in queries_of(model)] if model else []
        if not any("by (result_type)" in e and "result_type=" not in e for e in exprs):
            yield f"{uid}: no panel shows every result type"
    for uid in ("mtasts-fleet", "mtasts-tlsrpt"):
        coloured = {o["matcher"]["options"] for p in panels_of(models[uid]) for o in p["fieldConfig"]["overrides"]}
        for missing in sorted(set(RESULT_TYPES) - coloured):
            yield f"{uid}: no colour for {missing}"
    for name in RESULT_TYPES:
        if not (ROOT / "docs" / "runbooks" / f"{name}.md").is_file():
            yield f"no runbook for {name}"


def rule_problems():
    """What promtool says of the rules that only the dashboards use; nothing where it is not installed."""
    promtool = shutil.which("promtool")
    if promtool:
        test = subprocess.run([promtool, "test", "rules", str(RULE_TEST)], capture_output=True, text=True, check=False)
        if test.returncode != 0:
            yield f"{RULE_TEST.name}: {test.stdout}{test.stderr}"


def static_problems():
    """What is wrong with the files themselves, as lines."""
    found = list(rule_problems())
    known = known_metrics()
    models = {}
    titles = set()
    for path, (text, model) in load().items():
        models[model["uid"]] = model
        checks = [file_problems(path, text, model), panel_problems(model), link_problems(model),
                  query_text_problems(model, known)]
        if model["uid"] == "mtasts-fleet":
            checks.append(fleet_problems(model))
        found += [f"{path.name}: {problem}" for check in checks for problem in check]
        titles |= {(model["uid"], q.where[1]) for q in queries_of(model)}
        titles |= {(model["uid"], f"variable {v['name']}") for v in variables_of(model, "query")}
    if set(models) != UIDS:
        return found + [f"dashboards missing: {', '.join(sorted(UIDS - set(models)))}"]
    found += result_type_problems(models)
    found += [f"MAY_BE_EMPTY names {uid} {title!r}, which is not there" for uid, title, _ in MAY_BE_EMPTY
              if (uid, title) not in titles]
    return found


# --- against a Prometheus

class Prometheus:
    def __init__(self, url):
        self._url = url.rstrip("/")

    def get(self, path, **parameters):
        """The data of an answer. Errors: ValueError with what Prometheus says."""
        address = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode(errors="replace")) from error

    def series(self, expr, instant):
        """The series of an answer, now or over the last minutes."""
        now = time.time()
        if instant:
            return self.get("query", query=expr, time=now)["result"]
        return self.get("query_range", query=expr, start=now - RANGE_SECONDS, end=now, step=STEP_SECONDS)["result"]


def label_values(variable):
    """(selector, label) of a variable's query; the selector is empty when it asks for all values of a label."""
    asked = re.fullmatch(r"label_values\((?:(.*),\s*)?(\w+)\)", variable["query"]["query"])
    return (asked[1] or "", asked[2])


def substitute(expr, values):
    """The expression as Grafana sends it, with these values of variables."""
    built_in = {"__rate_interval": "1m", "__interval": f"{STEP_SECONDS}s", "__range": f"{RANGE_SECONDS}s"}
    return re.sub(r"\$(?:\{(\w+)}|([a-z_]\w*))", lambda m: (built_in | values).get(m[1] or m[2], m[0]), expr)


class Run:
    """All queries of all dashboards against one Prometheus."""

    def __init__(self, prometheus_url, verbose=False):
        self._prometheus = Prometheus(prometheus_url)
        self._verbose = verbose
        self.found = []
        self.queries = 0
        self.with_data = 0
        self.allowed_empty = 0

    def run(self):
        for _, model in load().values():
            choices = self._choices(model)
            for query in queries_of(model):
                self._query(query, choices)
        return self.found

    def _choices(self, model):
        """The combinations of variable values to try: All where there is one, then each single value."""
        combinations = [{}]
        for variable in variables_of(model, "query"):
            selector, label = label_values(variable)
            where = (model["uid"], f"variable {variable['name']}", "*")
            match = {"match[]": substitute(selector, combinations[0])} if selector else {}
            self.queries += 1
            try:
                values = self._prometheus.get(f"label/{label}/values", **match)
            except ValueError as error:
                self.found.append(f"{where[0]}, {where[1]}: {error}")
                continue
            self._count(where, values)
            values = [variable["allValue"]] if variable.get("allValue") else values
            combinations = [c | {variable["name"]: value} for c in combinations for value in values]
        return combinations

    def _query(self, query, choices):
        self.queries += 1
        answer = []
        for values in choices:
            expr = substitute(query.expr, values)
            if "$" in re.sub(r"\$\d", "", re.sub(r'"[^"]*\$"', "", expr)):
                self.found.append(f"{', '.join(query.where)}: a variable that nothing fills: {expr}")
                return
            try:
                answer = self._prometheus.series(expr, query.instant)
            except ValueError as error:
                self.found.append(f"{', '.join(query.where)}: {error}")
                return
            if answer:
                break
        self._count(query.where, answer)
        if query.where[:2] in (("mtasts-fleet", "Faults by result type"), ("mtasts-domain", "Faults by result type")):
            missing = set(RESULT_TYPES) - {series["metric"].get("result_type") for series in answer}
            self.found += [f"{', '.join(query.where)}: no series for {name}" for name in sorted(missing)]

    def _count(self, where, answer):
        if answer:
            self.with_data += 1
            return
        reason = MAY_BE_EMPTY.get(where) or MAY_BE_EMPTY.get((*where[:2], "*"))
        if reason is None:
            self.found.append(f"{', '.join(where)}: empty answer")
            return
        self.allowed_empty += 1
        if self._verbose:
            print(f"empty, as it may be: {', '.join(where)} ({reason})")


def problems(prometheus_url, verbose=False):
    """Everything wrong with the dashboards, on paper and against this Prometheus, as lines. Prints the counts."""
    found = static_problems()
    run = Run(prometheus_url, verbose)
    found += run.run()
    panels = sum(1 for _, model in load().values() for _ in panels_of(model))
    print(f"dashboards: {panels} panels, {run.queries} queries run, {run.with_data} with data, "
          f"{run.allowed_empty} empty as they may be, {len(found)} problems")
    return found
