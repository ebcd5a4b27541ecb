"""blackbox_exporter under measurement, and the client that has it probe: it has no schedule of its own."""
# SPDX-License-Identifier: Apache-2.0
import collections
import concurrent.futures
import contextlib
import http.client
import re
import subprocess
import urllib.parse

import yaml

from measure import Meter
from process import Child, free_port
from servers import http as fetch

PROGRAM = "prometheus-blackbox-exporter"
TIMEOUT, ANSWER_SECONDS = "30s", 60
RECORDS = ("sts", "rpt", "mx")  # what is asked for of each domain
POLICY_PATH = "/.well-known/mta-sts.txt"


def version():
    """As in "0.23.0"."""
    answer = subprocess.run([PROGRAM, "--version"], check=True, capture_output=True, text=True)
    return re.search(r"version (\S+)", answer.stdout + answer.stderr)[1]


def https_module(tls):
    return {"prober": "http", "timeout": TIMEOUT,
            "http": {"preferred_ip_protocol": "ip4", "follow_redirects": False, "tls_config": tls}}


def starttls_module(tls, host):
    """The session of the exporter's SMTP probe: EHLO again inside TLS, then QUIT."""
    dialogue = [{"expect": "^220"}, {"send": "EHLO probe.lab.test\r"}, {"expect": "^250[- ]STARTTLS"},
                {"send": "STARTTLS\r"}, {"expect": "^220"}, {"starttls": True},
                {"send": "EHLO probe.lab.test\r"}, {"expect": "^250 "}, {"send": "QUIT\r"}]
    return {"prober": "tcp", "timeout": TIMEOUT,
            "tcp": {"preferred_ip_protocol": "ip4", "query_response": dialogue,
                    "tls_config": {**tls, "server_name": host}}}


def dns_module(name, query_type):
    return {"prober": "dns", "timeout": TIMEOUT,
            "dns": {"preferred_ip_protocol": "ip4", "query_name": name, "query_type": query_type}}


class Blackbox(Child):
    """Four modules per domain, because the name to ask for and the name of an MX host belong to the module."""

    def __init__(self, folder, fixture, domains, concurrency):
        super().__init__("blackbox", folder)
        self.fixture = fixture
        self.domains = domains
        self.concurrency = concurrency
        self.port = free_port()
        self.config = self.folder / "blackbox.yaml"
        modules = {"https": https_module(fixture.config["tls"]), "distrustful": https_module({})}
        for domain in domains:
            modules.update(self._modules_of(domain))
        self.config.write_text(yaml.dump({"modules": modules}, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))

    def _modules_of(self, domain):
        return {f"sts:{domain}": dns_module(f"_mta-sts.{domain}", "TXT"),
                f"rpt:{domain}": dns_module(f"_smtp._tls.{domain}", "TXT"),
                f"mx:{domain}": dns_module(domain, "MX"),
                f"starttls:{domain}": starttls_module(self.fixture.config["tls"], self.fixture.mx_of(domain))}

    def start(self):
        self.spawn([PROGRAM, f"--config.file={self.config}", f"--web.listen-address=127.0.0.1:{self.port}",
                    "--log.level=error"],
                   lambda: fetch("GET", f"http://127.0.0.1:{self.port}/-/healthy")[0] == 200)
        self._check_distrust()

    def probe_all(self):
        """Every probe of every domain, `concurrency` at a time. Errors: AssertionError when one did not succeed."""
        names = [name for domain in self.domains for name in (f"mta-sts.{domain}", self.fixture.mx_of(domain))]
        addresses = self.fixture.addresses_of(names)
        return self._probe([path for domain in self.domains
                            for path in (*self._dns_paths_of(domain), *self._session_paths_of(domain, addresses))])

    def probe_dns(self):
        """The same, DNS alone."""
        return self._probe([path for domain in self.domains for path in self._dns_paths_of(domain)])

    def _probe(self, paths):
        waiting = collections.deque(paths)
        with concurrent.futures.ThreadPoolExecutor(self.concurrency) as pool:
            meter = Meter(self.process.pid, self.fixture)
            workers = [pool.submit(self._work, waiting) for _ in range(self.concurrency)]
            try:
                concurrent.futures.wait(workers, return_when=concurrent.futures.FIRST_EXCEPTION)
            finally:
                waiting.clear()  # nothing, unless one has failed or we are told to stop
        cost = meter.cost(len(self.domains), self.concurrency)
        for worker in workers:
            worker.result()
        return cost

    def _dns_paths_of(self, domain):
        for record in RECORDS:
            yield probe_path(module=f"{record}:{domain}", target=self.fixture.dns_server)

    def _session_paths_of(self, domain, addresses):
        lab = self.fixture.config
        policy, mx = addresses[f"mta-sts.{domain}"], addresses[self.fixture.mx_of(domain)]
        yield probe_path(module="https", target=f"https://{policy}:{lab['policy']['port']}{POLICY_PATH}",
                         hostname=f"mta-sts.{domain}")
        yield probe_path(module=f"starttls:{domain}", target=f"{mx}:{lab['smtp']['port']}")

    def _work(self, waiting):
        """Takes probe after probe on one connection until none is left."""
        with contextlib.closing(self._connection()) as connection, contextlib.suppress(IndexError):
            while True:
                path = waiting.popleft()
                if not succeeds(connection, path):
                    raise AssertionError(f"blackbox_exporter: {path} did not succeed:\n{self._explain(path)}")

    def _connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)

    def _explain(self, path):
        return fetch("GET", f"http://127.0.0.1:{self.port}{path}&debug=true", timeout=ANSWER_SECONDS)[1]

    def _check_distrust(self):
        """A module without the lab's authority must fail: certificates are really verified."""
        host = f"mta-sts.{self.domains[0]}"
        policy = f"https://{self.fixture.addresses_of([host])[host]}:{self.fixture.config['policy']['port']}"
        path = probe_path(module="distrustful", target=policy + POLICY_PATH, hostname=host)
        with contextlib.closing(self._connection()) as connection:
            if succeeds(connection, path):
                raise AssertionError("blackbox_exporter accepts certificates of an unknown authority")


def probe_path(**parameters):
    return "/probe?" + urllib.parse.urlencode(parameters)


def succeeds(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    return answer.status == 200 and b"\nprobe_success 1\n" in body
