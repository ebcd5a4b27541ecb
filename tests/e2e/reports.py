"""TLS reports as senders write them, for the ways in. Next: test_alerts.py and test_lifecycle.py, which hand them over."""
# SPDX-License-Identifier: Apache-2.0
import datetime
import json
import subprocess

AUTHSERV_ID = "mx.e2e.test"


def yesterday():
    """RFC 8460 section 4.1: a report is about one day of UTC."""
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).date().isoformat()


def report(domain, report_id, successful=5, failures=(), failed=None, day=None):
    """The JSON of a report about one policy domain. Input: failures is a list of (result type, MX host, sessions)."""
    day = day or yesterday()
    return json.dumps({
        "organization-name": "Sender", "report-id": report_id, "contact-info": "postmaster@sender.example",
        "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
        "policies": [{
            "policy": {"policy-type": "sts", "policy-domain": domain},
            "summary": {"total-successful-session-count": successful,
                        "total-failure-session-count": sum(sessions for *_, sessions in failures) if failed is None else failed},
            "failure-details": [{"result-type": result_type, "receiving-mx-hostname": host, "failed-session-count": sessions}
                                for result_type, host, sessions in failures]}]})


def mail(report_text, dkim_domain, authserv_id=AUTHSERV_ID):
    """A message with the report, as a server of that name delivers it after DKIM has vouched for the domain."""
    return f"""\
Authentication-Results: {authserv_id}; dkim=pass header.d={dkim_domain} header.s=reports header.b=c2lnbmF0
Received: from out.{dkim_domain} by {authserv_id}; Thu, 1 Jan 2026 00:00:00 +0000
DKIM-Signature: v=1; a=rsa-sha256; d={dkim_domain}; s=reports; h=from; bh=aGFzaA==; b=c2lnbmF0dXJl
From: reports@{dkim_domain}
MIME-Version: 1.0
Content-Type: application/tlsrpt+json

{report_text}
"""


def ingest(exporter, text):
    """Files a report from standard input beside the running exporter. Returns its outcome."""
    command = [exporter.binary, "ingest", "-", f"--config.file={exporter.config}"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.stdout.split(": ")[1]
