"""The lab and the exporter that watches it, in one temporary folder. Next: watch.py, which looks at the exporter."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import shutil
import socket
import tempfile

import yaml
from process import Child, free_port
from reporter import WAY_IN
from servers import Exporter

CONTROL_SECONDS = 10
LAST_WORDS = 3  # lines of the log


class Lab(Child):
    """tests/lab as a program. Input: more of its options, such as --bulk."""

    def __init__(self, folder, binary, options=()):
        super().__init__("lab", folder)
        self.binary = str(binary)
        self.control_port = free_port()
        self.options = [*map(str, options)]

    def start(self):
        self.spawn([self.binary, "--dns-port=0", "--https-port=0", "--smtp-port=0", f"--dir={self.folder}",
                    f"--control-port={self.control_port}", *self.options], lambda: "lab: ready" in self.tail())

    def control(self, line):
        """Sends one line to the control port and waits for its ok."""
        with socket.create_connection(("127.0.0.1", self.control_port), timeout=CONTROL_SECONDS) as connection:
            connection.sendall(line.encode() + b"\n")
            answer = connection.makefile().readline().strip()
        assert answer == "ok", f"the lab answers '{answer}' to '{line}'"

    def configuration(self):
        """What the lab proposes for the exporter, as a dictionary."""
        return yaml.safe_load((self.folder / "config.yaml").read_text())


class Bed:
    """A folder, a lab in it, and an exporter; as a context, stopped at the end. The folder stays when something failed.

    Input: binaries has the programs' paths; changes are laid over the sections of the lab's configuration.
    """

    def __init__(self, binaries, lab_options=(), changes=None, exporter_class=Exporter):
        self.keep = False
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mtasts-soak-"))
        self.lab = Lab(self.folder / "lab", binaries.lab, lab_options)
        self._exporter = lambda config: exporter_class(self.folder / "exporter", binaries.exporter, config)
        self._changes = changes or {}
        self.exporter = None
        self.domains = []  # their names
        self._entries = {}  # name -> what the lab says of it beyond that

    def __enter__(self):
        try:
            self.lab.start()
            entries = self.lab.configuration()["domains"]
            self._entries = {entry["name"]: entry for entry in entries if isinstance(entry, dict)}
            self.domains = [entry["name"] if isinstance(entry, dict) else entry for entry in entries]
            self.exporter = self._exporter(self.configuration(self.domains, self._changes))
            self.exporter.start()
        except BaseException:
            self._stop()
            raise
        return self

    def configuration(self, domains, changes):
        """The exporter's configuration as text: what the lab proposes, for these domains and with these changes."""
        config = self.lab.configuration() | {"domains": [self._entries.get(name, name) for name in domains],
                                             "tlsrpt": WAY_IN}
        for section, values in changes.items():
            config.setdefault(section, {}).update(values)
        return yaml.safe_dump(config)

    def __exit__(self, *error):
        failed = isinstance(error[1], Exception)
        died = failed and not self.exporter.running
        self.keep = self.keep or failed
        if failed:
            print(f"logs and database are kept in {self.folder}", flush=True)
        self._stop()
        if died:
            raise AssertionError(f"the exporter died; its last words:\n{self.exporter.tail(LAST_WORDS)}")

    def close_report(self, report):
        """Keeps the folder when a promise was broken, and says so in the report."""
        if not report.kept:
            self.keep = True
            report.figure("logs and database", f"kept in {self.folder}")
        return report

    def _stop(self):
        for server in (self.exporter, self.lab):
            if server:
                server.stop()
        if not self.keep:
            shutil.rmtree(self.folder)
