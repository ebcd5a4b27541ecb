"""Reports that arrive in folders: by mail through Postfix and OpenDKIM, and dropped in by hand."""
# SPDX-License-Identifier: Apache-2.0
import email.message
import gzip
import json
import os
import shutil

from case import StackCase
from process import wait_until
from report_mail import AUTHSERV_ID, OpenDkim, ReportMail, SELECTOR, SENDER, report, report_message
from servers import http

ARRIVED_SECONDS = 30
DOMAIN = "good.e2e.test"


class Folders(StackCase):
    def setUp(self):
        folder = self.stack.folder / self._testMethodName
        folder.mkdir()
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.maildir = folder / "mail" / "tlsrpt"
        self.configure(f"maildirs: [{self.maildir}], spools: [{self.spool}], authserv_id: {AUTHSERV_ID}")
        self.addCleanup(self.configure, "")
        self.before = self.metrics()
        self.folder = folder

    def configure(self, tlsrpt):
        self.stack.write_config(self.stack.domains, extra=f"tlsrpt: {{{tlsrpt}}}\n")
        status, body = http("POST", self.stack.exporter.url("/-/reload"))
        self.assertEqual(status, 200, body)

    def metrics(self):
        status, body = http("GET", self.stack.exporter.url("/metrics"))
        self.assertEqual(status, 200)
        return {series: float(value) for series, value in
                (line.rsplit(" ", 1) for line in body.splitlines() if line and not line.startswith("#"))}

    def gained(self, series):
        return self.metrics().get(series, 0) - self.before.get(series, 0)

    def await_gain(self, series, gain):
        wait_until(lambda: self.gained(series) == gain, ARRIVED_SECONDS,
                   lambda: f"{series} gains {gain}; it gained {self.gained(series)}\n{self.stack.exporter.tail()}")

    def await_outcome(self, outcome, gain):
        self.await_gain(f'mtasts_tlsrpt_reports_total{{outcome="{outcome}"}}', gain)

    def await_files(self, folder, *endings):
        """Waits until the folder has a file for each ending, and no other."""
        wait_until(lambda: folder.is_dir() and
                   sorted(endings) == sorted(next((e for e in endings if name.endswith(e)), name)
                                             for name in os.listdir(folder)),
                   ARRIVED_SECONDS, lambda: f"{folder} has {endings}; it has {os.listdir(folder)}")

    def start(self, server):
        server.start()
        self.addCleanup(server.stop)
        return server

    def start_mail(self):
        """Signing and verifying are OpenDKIM's; it asks unbound for the key, as it would ask any resolver."""
        signer = self.start(OpenDkim("signer", self.folder / "signer",
                                     f"Mode s\nDomain {SENDER}\nSelector {SELECTOR}\n"
                                     f"KeyFile {self.stack.dkim_key.file}\n"))
        resolver = self.folder / "resolver.conf"
        resolver.write_text(f"server:\n  do-not-query-localhost: no\n  local-zone: \"test.\" nodefault\nforward-zone:\n  name: \".\"\n"
                            f"  forward-addr: 127.0.0.1@{self.stack.unbound.port}\n")
        verifier = self.start(OpenDkim("verifier", self.folder / "verifier",
                                       f"Mode v\nAuthservID {AUTHSERV_ID}\nInternalHosts 192.0.2.1\n"
                                       f"RemoveARFrom {AUTHSERV_ID}\nResolverConfiguration {resolver}\n"))
        return self.start(ReportMail(self.folder, signer, verifier, DOMAIN))

    def test_mail_that_postfix_delivers_is_counted_when_dkim_vouches(self):
        failures = f'mtasts_tlsrpt_failed_sessions_total{{domain="{DOMAIN}",result_type="certificate-expired"}}'
        mail = self.start_mail()
        self.assertEqual(mail.maildir, self.maildir)

        mail.send(report_message("signed", DOMAIN))
        self.await_outcome("counted", 1)
        self.await_gain(failures, 3)
        self.await_files(self.maildir / "cur", ":2,S")

        mail.send(report_message("signed", DOMAIN))
        self.await_outcome("duplicate", 1)

        forged = report_message("forged", DOMAIN)
        forged["Authentication-Results"] = f"{AUTHSERV_ID}; dkim=pass header.d={SENDER} header.b=abc"
        mail.send(forged, signed=False)
        self.await_outcome("uncounted", 1)

        letter = email.message.EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = f"a@{SENDER}", f"tlsrpt@{DOMAIN}", "Lunch?"
        letter.set_content("At noon?\n")
        mail.send(letter)
        self.await_outcome("invalid", 1)
        self.await_files(self.maildir / "cur", ":2,S", ":2,S", ":2,S", ":2,FS")
        self.assertEqual(os.listdir(self.maildir / "new"), [])
        self.assertEqual(self.gained(failures), 3)

    def test_files_that_are_dropped_in_are_taken_and_put_away(self):
        packed = gzip.compress(json.dumps(report("dropped", DOMAIN)).encode())
        (self.spool / "report.json.gz").write_bytes(packed)
        self.await_outcome("uncounted", 1)
        (self.spool / "broken.json").write_text("{")
        self.await_outcome("invalid", 1)
        self.await_files(self.spool / "done", "report.json.gz")
        self.await_files(self.spool / "refused", "broken.json")
        self.await_files(self.spool, "done", "refused")

    def test_a_folder_that_goes_away_is_told_and_taken_again_when_it_is_back(self):
        works = 'mtasts_tlsrpt_channel_working{channel="spool"}'
        wait_until(lambda: self.metrics().get(works) == 1, ARRIVED_SECONDS, "the folder works")
        shutil.rmtree(self.spool)
        wait_until(lambda: self.metrics().get(works) == 0, ARRIVED_SECONDS, "its loss shows")
        self.assertIn("No such file or directory", self.stack.exporter.tail(20))
        self.assertEqual(self.stack.value(f'mtasts_domain_state{{domain="{DOMAIN}",state="ok"}}'), 1)
        self.spool.mkdir()
        (self.spool / "early.json").write_text(json.dumps(report("early", DOMAIN)))
        self.stack.exporter.reload()  # or within 10 seconds by itself
        wait_until(lambda: self.metrics().get(works) == 1, ARRIVED_SECONDS, "its return shows")
        self.await_outcome("uncounted", 1)
        self.configure("")
        wait_until(lambda: works not in self.metrics(), ARRIVED_SECONDS, "no series for what is not configured")
