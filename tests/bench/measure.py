"""What a process costs: CPU time to the nanosecond, peak memory, and a CPU of its own."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import os
import pathlib
import re
import time


@dataclasses.dataclass
class Cost:
    """What one program spent on a number of domains."""
    cpu: float  # seconds, user and system
    elapsed: float  # seconds
    domains: float

    @property
    def cpu_ms(self):
        return 1000 * self.cpu / self.domains

    @property
    def rate(self):
        return self.domains / self.elapsed

    @property
    def busy(self):
        """The share of one CPU that was in use; well below 1, something else set the pace."""
        return self.cpu / self.elapsed


class Meter:
    """Counts from its making on."""

    def __init__(self, pid):
        self.pid = pid
        self.cpu, self.time = cpu_seconds(pid), time.monotonic()

    def cost(self, domains):
        return Cost(cpu_seconds(self.pid) - self.cpu, time.monotonic() - self.time, domains)


def cpu_seconds(pid):
    """CPU time of a process with all its threads, from the clock that clock_getcpuclockid(3) names."""
    return time.clock_gettime((~pid << 3) | 2)  # Python names such clocks for threads only; 2 is CPUCLOCK_SCHED


def peak_mib(pid):
    """The most memory that the process has had resident."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)[1]) / 1024


def choose_cpus():
    """A CPU for lab and client and one for the program under measurement; (None, None) without a second."""
    available = sorted(os.sched_getaffinity(0))
    return (available[0], available[-1]) if len(available) > 1 else (None, None)


@contextlib.contextmanager
def pinned(cpu):
    """Processes that this thread starts meanwhile run on that CPU alone; None leaves them free."""
    before = os.sched_getaffinity(0)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
