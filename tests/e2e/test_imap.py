"""Reports that come by IMAP, from Dovecot: counted, put away, never lost, never counted twice (docs/reports.md)."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import imaplib
import itertools
import json
import pathlib
import re
import signal
import ssl
import subprocess
import time

from case import StackCase
from process import wait_until
from servers import Dovecot, http

SHOWN_SECONDS = 30
BACKLOG_SECONDS = 180
BACKLOG = 2000
MOST_BACKLOG_MEMORY_KIB = 60 * 1024  # above what the exporter has before
SANITIZERS = re.compile(r"/lib[at]san\.so")  # keep what was freed, and notes of every access
AUTHSERV = "mx.e2e.test"


def report_mail(report_id, sessions=1):
    """A report as our mail server would have delivered it, with a DKIM pass."""
    report = {"organization-name": "Sender", "report-id": report_id,
              "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
              "policies": [{"policy": {"policy-type": "sts", "policy-domain": "good.e2e.test"},
                            "summary": {"total-successful-session-count": sessions, "total-failure-session-count": 0}}]}
    lines = [f"Authentication-Results: {AUTHSERV}; dkim=pass header.d=sender.test header.s=s header.b=AbCdEfGh",
             "Received: from mail.sender.test by mx.e2e.test; Thu, 1 Jan 2026 12:00:00 +0000",
             "DKIM-Signature: v=1; a=rsa-sha256; d=sender.test; s=s; h=From; bh=YQ==; b=AbCdEfGhIjKl",
             "From: reports@sender.test", "To: tlsrpt@e2e.test", f"Subject: Report-ID: <{report_id}>",
             "MIME-Version: 1.0", "Content-Type: application/tlsrpt+json", "", json.dumps(report)]
    return "\r\n".join(lines).encode()


OTHER_MAIL = b"From: a@e2e.test\r\nSubject: lunch\r\n\r\nat noon?\r\n"


class Imap(StackCase):
    servers = itertools.count(1)

    def setUp(self):
        self.exporter = self.stack.exporter
        folder = self.stack.folder / f"imap{next(self.servers)}"  # short: the paths of Dovecot's sockets are limited
        certificate = self.stack.authority.mint(folder.name, ["localhost"])
        self.dovecot = Dovecot(folder, certificate, "tlsrpt", "se cret\"\\1")
        self.password_file = folder / "password"
        self.write_password(self.dovecot.password)
        self.dovecot.start()
        self.addCleanup(self.dovecot.stop)
        self.addCleanup(self.restore)
        self.log_start = self.exporter.log.stat().st_size

    def restore(self):
        self.stack.write_config(self.stack.domains)
        if not self.exporter.running:
            self.exporter.start()
        else:
            self.exporter.reload()

    def write_password(self, password):
        self.password_file.write_text(password + "\n")
        self.password_file.chmod(0o600)

    def configure(self, server=None, ca_file=True, folders=", done_folder: Done, refused_folder: Refused"):
        """Configures the mailbox and waits until the exporter has taken that."""
        trust = f', ca_file: "{self.stack.authority.ca_file}"' if ca_file else ""
        server = server or f"localhost:{self.dovecot.port}"
        self.stack.write_config(self.stack.domains, extra=f"""\
tlsrpt:
  authserv_id: {AUTHSERV}
  imap:
    - {{server: "{server}", user: tlsrpt, password_file: "{self.password_file}", poll_interval: 1s{trust}{folders}}}
""")
        if self.exporter.running:
            status, body = http("POST", self.exporter.url("/-/reload"))
            self.assertEqual(status, 200, body)

    def log(self):
        """What the exporter has logged in this test."""
        return self.exporter.log.read_bytes()[self.log_start:].decode()

    def await_log(self, pattern, seconds=SHOWN_SECONDS):
        wait_until(lambda: re.search(pattern, self.log()), seconds, lambda: f"{pattern} in\n{self.log()[-3000:]}")

    @contextlib.contextmanager
    def client(self):
        """An independent client, logged in."""
        context = ssl.create_default_context(cafile=self.stack.authority.ca_file)
        with imaplib.IMAP4_SSL("localhost", self.dovecot.port, ssl_context=context) as client:
            client.authenticate("PLAIN", lambda _: f"\0tlsrpt\0{self.dovecot.password}".encode())
            yield client

    def append(self, *mails):
        with self.client() as client:
            for mail in mails:
                self.assertEqual(client.append("INBOX", None, None, mail)[0], "OK")

    def flags_in(self, folder):
        """The flags of each message of a folder; none when the folder is not there."""
        with self.client() as client:
            status, (messages, *_) = client.select(folder, readonly=True)
            if status != "OK" or messages == b"0":
                return []
            found = client.fetch("1:*", "(FLAGS)")[1]
            return [set(imaplib.ParseFlags(line)) - {b"\\Recent"} for line in found]

    def count_in(self, folder):
        return len(self.flags_in(folder))

    def await_counts(self, seconds=SHOWN_SECONDS, **expected):
        def counts():
            return {name: self.count_in(name) for name in expected}

        wait_until(lambda: counts() == expected, seconds, lambda: f"{expected}; it is {counts()}\n{self.log()[-3000:]}")

    def metric(self, series):
        _, body = http("GET", self.exporter.url("/metrics"))
        found = re.search("^" + re.escape(series) + " (.*)$", body, re.MULTILINE)
        return float(found[1]) if found else None

    def outcome(self, name):
        return self.metric(f'mtasts_tlsrpt_reports_total{{outcome="{name}"}}') or 0

    def test_a_report_is_counted_and_moved_another_mail_refused(self):
        """Unread mail stays unread, so that a person sees what came."""
        counted, invalid = self.outcome("counted"), self.outcome("invalid")
        self.append(report_mail("by-imap"), OTHER_MAIL)
        self.configure()
        self.await_counts(INBOX=0, Done=1, Refused=1)
        self.assertEqual(self.outcome("counted") - counted, 1)
        wait_until(lambda: self.outcome("invalid") - invalid == 1, SHOWN_SECONDS, "the refused mail to be counted")
        self.assertEqual(self.flags_in("Done") + self.flags_in("Refused"), [set(), set()])
        self.append(report_mail("by-imap"), report_mail("by-imap-2"))
        self.await_counts(INBOX=0, Done=3, Refused=1)
        self.assertEqual(self.outcome("counted") - counted, 2)
        self.assertNotIn("cret", self.log())

    def test_starttls(self):
        self.append(report_mail("by-starttls"))
        self.configure(server=f"imap://localhost:{self.dovecot.starttls_port}")
        self.await_counts(INBOX=0, Done=1)

    def test_without_folders_mail_stays_and_is_marked(self):
        counted = self.outcome("counted")
        self.append(report_mail("stays"), OTHER_MAIL)
        self.configure(folders="")
        wait_until(lambda: self.flags_in("INBOX") == [{b"$TlsrptTaken"}] * 2, SHOWN_SECONDS, lambda: self.log()[-3000:])
        self.append(report_mail("stays-2"))
        wait_until(lambda: self.flags_in("INBOX") == [{b"$TlsrptTaken"}] * 3, SHOWN_SECONDS, lambda: self.log()[-3000:])
        self.assertEqual(self.outcome("counted") - counted, 2)
        self.assertEqual(self.log().count("duplicate"), 0)

    def test_wrong_password_is_said_once_and_a_new_one_needs_no_restart(self):
        self.append(report_mail("after-the-password"))
        self.write_password("wrong-secret")
        self.configure()
        self.await_log("refuses the login.*correct user or password_file")

        def logins():
            return self.dovecot.log.read_text().count("auth failed")

        before = logins()
        self.exporter.reload()
        wait_until(lambda: logins() > before, SHOWN_SECONDS, lambda: self.dovecot.tail())
        self.write_password(self.dovecot.password)
        self.exporter.reload()
        self.await_counts(INBOX=0, Done=1)
        self.await_log("mailbox works")
        self.assertEqual(self.log().count("refuses the login"), 1)
        self.assertNotIn("wrong-secret", self.log())

    def test_a_certificate_of_an_unknown_ca_is_refused(self):
        self.configure(ca_file=False)
        self.await_log("certificate is not accepted.*ca_file")
        self.assertNotIn("Logged in", self.dovecot.log.read_text())

    def test_a_certificate_of_another_name_is_refused(self):
        self.configure(server=f"127.0.0.1:{self.dovecot.port}")
        self.await_log("certificate is not accepted")
        self.assertNotIn("Logged in", self.dovecot.log.read_text())

    def test_killed_between_storing_and_moving(self):
        """The report is in the database, the mail in INBOX: the next exporter finds a duplicate and moves it."""
        counted, duplicates = self.outcome("counted"), self.outcome("duplicate")
        self.configure()
        self.await_log("mailbox works")
        folder = self.dovecot.maildir / ".Done"
        for part in (folder, folder / "tmp", folder / "cur", folder / "new"):
            part.chmod(0o500)
        self.append(report_mail("killed"))
        self.await_log("messages cannot be moved to 'Done'")
        self.exporter.signal(signal.SIGKILL)
        self.exporter.process.wait()
        self.assertEqual(self.count_in("INBOX"), 1)
        for part in (folder, folder / "tmp", folder / "cur", folder / "new"):
            part.chmod(0o700)
        self.exporter.start()
        self.await_counts(INBOX=0, Done=1)
        self.assertEqual(self.outcome("counted") - counted, 1)
        self.assertGreaterEqual(self.outcome("duplicate") - duplicates, 1)

    def fill_inbox(self, prefix, mails):
        """As a mail server delivers: files in the maildir."""
        self.append()  # makes the maildir
        new = self.dovecot.maildir / "new"
        new.mkdir(parents=True, exist_ok=True)
        for number in range(mails):
            (new / f"{prefix}{number:05}.e2e").write_bytes(report_mail(f"{prefix}-{number}"))
        subprocess.run(["chown", "-R", "mail:mail", self.dovecot.maildir], check=True)

    def memory_kib(self, what):
        with open(f"/proc/{self.exporter.process.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"^{what}:\s+(\d+) kB", status.read(), re.MULTILINE)[1])

    def test_a_large_backlog(self):
        counted = self.outcome("counted")
        self.fill_inbox("backlog", BACKLOG)
        before = self.memory_kib("VmRSS")
        pathlib.Path(f"/proc/{self.exporter.process.pid}/clear_refs").write_text("5")  # proc(5): the peak is that of now
        begun = time.monotonic()
        self.configure()
        wait_until(lambda: self.outcome("counted") - counted == BACKLOG, BACKLOG_SECONDS,
                   lambda: f"{self.outcome('counted') - counted} counted\n{self.log()[-3000:]}", step=0.5)
        self.await_counts(INBOX=0, Done=BACKLOG)
        seconds, grown = time.monotonic() - begun, self.memory_kib("VmHWM") - before
        print(f"{BACKLOG} mails by IMAP: {BACKLOG / seconds:.0f}/s, {grown / 1024:.1f} MiB more at most")
        if not SANITIZERS.search(pathlib.Path(f"/proc/{self.exporter.process.pid}/maps").read_text()):
            self.assertLess(grown, MOST_BACKLOG_MEMORY_KIB)

    def test_killed_in_a_backlog_at_random(self):
        """Whatever moment it is, each report counts once."""
        counted = self.outcome("counted")
        mails = 300
        self.fill_inbox("kills", mails)
        self.configure()
        for part in (0.2, 0.5, 0.8):
            wait_until(lambda share=part: self.count_in("Done") >= share * mails, BACKLOG_SECONDS, "moved mails")
            self.exporter.signal(signal.SIGKILL)
            self.exporter.process.wait()
            self.exporter.start()
        self.await_counts(BACKLOG_SECONDS, INBOX=0, Done=mails)
        self.assertEqual(self.outcome("counted") - counted, mails)
