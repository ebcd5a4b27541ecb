#!/usr/bin/env python3
"""Tests of the documentation: every example is valid, every command exists, every link leads somewhere.

Configurations are given to the program that would read them, PromQL to promtool, shell to `bash -n`; how commands of
ours are called is compared with their --help. Next: docs/getting-started.md; tests/e2e/test_examples.py runs what it
says about Prometheus.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("*.md", "docs/**/*.md", "grafana/*.md", "tests/**/*.md")
LANGUAGES = {"", "sh", "yaml", "promql"}
FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMPOSE = ROOT / "packaging" / "compose"
KUBERNETES = ROOT / "packaging" / "kubernetes"


def pages():
    return sorted({path for pattern in PAGES for path in ROOT.glob(pattern) if not {"build", "node_modules"} & set(path.parts)})


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=60, **options)


def anchor(heading):
    """A heading's anchor as forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


class Page:
    def __init__(self, path):
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.examples = FENCE.findall(self.text)
        self.prose = FENCE.sub("", self.text)
        self.anchors = {anchor(heading) for heading in re.findall(r"(?m)^#+ (.*)$", self.prose)}


class Checks:
    def __init__(self, exporter, folder):
        self.exporter = exporter
        self.folder = folder
        self.pages = {path: Page(path) for path in pages()}
        self.helps = {}

    def faults(self):
        for path, page in self.pages.items():
            for fault in self._page(page):
                yield f"{path.relative_to(ROOT)}: {fault}"
        yield from self._promql()
        yield from self._compose()
        yield from self._image()
        yield from self._kubernetes()

    def _page(self, page):
        yield from self._links(page)
        for language, text in page.examples:
            if language not in LANGUAGES:
                yield f"an example in '{language}', which nothing here can check"
            elif language == "sh":
                yield from self._shell(text)
            elif language == "yaml":
                yield from self._yaml(text)

    def _links(self, page):
        for link in LINK.findall(page.prose):
            if re.match(r"\w+:", link):
                continue
            name, _, fragment = link.partition("#")
            target = (page.path.parent / name).resolve() if name else page.path
            if not target.exists():
                yield f"a link to {link}: there is no such file"
            elif fragment and target in self.pages and fragment not in self.pages[target].anchors:
                yield f"a link to {link}: there is no such heading"

    def _shell(self, text):
        answer = run("bash", "-n", "-c", text)
        if answer.returncode != 0:
            yield f"not shell: {answer.stderr.strip()}"
            return
        for words in commands(text):
            yield from self._files(words)
            for place, word in enumerate(words):
                if pathlib.PurePath(word).name == "mtasts_exporter" and self._is_command(words, place):
                    yield from self._call(words[place + 1:])

    @staticmethod
    def _is_command(words, place):
        """Does a command begin at this word?"""
        return place == 0 or words[place - 1] in ("&&", "||", "|", ";", "sudo", "-0")  # of xargs

    @staticmethod
    def _files(words):
        """Files of the sources that a command names."""
        for word in words:
            if re.match(r"\.?(scripts|grafana|packaging|tests|docs|\.ci)/", word) and not list(ROOT.glob(word)):
                yield f"there is no {word}"

    def _call(self, words):
        """Is this how the exporter may be called? Input: what stands behind its name."""
        words = words[:next((place for place, word in enumerate(words) if word in ("&&", "||", "|", ";", "&")), len(words))]
        names, flags = [], [word.split("=")[0] for word in words if word.startswith("--")]
        for word in words:
            if word.startswith("-") or not self._has_command(names, word):
                break
            names.append(word)
        if not names and words and not words[0].startswith("-"):
            yield f"there is no command 'mtasts_exporter {words[0]}'"
        for flag in flags:
            if flag not in self._help(names):
                yield f"'mtasts_exporter {' '.join(names)}' has no flag {flag}"

    def _help(self, names):
        key = tuple(names)
        if key not in self.helps:
            self.helps[key] = run(self.exporter, *names, "--help").stdout
        return self.helps[key]

    def _has_command(self, names, word):
        commands = self._help(names).partition("Subcommands:")[2]
        return re.search(rf"(?m)^  {re.escape(word)} ", commands) is not None

    def _yaml(self, text):
        """A configuration of ours or of Prometheus."""
        try:
            keys = set(yaml.safe_load(text))
        except (yaml.YAMLError, TypeError) as error:
            yield f"not YAML: {error}"
            return
        file = self.folder / "example.yaml"
        password = self.folder / "imap-password"  # a file that the configuration names has to be there
        password.touch(0o600)
        file.write_text(text.replace("/etc/mtasts_exporter/imap-password", str(password)))
        tool = ["promtool", "check", "config"] if "scrape_configs" in keys else \
            [self.exporter, "--config.check", f"--config.file={file}"]
        answer = run(*tool, *([file] if tool[0] == "promtool" else []))
        if answer.returncode != 0:
            yield f"a configuration that is not valid:\n{text}{answer.stdout}{answer.stderr}"

    def _promql(self):
        """All expressions of all pages, as rules that promtool reads."""
        expressions = []
        for path, page in self.pages.items():
            texts = [line for language, text in page.examples if language == "promql" for line in statements(text)]
            answers = re.findall(r"(?m)^\| [^|]*\? \|(.*)\|$", page.prose)  # of the README's questions
            texts += [text for answer in answers for text in re.findall(r"`([^`]*)`", answer)]
            expressions += [(path.relative_to(ROOT), text) for text in texts]
        rules = [{"record": f"example_{number}", "expr": text} for number, (_, text) in enumerate(expressions)]
        file = self.folder / "examples.rules.yaml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "examples", "rules": rules}]}))
        answer = run("promtool", "check", "rules", "--lint=none", file)
        if answer.returncode != 0:
            for number, reason in re.findall(r'"example_(\d+)": (.*)', answer.stdout + answer.stderr):
                path, text = expressions[int(number)]
                yield f"{path}: not PromQL: {text}: {reason}"
        if len(expressions) < 50:
            yield f"only {len(expressions)} expressions were found"
        metrics = set(re.findall(r"(?m)^\| `(\w+)` \|", (ROOT / "docs" / "metrics.md").read_text()))
        for path, text in expressions:
            for name in set(re.findall(r"\bmtasts_\w+", re.sub(r'"[^"]*"', "", text))) - metrics:
                if not name.startswith("mtasts_tlsrpt_"):
                    yield f"{path}: docs/metrics.md has no {name}: {text}"

    def _compose(self):
        """What the compose file mounts is there, and what is configuration is valid."""
        services = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]
        for name, service in services.items():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith(".") and not (COMPOSE / source).exists():
                    yield f"compose.yaml: {name} mounts {source}, which is not there"
        config = self.folder / "config.yaml"  # the state's folder is the container's own
        config.write_text((COMPOSE / "config.yaml").read_text().replace("/var/lib/mtasts_exporter", str(self.folder)))
        for command in (["promtool", "check", "config", COMPOSE / "prometheus.yaml", *(ROOT / "grafana/prometheus").glob("*.yaml")],
                        ["amtool", "check-config", ROOT / "grafana/alertmanager/alertmanager.example.yaml"],
                        [self.exporter, "--config.check", f"--config.file={config}"]):
            answer = run(*command)
            if answer.returncode != 0:
                yield f"{command[-1]}: {answer.stdout}{answer.stderr}"


    def _image(self):
        """The Containerfile names what is there; tests/install runs what it builds."""
        text = (ROOT / "packaging/container/Containerfile").read_text()
        named = re.findall(r"(?m)(?:^RUN \. |&& )((?:scripts|packaging)/\S+)", text)
        yield from (f"Containerfile: there is no {file}" for file in named if not (ROOT / file).exists())
        if len(named) < 2:
            yield f"Containerfile: only {named} were found"


    def _kubernetes(self):
        """Each replica takes its configuration and its command line, and Prometheus the examples beside them.

        tests/kubernetes holds the manifests against their schemas.
        """
        for folder in sorted(path for path in KUBERNETES.iterdir() if path.is_dir()):
            manifests = [manifest for path in folder.glob("*.yaml") for manifest in yaml.safe_load_all(path.read_text())]
            of_kind = {manifest.get("kind"): manifest for manifest in manifests}
            workload = of_kind.get("StatefulSet") or of_kind["Deployment"]
            mounted = self.folder / folder.name
            self._mount(of_kind["ConfigMap"]["data"], mounted)
            arguments = workload["spec"]["template"]["spec"]["containers"][0]["args"]
            for replica in range(workload["spec"]["replicas"]):
                words = [word.replace("$(POD_NAME)", f"{workload['metadata']['name']}-{replica}")
                         .replace("/etc/mtasts_exporter", str(mounted)) for word in arguments]
                answer = run(self.exporter, "--config.check", *words)
                if answer.returncode != 0 or answer.stderr:
                    yield f"packaging/kubernetes/{folder.name}, replica {replica}: {answer.stdout}{answer.stderr}"
            answer = run("promtool", "check", "config", folder / "prometheus.example.yaml")
            if answer.returncode != 0:
                yield f"packaging/kubernetes/{folder.name}: {answer.stdout}{answer.stderr}"

    @staticmethod
    def _mount(data, folder):
        """Makes the files of a ConfigMap, in one folder in place of the container's two."""
        folder.mkdir()
        for file, text in data.items():
            for inside in ("/etc/mtasts_exporter", "/var/lib/mtasts_exporter"):
                text = text.replace(inside, str(folder))
            (folder / file).write_text(text)


def commands(text):
    """The words of each command; one with an open quotation goes on in the next line."""
    pending = ""
    for line in text.replace("\\\n", " ").splitlines(keepends=True):
        pending += line
        try:
            yield shlex.split(pending, comments=True)
            pending = ""
        except ValueError:
            continue


def statements(text):
    """The expressions of an example: one a line, comments left out; a line that is indented belongs to the one before."""
    lines = [re.sub(r"\s+#.*$|^#.*$", "", line) for line in text.splitlines()]
    return [statement for statement in re.sub(r"\n[ \t]+", " ", "\n".join(lines)).splitlines() if statement.strip()]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--exporter", type=pathlib.Path, required=True, help="the binary whose calls are checked")
    exporter = options.parse_args().exporter.resolve()
    os.environ["NO_COLOR"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(exporter, pathlib.Path(folder))
        faults = list(checks.faults())
    for fault in faults:
        print(fault)
    examples = sum(len(page.examples) for page in checks.pages.values())
    print(f"{len(checks.pages)} pages, {examples} examples, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
