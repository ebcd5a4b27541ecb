"""Child processes that are stopped by their own process id, free ports, and waiting with a deadline."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

READY_SECONDS = 30
POLL_SECONDS = 0.1
FIRST_PORT = 1024  # that everybody may take
RANDOM = random.SystemRandom()  # processes that are forked side by side must not try the same ports


def free_port():
    """A TCP port that nobody has on any loopback address at this moment, and that is free for UDP too. Below those that
    the kernel gives to clients, where there are some: a server that is away for a while must get its own back."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as bounds:
        first_of_clients = int(bounds.read().split()[0])
    below = first_of_clients if first_of_clients >= 2 * FIRST_PORT else 65536
    while True:
        port = RANDOM.randrange(max(FIRST_PORT, below // 2), below)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                stack.enter_context(socket.socket(socket.AF_INET, kind)).bind(("0.0.0.0", port))
            return port


def wait_until(condition, seconds, what, step=POLL_SECONDS):
    """Polls until condition() is true and returns its value. Errors: AssertionError that says what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(step)


def accepts(address, port):
    """Does something accept TCP connections there?"""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


class Child:
    """A server of ours. Its output goes to LOG in its folder; stop() ends exactly this process."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / f"{name}.log"
        self.process = None

    def spawn(self, command, ready, environment=None, seconds=READY_SECONDS, step=POLL_SECONDS):
        """Starts the command and waits until ready() is true. Input: environment is added to ours; seconds is how long
        that may take."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                            env=os.environ | (environment or {}),
                                            start_new_session=True)  # Postfix signals its whole process group

        def up():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with status {self.process.returncode}\n{self.tail()}")
            return ready()

        wait_until(up, seconds, lambda: f"{self.name} is ready\n{self.tail()}", step)

    def tail(self, lines=30):
        """The end of what the process has written."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=10):
        """SIGTERM, and SIGKILL when that does not help. Returns (exit status, seconds it took)."""
        if self.process is None:
            return None, 0.0
        begun = time.monotonic()
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process = None
        return status, time.monotonic() - begun
