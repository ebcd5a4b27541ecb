#!/usr/bin/env python3
"""Runs the fuzz targets, prints what came of them, and keeps the smallest inputs that reach everything.

Takes programs that are built already; scripts/fuzz.sh builds them. Next: README.md for how to read the table.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
# Of what is found for a target and kept in the repository: every build without a sanitizer replays it.
MOST_FILES = 30
MOST_OCTETS = 48 * 1024
FOUND = re.compile(r"[0-9a-f]{40}")  # the name of a file that libFuzzer wrote; any other is somebody's, and stays
SECONDS = 3600
SHORT_SECONDS = 10
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclasses.dataclass(frozen=True)
class Limits:
    """What libFuzzer is told: octets of an input, seconds and MiB for one."""
    max_len: int = 4096
    timeout: int = 60  # by the clock, and a busy machine may leave a process without a CPU for ten
    rss_mb: int = 1024
    # Entropic scheduling weighs every feature of every input after each execution. Where one execution has tens of
    # thousands of features that takes most of the time.
    entropic: bool = True
    len_control: int = 100  # how many executions a longer input has to wait for; of few, a few


LIMITS = {
    "certificate_fuzz": Limits(max_len=8192),
    "config_fuzz": Limits(max_len=8192),
    "exposition_fuzz": Limits(max_len=8192),
    "mail_fuzz": Limits(max_len=16384),
    "report_fuzz": Limits(max_len=16384),
    "request_fuzz": Limits(entropic=False),
    "response_fuzz": Limits(max_len=20000),
    "server_fuzz": Limits(max_len=2048, entropic=False, len_control=10),
    "stored_fuzz": Limits(max_len=16384),
}


@dataclasses.dataclass
class Result:
    """What came of one target."""
    target: str
    executions: int = 0
    per_second: int = 0
    edges: int = 0
    features: int = 0
    rss_mb: int = 0
    failed: bool = False
    findings: list = dataclasses.field(default_factory=list)
    promises: list = dataclasses.field(default_factory=list)


RUNNING = set()


def leave(number, frame):
    """Ends what runs; what waits its turn does not begin."""
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    for process in list(RUNNING):
        process.kill()
    os._exit(128 + number)


def options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="some of them, such as policy; all without one")
    parser.add_argument("--build", required=True, type=pathlib.Path, help="the build directory of the preset fuzz")
    parser.add_argument("--seconds", type=int, metavar="N", help=f"for each target; {SECONDS}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="targets at a time; one for each CPU")
    parser.add_argument("--short", action="store_true",
                        help=f"{SHORT_SECONDS} s for each target, and the corpus in the repository stays as it is")
    chosen = parser.parse_args(arguments)
    if chosen.seconds is None:
        chosen.seconds = SHORT_SECONDS if chosen.short else SECONDS
    chosen.build = chosen.build.resolve()
    there = {path.name for path in (chosen.build / "tests" / "fuzz").glob("*_fuzz") if path.is_file()}
    wanted = [name if name.endswith("_fuzz") else name + "_fuzz" for name in chosen.targets]
    unknown = [name for name in wanted if name not in there]
    if unknown or not there:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(sorted(there))}")
    chosen.targets = sorted(wanted or there)
    return chosen


class Workplace:
    """Where the files of one target are."""

    def __init__(self, build, target):
        self.target = target
        self.program = build / "tests" / "fuzz" / target
        self.seeds = build / "tests" / "fuzz" / "seeds" / target
        self.grown = build / "corpus" / target  # all that was ever found worth keeping here
        self.kept = CORPUS / target
        self.log = build / "log" / (target + ".log")
        self.findings = build / "findings"
        for folder in (self.grown, self.log.parent, self.findings, self.seeds):
            folder.mkdir(parents=True, exist_ok=True)

    def sources(self):
        return [str(folder) for folder in (self.grown, self.seeds, self.kept) if folder.is_dir()]

    def run(self, arguments, log):
        """Runs the program to its end. Returns its status."""
        limits = LIMITS.get(self.target, Limits())
        command = [str(self.program), f"-max_len={limits.max_len}", f"-timeout={limits.timeout}",
                   f"-rss_limit_mb={limits.rss_mb}", f"-entropic={int(limits.entropic)}",
                   f"-len_control={limits.len_control}", f"-artifact_prefix={self.findings}/{self.target}-", *arguments]
        environment = dict(os.environ, UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1")
        with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment) as process:
            RUNNING.add(process)
            status = process.wait()
            RUNNING.discard(process)
        return status


def read_log(text, result):
    """Takes over what libFuzzer says at its end and, of coverage, last."""
    statistics = dict(re.findall(r"^stat::(\w+):\s+(\d+)$", text, re.MULTILINE))
    result.executions = int(statistics.get("number_of_executed_units", 0))
    result.per_second = int(statistics.get("average_exec_per_sec", 0))
    result.rss_mb = int(statistics.get("peak_rss_mb", 0))
    reached = re.findall(r"^#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)", text, re.MULTILINE)
    if reached:
        result.executions = max(result.executions, int(reached[-1][0]))
        result.edges, result.features = int(reached[-1][1]), int(reached[-1][2])
    # An input that took long and came to its end tells of the machine; one that did not is a timeout.
    written = re.findall(r"Test unit written to (\S+)", text)
    result.findings = [path for path in written if "-slow-unit-" not in path]
    result.promises = re.findall(r"^.*: a promise is broken$", text, re.MULTILINE)


def fuzz(chosen, target):
    place = Workplace(chosen.build, target)
    result = Result(target)
    with open(place.log, "wb") as log:
        # A short run begins with the same number every time: it is the change that is judged, not luck.
        status = place.run([f"-max_total_time={chosen.seconds}", f"-seed={int(chosen.short)}", "-print_final_stats=1",
                            *place.sources()], log)
    read_log(place.log.read_text(errors="replace"), result)
    result.failed = status != 0 or bool(result.findings)
    return result


def files_of(folder):
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def selection(paths):
    """As many as the repository takes, of all sizes alike; of those without the largest, if they are too large."""
    ordered = sorted(paths, key=lambda each: (each.stat().st_size, each.name))
    count = min(MOST_FILES, len(ordered))
    chosen = [ordered[index * len(ordered) // count] for index in range(count)]
    while sum(path.stat().st_size for path in chosen) > MOST_OCTETS:
        chosen.pop()
    return chosen


def keep(folder, paths):
    """Puts the files in the place of those that were found before."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {hashlib.sha1(path.read_bytes()).hexdigest(): path.read_bytes() for path in paths}
    for path in files_of(folder):
        if FOUND.fullmatch(path.name):
            path.unlink()
        else:
            content.pop(hashlib.sha1(path.read_bytes()).hexdigest(), None)
    for name, octets in content.items():
        (folder / name).write_bytes(octets)


def minimise(chosen, target):
    """Keeps what reaches more than the seeds do: in the build directory all of it, in the repository within bounds."""
    place = Workplace(chosen.build, target)
    merged = chosen.build / "merged" / target
    shutil.rmtree(merged, ignore_errors=True)
    shutil.copytree(place.seeds, merged)
    seeds = {path.name for path in files_of(merged)}
    with open(place.log.with_suffix(".merge.log"), "wb") as log:
        status = place.run(["-merge=1", str(merged), *place.sources()], log)
    if status != 0:
        return f"{target}: the corpus could not be merged, see {log.name}"
    found = [path for path in files_of(merged) if path.name not in seeds]
    if found and not chosen.short:
        keep(place.kept, selection(found))
    keep(place.grown, found)
    return None


def size_text(octets):
    return f"{octets / 1024:.0f} KiB"


def table(results):
    head = ("target", "executions", "exec/s", "edges", "features", "corpus", "", "MiB", "findings")
    rows = [head]
    for result in results:
        files = files_of(CORPUS / result.target)
        rows.append((result.target.removesuffix("_fuzz"), f"{result.executions:,}", f"{result.per_second:,}",
                     f"{result.edges:,}", f"{result.features:,}", str(len(files)),
                     size_text(sum(path.stat().st_size for path in files)), str(result.rss_mb),
                     str(len(result.findings)) if result.failed else "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join("  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])])
                     for row in rows)


def main():
    chosen = options()
    for each in STOP_SIGNALS:
        signal.signal(each, leave)
    results, troubles = [], []
    with concurrent.futures.ThreadPoolExecutor(max(chosen.jobs, 1)) as pool:
        for result in pool.map(lambda target: fuzz(chosen, target), chosen.targets):
            print(f"{result.target}: {result.executions:,} executions{', FAILED' if result.failed else ''}", flush=True)
            results.append(result)
        sound = [result.target for result in results if not result.failed]
        if not chosen.short:
            troubles = [trouble for trouble in pool.map(lambda target: minimise(chosen, target), sound) if trouble]
    print("\n" + table(results))
    for result in results:
        if not result.failed:
            continue
        log = chosen.build / "log" / (result.target + ".log")
        print(f"\n{result.target} FAILED: {' '.join(result.findings) or 'no input was kept'}")
        print("\n".join(f"  {line}" for line in [*result.promises, f"see {log}"]))
    print("\n".join(troubles))
    return 1 if troubles or any(result.failed for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
