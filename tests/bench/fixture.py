"""The lab in bulk mode: N healthy domains, each with a policy host and an MX host of its own name."""
# SPDX-License-Identifier: Apache-2.0
import ipaddress
import pathlib
import socket
import struct

import yaml

from process import Child, free_port

ANSWER_SECONDS = 10


class Fixture(Child):
    """One for all rounds and both programs. Its CPU time counts for nobody."""

    def __init__(self, folder, binary, domains, latency):
        super().__init__("lab", folder)
        self.control_port = free_port()
        self.control = None
        self.command = [str(pathlib.Path(binary).resolve()), "--dir", str(self.folder),
                        "--bulk", str(domains), "--latency", str(latency), "--control-port", str(self.control_port),
                        "--dns-port", "0", "--https-port", "0", "--smtp-port", "0"]
        self.config = {}

    def start(self):
        self.spawn(self.command, lambda: "lab: ready" in self.tail())
        self.config = yaml.safe_load((self.folder / "config.yaml").read_text())
        self.control = socket.create_connection(("127.0.0.1", self.control_port), timeout=ANSWER_SECONDS)

    @property
    def domains(self):
        return self.config["domains"]

    @property
    def dns_server(self):
        return self.config["dns"]["servers"][0]

    def queries(self):
        """How many DNS queries have come so far: tells how far a pass is, at no cost to the program that runs it."""
        self.control.sendall(b"queries\n")
        return int(self.control.makefile().readline())

    def address_of(self, name):
        """The IPv4 address of a name (RFC 1035 section 4.1); blackbox_exporter must be told where to connect."""
        host, port = self.dns_server.rsplit(":", 1)
        labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
        question = struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
            query.settimeout(ANSWER_SECONDS)
            query.connect((host, int(port)))
            query.send(question)
            answer = query.recv(512)
        _, flags, _, answers, _, _ = struct.unpack("!6H", answer[:12])
        if flags & 0xF or answers != 1:
            raise AssertionError(f"{name}: code {flags & 0xF}, {answers} addresses")
        return str(ipaddress.IPv4Address(answer[-4:]))
