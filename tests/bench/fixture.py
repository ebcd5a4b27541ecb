"""The lab in bulk mode: N domains, each with a policy host and an MX host of its own name, or with shared MX hosts."""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import dataclasses
import ipaddress
import pathlib
import random
import re
import socket
import struct

import yaml

from measure import cpu_seconds
from process import Child, free_port

ANSWER_SECONDS = 10
READY_SECONDS = 30
READY_SECONDS_PER_DOMAIN = 0.0003
LOOKUPS_AT_ONCE = 64


@dataclasses.dataclass(frozen=True)
class Population:
    """What the lab plays. Dead hosts answer no SYN, and are MX and policy hosts; tarpits accept and never greet, and
    are MX hosts."""
    domains: int
    latency: int = 0  # milliseconds before each reply
    chain: str = "p256"
    shared_mx: int = 0  # 0: every domain has its own MX host
    dead_percent: int = 0
    tarpit_percent: int = 0

    @property
    def mx_hosts(self):
        return self.shared_mx or self.domains

    @property
    def options(self):
        return {"bulk": self.domains, "latency": self.latency, "chain": self.chain, "shared-mx": self.shared_mx,
                "dead": self.mx_hosts * self.dead_percent // 100,
                "dead-policy": self.domains * self.dead_percent // 100,
                "tarpit": self.mx_hosts * self.tarpit_percent // 100}

    @property
    def sessions(self):
        """TLS sessions of one pass."""
        return self.domains + self.mx_hosts - self.timeouts

    @property
    def timeouts(self):
        """Connections that must fail in one pass."""
        return self.options["dead"] + self.options["dead-policy"] + self.options["tarpit"]


def number_of(domain):
    return int(re.match(r"d(\d+)\.", domain)[1])


class Fixture(Child):
    """One for all rounds and all programs. Its CPU time is told apart from theirs."""

    def __init__(self, folder, binary, population):
        super().__init__("lab", folder)
        self.population = population
        self.control_port = free_port()
        self.control = None
        options = [text for key, value in population.options.items() for text in (f"--{key}", str(value))]
        self.command = [str(pathlib.Path(binary).resolve()), "--dir", str(self.folder), *options,
                        "--control-port", str(self.control_port),
                        "--dns-port", "0", "--https-port", "0", "--smtp-port", "0"]
        self.config = {}
        self.domains = []
        self._addresses = {}

    def start(self):
        self.spawn(self.command, lambda: "lab: ready" in self.tail(),
                   seconds=READY_SECONDS + READY_SECONDS_PER_DOMAIN * self.population.domains)
        settings, _, domains = (self.folder / "config.yaml").read_text().partition("domains:\n")
        self.config = yaml.safe_load(settings)
        self.domains = domains.replace("  - ", "").split()
        random.Random(1).shuffle(self.domains)  # dead hosts are those of the first domains
        self.control = socket.create_connection(("127.0.0.1", self.control_port), timeout=ANSWER_SECONDS)

    @property
    def dns_server(self):
        return self.config["dns"]["servers"][0]

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def queries(self):
        """How many DNS queries have come so far: tells how far a pass is, at no cost to the program that runs it."""
        return self._count("queries")

    def sessions(self):
        """How many TLS handshakes have succeeded."""
        return self._count("sessions")

    def _count(self, what):
        self.control.sendall(what.encode() + b"\n")
        return int(self.control.makefile().readline())

    def mx_of(self, domain):
        """The name of a domain's MX host."""
        if not self.population.shared_mx:
            return f"mx.{domain}"
        return f"mx{number_of(domain) % self.population.shared_mx}.shared.bulk.test"

    def is_healthy(self, domain):
        """Do both its policy host and its MX host answer?"""
        number, options = number_of(domain), self.population.options
        silent_mx = options["dead"] + options["tarpit"]
        return number >= options["dead-policy"] and number % self.population.mx_hosts >= silent_mx

    def addresses_of(self, names):
        """The IPv4 addresses of names, as a dictionary; blackbox_exporter must be told where to connect."""
        unknown = [name for name in dict.fromkeys(names) if name not in self._addresses]
        with concurrent.futures.ThreadPoolExecutor(LOOKUPS_AT_ONCE) as pool:
            self._addresses.update(zip(unknown, pool.map(self._look_up, unknown)))
        return self._addresses

    def _look_up(self, name):
        """RFC 1035 section 4.1."""
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
