"""Reports by HTTP (RFC 8460 section 5.4): posted with curl, through nginx too, and counted."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import gzip
import json
import pathlib
import re
import socket
import subprocess

from case import StackCase
from process import accepts, free_port, wait_until
from servers import Proxy, http

TOKEN = "e2e-secret-0123456789"
REPORTS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reports.md"
SHOWN_SECONDS = 30
CHUNK = 16384


def report(report_id, successful=7, failed=0):
    return json.dumps({
        "organization-name": "Sender", "report-id": report_id,
        "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
        "policies": [{"policy": {"policy-type": "sts", "policy-domain": "good.e2e.test"},
                      "summary": {"total-successful-session-count": successful, "total-failure-session-count": failed}}],
    }).encode()


class TlsrptHttp(StackCase):
    def setUp(self):
        self.exporter = self.stack.exporter
        self.addCleanup(self.configure, "")

    def configure(self, http_section):
        """Reloads with this as tlsrpt.http. Returns (status, answer)."""
        extra = f"tlsrpt: {{http: {{{http_section}}}}}\n" if http_section else ""
        self.stack.write_config(self.stack.domains, extra=extra)
        return http("POST", self.exporter.url("/-/reload"))

    def enable(self, more=""):
        self.assertEqual(self.configure(f"enabled: true, tokens: [{TOKEN}]{more}")[0], 200)

    def post(self, url, body, *options, media="application/tlsrpt+json"):
        """Posts as people do. Returns (status, answer)."""
        command = ["curl", "--silent", "--show-error", "--max-time", "20", "--data-binary", "@-", "--write-out", "\n%{http_code}",
                   "--header", f"Content-Type: {media}", *options, url]
        done = subprocess.run(command, input=body, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        answer, _, status = done.stdout.decode().rpartition("\n")
        return int(status), answer

    def value(self, series):
        _, body = http("GET", self.exporter.url("/metrics"))
        found = re.search(rf"(?m)^{re.escape(series)} (.*)$", body)
        return float(found[1]) if found else None

    def sessions(self):
        return self.value('mtasts_tlsrpt_sessions_total{domain="good.e2e.test",policy_type="sts",result="success"}')

    def test_a_posted_report_counts_once(self):
        self.enable()
        before = self.sessions()
        with_token = self.exporter.url(f"/tlsrpt/{TOKEN}")
        status, answer = self.post(with_token, report("once"))
        self.assertEqual((status, answer), (201, "counted: good.e2e.test: report once of Sender\n"))
        self.assertEqual(self.sessions(), before + 7)
        status, answer = self.post(with_token, gzip.compress(report("once")), media="application/tlsrpt+gzip")
        self.assertEqual(status, 201)
        self.assertIn("duplicate: ", answer)
        self.assertEqual(self.post(with_token, report("once", 8))[0], 409)
        self.assertEqual(self.post(self.exporter.url("/tlsrpt"), report("stranger"))[0], 201)
        self.assertEqual(self.post(self.exporter.url("/tlsrpt/wrong-token-0123456789"), report("thief"))[0], 404)
        self.assertEqual(self.post(with_token, b"no report")[0], 400)
        self.assertEqual(self.sessions(), before + 7)
        self.assertNotIn(TOKEN, self.exporter.log.read_text())
        self.assertNotIn("wrong-token", self.exporter.log.read_text())

    def test_a_large_report_is_asked_for_first(self):
        """curl waits for `100 Continue` with bodies of more than a megabyte."""
        self.enable()
        url = self.exporter.url(f"/tlsrpt/{TOKEN}")
        padded = report("large").ljust(3_000_000)
        self.assertEqual(self.post(url, padded, "--header", "Expect: 100-continue", "--expect100-timeout", "15")[0], 201)
        self.assertEqual(self.post(url, report("endless").ljust(3_000_000), "--header", "Transfer-Encoding: chunked")[0], 201)
        self.assertEqual(self.post(url, b" " * 11_000_000, "--header", "Expect: 100-continue", "--expect100-timeout", "15")[0],
                         413)

    def test_a_reload_switches_it_on_and_off(self):
        url = self.exporter.url(f"/tlsrpt/{TOKEN}")
        self.assertEqual(self.post(url, report("switch"))[0], 404)
        self.enable()
        self.assertEqual(self.post(url, report("switch"))[0], 201)
        self.configure(f"enabled: true, path: /elsewhere, tokens: [{TOKEN}]")
        self.assertEqual(self.post(url, report("switch"))[0], 404)
        self.assertEqual(self.post(self.exporter.url(f"/elsewhere/{TOKEN}"), report("switch"))[0], 201)
        self.configure("")
        self.assertEqual(self.post(self.exporter.url(f"/elsewhere/{TOKEN}"), report("switch"))[0], 404)

    def test_a_listener_of_its_own(self):
        port = free_port()
        self.enable(f', listen_address: "127.0.0.1:{port}"')
        own = f"http://127.0.0.1:{port}"
        self.assertEqual(self.post(f"{own}/tlsrpt/{TOKEN}", report("own"))[0], 201)
        self.assertEqual(http("GET", f"{own}/metrics")[0], 404)
        self.assertEqual(self.post(self.exporter.url(f"/tlsrpt/{TOKEN}"), report("own"))[0], 404)
        status, answer = self.configure(f'enabled: true, tokens: [{TOKEN}], listen_address: "127.0.0.1:{self.exporter.port}"')
        self.assertEqual(status, 500)
        self.assertIn(f"tlsrpt.http.listen_address: cannot listen on 127.0.0.1:{self.exporter.port} (Address already in use)",
                      answer)
        self.assertEqual(self.post(f"{own}/tlsrpt/{TOKEN}", report("own"))[0], 201)
        self.configure("")
        wait_until(lambda: not accepts("127.0.0.1", port), SHOWN_SECONDS, "the listener closes")

    def test_slow_bodies_do_not_add_up(self):
        """200 senders declare 10 MiB each and send as much as is taken from them, a chunk at a time, without an end."""
        self.enable()
        before = self.resident_bytes()
        head = f"POST /tlsrpt/{TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Length: {10 * 2**20}\r\n\r\n".encode()
        with contextlib.ExitStack() as stack:
            senders = [stack.enter_context(socket.create_connection(("127.0.0.1", self.exporter.port))) for _ in range(200)]
            for sender in senders:
                sender.sendall(head)
                sender.setblocking(False)
            peak = 0
            for _ in range(200):
                for sender in senders:
                    with contextlib.suppress(OSError):  # full, or told to come again
                        sender.send(b" " * CHUNK)
                peak = max(peak, self.resident_bytes())
            self.assertEqual(http("GET", self.exporter.url("/metrics"))[0], 200)
            self.assertEqual(self.post(self.exporter.url(f"/tlsrpt/{TOKEN}"), report("between"))[0], 201)
        print(f"resident before {before / 2**20:.0f} MiB, at most {peak / 2**20:.0f} MiB", end=" ")
        self.assertLess(peak - before, 128 * 2**20)

    def resident_bytes(self):
        return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{self.exporter.process.pid}/status").read_text())[1]) * 1024

    def test_behind_the_proxy_of_the_documentation(self):
        self.enable()
        example = next(text for text in re.findall(r"(?ms)^```\w*\n(.*?)^```$", REPORTS.read_text()) if "proxy_pass" in text)
        certificate = str(self.stack.authority.mint("tlsrpt", ["tlsrpt.example.org"], 10))
        proxy = Proxy(self.stack.folder / "proxy", example,
                      {"/etc/ssl/tlsrpt.example.org.pem": certificate, "/etc/ssl/private/tlsrpt.example.org.key": certificate,
                       "127.0.0.1:9974": f"127.0.0.1:{self.exporter.port}"})
        self.addCleanup(proxy.stop)
        proxy.start()
        options = ("--cacert", str(self.stack.authority.ca_file), "--resolve", f"tlsrpt.example.org:{proxy.port}:127.0.0.1")
        url = f"https://tlsrpt.example.org:{proxy.port}/tlsrpt/{TOKEN}"
        before = self.sessions()
        self.assertEqual(self.post(url, report("proxied").ljust(5_000_000), *options)[0], 201)
        self.assertEqual(self.sessions(), before + 7)
        self.assertNotIn(TOKEN, (proxy.folder / "access.log").read_text())
