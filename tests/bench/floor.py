"""The small programs of this folder that do part of the work: they run, print their cost, and end."""
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess

from measure import Cost, pinned

RUN_SECONDS = 900
PATIENCE = 60  # seconds; a busy floor is late, and must not take that for a dead host
DNS_ANSWERS, SESSIONS = 5, 2  # per domain


def run_program(command, cpu):
    """Its one line of JSON, as a dictionary. Errors: AssertionError when it fails."""
    with pinned(cpu):
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]} ended with status {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def run_on(fixture, folder, command, domains, concurrency, cpu):
    """Runs it on these domains. Returns (Cost, what it printed)."""
    names = folder / "domains"
    names.write_text("".join(f"{domain}\n" for domain in domains))
    fixture_cpu = fixture.cpu_seconds()
    told = run_program([*command, f"--domains={names}", f"--concurrency={concurrency}", f"--dns={fixture.dns_server}"],
                       cpu)
    cost = Cost(len(domains), told["cpu_seconds"], told["elapsed_seconds"], fixture.cpu_seconds() - fixture_cpu,
                told["idle_kib"], told["peak_kib"], concurrency)
    return cost, told


def run_floor(binary, fixture, folder, domains, concurrency, cpu, patience=PATIENCE):
    """Every session must succeed but those with hosts that play dead."""
    lab = fixture.config
    command = [binary, f"--https-port={lab['policy']['port']}", f"--smtp-port={lab['smtp']['port']}",
               f"--ca-file={lab['tls']['ca_file']}", f"--timeout={patience}"]
    cost, told = run_on(fixture, folder, command, domains, concurrency, cpu)
    expected = fixture.population.timeouts
    if expected and len(domains) != fixture.population.domains:
        raise AssertionError("hosts that play dead are known for all domains only")
    cost.failures = SESSIONS * len(domains) - expected - told["sessions"]
    if cost.failures:
        print(f"floor: {told['timeouts']} timeouts, {expected} expected; {told['failures']}", flush=True)
    return cost


def run_dns(binary, fixture, folder, domains, concurrency, cpu):
    cost, told = run_on(fixture, folder, [binary], domains, concurrency, cpu)
    if told["answers"] != DNS_ANSWERS * len(domains):
        raise AssertionError(f"{told['answers']} answers to {DNS_ANSWERS * len(domains)} DNS questions")
    return cost
