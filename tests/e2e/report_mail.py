"""Mail with reports: a sender's Postfix that signs with OpenDKIM, and the receiver's, which verifies and delivers to maildirs."""
# SPDX-License-Identifier: Apache-2.0
import email.message
import gzip
import json
import pathlib
import re
import shutil
import smtplib
import subprocess

from process import Child, accepts, free_port
from servers import Postfix

SENDER = "sender.e2e.test"
AUTHSERV_ID = "mx.e2e.test"
SELECTOR = "s1"


def report(report_id, domain, failed=3):
    """A report as senders write them (RFC 8460 section 4.4)."""
    return {"organization-name": "Sender", "report-id": report_id, "contact-info": f"tls@{SENDER}",
            "date-range": {"start-datetime": "2026-01-01T00:00:00Z", "end-datetime": "2026-01-01T23:59:59Z"},
            "policies": [{"policy": {"policy-type": "sts", "policy-domain": domain},
                          "summary": {"total-successful-session-count": 5, "total-failure-session-count": failed},
                          "failure-details": [{"result-type": "certificate-expired", "failed-session-count": failed}]}]}


def report_message(report_id, domain):
    """The same as mail (RFC 8460 section 5.3)."""
    message = email.message.EmailMessage()
    message["From"] = f"tls@{SENDER}"
    message["To"] = f"tlsrpt@{domain}"
    message["Subject"] = f"Report Domain: {domain} Submitter: {SENDER} Report-ID: <{report_id}@{SENDER}>"
    message["Message-ID"] = f"<{report_id}@{SENDER}>"
    message["TLS-Report-Domain"] = domain
    message["TLS-Report-Submitter"] = SENDER
    message.set_content("This is an aggregate TLS report.\n")
    message.add_attachment(gzip.compress(json.dumps(report(report_id, domain)).encode()), maintype="application",
                           subtype="tlsrpt+gzip", filename=f"{SENDER}!{domain}!1767225600!1767311999.json.gz")
    message.set_type("multipart/report")
    message.set_param("report-type", "tlsrpt")
    return message


class DkimKey:
    """A key pair and the DNS record that publishes its public half."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir()
        subprocess.run(["opendkim-genkey", "-b", "2048", "-d", SENDER, "-s", SELECTOR, "-D", str(folder)], check=True)
        self.file = folder / f"{SELECTOR}.private"
        strings = " ".join(re.findall(r'"[^"]*"', (folder / f"{SELECTOR}.txt").read_text()))
        self.record = f"{SELECTOR}._domainkey.{SENDER}. 60 IN TXT {strings}"


class OpenDkim(Child):
    """A milter that signs or verifies."""

    def __init__(self, name, folder, settings):
        super().__init__(name, folder)
        self.port = free_port()
        self.config = self.folder / "opendkim.conf"
        self.config.write_text(f"Socket inet:{self.port}@127.0.0.1\nBackground no\nSyslog no\nUserID root\n"
                               f"RequireSafeKeys no\n{settings}")

    def start(self):
        self.spawn(["opendkim", "-f", "-x", str(self.config)], lambda: accepts("127.0.0.1", self.port))


class ReportMail(Postfix):
    """Both Postfixes in one, on two ports: what the sender takes is signed and sent on to the receiver."""

    HOSTNAME = f"mail.{SENDER}"
    SERVICES = Postfix.SERVICES + """\
qmgr      unix       n  -  n  300 1 qmgr
smtp      unix       -  -  n  -  -  smtp
virtual   unix       -  n  n  -  -  virtual
bounce    unix       -  -  n  -  0  bounce
defer     unix       -  -  n  -  0  bounce
trace     unix       -  -  n  -  0  bounce
error     unix       -  -  n  -  -  error
retry     unix       -  -  n  -  -  error
"""

    def __init__(self, folder, signer, verifier, domain):
        super().__init__(folder, [])
        self.sender_port, self.receiver_port = self.port, free_port()
        self.domain = domain
        self.maildir = self.folder / "mail" / "tlsrpt"
        for name in ("new", "cur", "tmp"):
            (self.maildir / name).mkdir(parents=True)
            shutil.chown(self.maildir / name, user="nobody", group="nogroup")
        with (self.etc / "main.cf").open("a") as main:
            main.write(f"""\
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {self.maildir.parent}
virtual_mailbox_maps = static:tlsrpt/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
milter_default_action = tempfail
""")
        master = self.etc / "master.cf"
        master.write_text(f"""\
127.0.0.1:{self.sender_port} inet n - n - - smtpd
  -o smtpd_milters=inet:127.0.0.1:{signer.port}
  -o content_filter=smtp:[127.0.0.1]:{self.receiver_port}
127.0.0.1:{self.receiver_port} inet n - n - - smtpd
  -o myhostname={AUTHSERV_ID}
  -o smtpd_milters=inet:127.0.0.1:{verifier.port}
{master.read_text()}""")

    def ready(self):
        return accepts("127.0.0.1", self.sender_port) and accepts("127.0.0.1", self.receiver_port)

    def send(self, message, signed=True):
        """Hands a message to the sender's server, or, unsigned, to the receiver's."""
        with smtplib.SMTP("127.0.0.1", self.sender_port if signed else self.receiver_port, "client.e2e.test") as client:
            client.send_message(message)
