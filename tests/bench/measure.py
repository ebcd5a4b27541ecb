"""What a process costs: CPU time to the nanosecond, peak memory, and a CPU of its own."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import os
import pathlib
import re
import resource
import time

ALL_CPUS = -1


@dataclasses.dataclass
class Cost:
    """What one program spent on a number of domains."""
    domains: float
    cpu: float  # seconds, user and system
    elapsed: float  # seconds
    fixture_cpu: float = 0
    idle_kib: float = 0  # resident before it began
    peak_kib: float = 0
    in_flight: int = 0
    failures: int = 0  # of probes of healthy hosts
    split: dict = dataclasses.field(default_factory=dict)  # ms a domain by activity, as the program itself measures
    busiest_thread: float = 0  # seconds of CPU time

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

    @property
    def fixture_busy(self):
        """The same of the fixture, which has one thread; near 1, it is the fixture that was measured."""
        return self.fixture_cpu / self.elapsed

    @property
    def kib_in_flight(self):
        """Memory that came with the probes, for each in flight. What a program keeps of each domain is in it, so that
        it says little when there are far more domains."""
        return (self.peak_kib - self.idle_kib) / min(self.in_flight, self.domains)


class Meter:
    """Counts from its making on what a process and the fixture spend."""

    def __init__(self, pid, fixture):
        self.pid, self.fixture = pid, fixture
        self.idle_kib = resident_kib(pid)
        self.fixture_cpu = fixture.cpu_seconds()
        self.threads = thread_seconds(pid)
        self.cpu, self.time = cpu_seconds(pid), time.monotonic()

    def cost(self, domains, in_flight):
        cpu, elapsed = cpu_seconds(self.pid) - self.cpu, time.monotonic() - self.time
        threads = {thread: spent - self.threads.get(thread, 0) for thread, spent in thread_seconds(self.pid).items()}
        return Cost(domains, cpu, elapsed, self.fixture.cpu_seconds() - self.fixture_cpu, self.idle_kib,
                    peak_kib(self.pid), in_flight, busiest_thread=max(threads.values()))


def cpu_seconds(pid):
    """CPU time of a process with all its threads, from the clock that clock_getcpuclockid(3) names."""
    return time.clock_gettime((~pid << 3) | 2)  # Python names such clocks for threads only; 2 is CPUCLOCK_SCHED


def thread_seconds(pid):
    """CPU time of each thread of a process, by its number."""
    spent = {}
    for folder in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            spent[folder.name] = int((folder / "schedstat").read_text().split()[0]) / 1e9
    return spent


def status_kib(pid, key):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{key}:\s*(\d+) kB$", status, re.MULTILINE)[1])


def peak_kib(pid):
    """The most memory that the process has had resident."""
    return status_kib(pid, "VmHWM")


def resident_kib(pid):
    return status_kib(pid, "VmRSS")


def reset_peak(pid):
    """The peak is counted from now on (proc(5), clear_refs)."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def raise_descriptor_limit():
    """For our connections and for the programs that inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def choose_cpus():
    """A CPU for lab and client and one for the program under measurement; (None, None) without a second."""
    available = sorted(os.sched_getaffinity(0))
    return (available[0], available[-1]) if len(available) > 1 else (None, None)


@contextlib.contextmanager
def pinned(cpu):
    """Processes that this thread starts meanwhile run on that CPU alone; None leaves them where this thread is."""
    before = os.sched_getaffinity(0)
    if cpu is not None:
        os.sched_setaffinity(0, range(os.cpu_count()) if cpu == ALL_CPUS else {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
