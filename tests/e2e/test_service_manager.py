"""What the exporter tells systemd (Type=notify and the watchdog): this test listens in its place."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import signal
import socket
import tempfile
import time

from case import StackCase
from servers import Exporter

WATCHDOG_SECONDS = 1


class Notified(Exporter):
    """Input: address is the listener's name; '@' begins an abstract one."""

    def __init__(self, folder, binary, address):
        super().__init__(folder, binary, "domains: []\nstorage: {path: ./state.db}\n")
        self.address = address

    def start(self, clock=None, wrapper=()):
        self.spawn(self.command(), lambda: True,
                   {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(WATCHDOG_SECONDS * 1_000_000)})


class ServiceManager(StackCase):
    def listen(self, address):
        """Starts an exporter that tells `address`."""
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.listener.close)
        self.listener.settimeout(10)
        self.listener.bind("\0" + address[1:] if address.startswith("@") else address)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.exporter = Notified(folder.name, self.stack.exporter.binary, address)
        self.exporter.start()
        self.addCleanup(self.exporter.stop)

    def hear(self, *awaited):
        """The next message that begins with one of these; any other but a watchdog's is wrong, unless that is awaited."""
        while True:
            said = self.listener.recv(1000).decode()
            if said.startswith(awaited):
                return said
            if awaited != ("WATCHDOG=1",):
                self.assertEqual(said, "WATCHDOG=1")

    def test_start_reload_and_stop(self):
        with tempfile.TemporaryDirectory() as folder:
            self.listen(str(pathlib.Path(folder) / "notify"))
            self.hear("READY=1")
            self.assertEqual(self.hear("STATUS="), "STATUS=Watching 0 domains")
            self.exporter.config.write_text(self.exporter.config.read_text().replace("[]", "[example.org]"))
            begun = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
            self.exporter.reload()
            reloading = self.hear("RELOADING=1")
            self.assertGreaterEqual(int(reloading.split("\nMONOTONIC_USEC=")[1]), int(begun))
            self.hear("READY=1")
            self.assertEqual(self.hear("STATUS="), "STATUS=Watching 1 domains")
            self.exporter.config.write_text("domains: 7\n")
            self.exporter.reload()
            self.hear("RELOADING=1")
            self.hear("READY=1")
            self.assertEqual(self.hear("STATUS="), "STATUS=Watching 1 domains")
            self.exporter.signal(signal.SIGTERM)
            self.hear("STOPPING=1")

    def test_watchdog(self):
        """Fed as long as all loops turn; a process that stands still feeds nobody."""
        self.listen(f"@mtasts-exporter-{time.monotonic_ns()}")
        for _ in range(4):
            self.hear("WATCHDOG=1")
        self.exporter.signal(signal.SIGSTOP)
        self.addCleanup(self.exporter.signal, signal.SIGCONT)
        self.listener.settimeout(2 * WATCHDOG_SECONDS)
        with self.assertRaises(TimeoutError):
            while True:
                self.listener.recv(1000)
