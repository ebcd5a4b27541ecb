"""unbound, nginx, Postfix, Dovecot, Prometheus and the exporter, each in a folder and on ports of its own."""
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from process import Child, accepts, free_port

DNS_QUERY_ID = b"\x2a\x2a"


def http(method, url, headers=None, timeout=10, body=b""):
    """Returns (status, body text); status 0 when no answer came. Input: body is sent with POST only."""
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=body if method == "POST" else None)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def let_others_through(folder):
    """Servers that give up root reach their files below our temporary folder."""
    for path in (folder, *folder.parents):
        if path.stat().st_mode & 0o7777 == 0o700 and path.as_posix().startswith("/tmp/"):
            path.chmod(0o711)


class Unbound(Child):
    """A resolver that knows one zone and the root's SOA, and asks nobody else."""

    def __init__(self, folder, records):
        super().__init__("unbound", folder)
        self.port = free_port()
        data = "\n".join(f"  local-data: '{record}'" for record in records)
        self.config = self.folder / "unbound.conf"
        self.config.write_text(f"""\
server:
  interface: 127.0.0.1@{self.port}
  port: {self.port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{self.folder}"
  pidfile: "{self.folder}/unbound.pid"
  use-syslog: no
  logfile: ""
  module-config: "iterator"
  num-threads: 1
  local-zone: "." static
  local-data: ". 3600 IN SOA a.root-servers.test. hostmaster.root-servers.test. 1 1800 900 604800 86400"
{data}
remote-control:
  control-enable: no
""")

    def start(self):
        self.spawn(["unbound", "-d", "-c", str(self.config)], self._answers)

    def _answers(self):
        """Asks for `. SOA` (RFC 1035 section 4.1)."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
            query.settimeout(0.5)
            try:
                query.connect(("127.0.0.1", self.port))
                query.send(DNS_QUERY_ID + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", 6, 1))
                return query.recv(512).startswith(DNS_QUERY_ID)
            except OSError:
                return False


class Nginx(Child):
    """Policy hosts: one `server` block each, told apart by SNI."""

    def __init__(self, folder, address, policy_hosts):
        super().__init__("nginx", folder)
        self.address = address
        self.port = free_port()
        self.write_config("\n".join(self._block(host) for host in policy_hosts))

    def write_config(self, blocks):
        """Input: what stands in the `http` block."""
        self.config = self.folder / "nginx.conf"
        paths = "\n".join(f"  {kind}_temp_path {self.folder}/{kind};"
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.config.write_text(f"""\
user root;
daemon off;
master_process off;
pid {self.folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
  access_log {self.folder}/access.log;
{paths}
{blocks}
}}
""")

    def _block(self, host):
        return f"""\
  server {{
    listen {self.address}:{self.port} ssl;
    server_name {host.name};
    ssl_certificate {host.certificate};
    ssl_certificate_key {host.certificate};
    location = /.well-known/mta-sts.txt {{
      default_type {host.media_type};
      {host.response}
    }}
  }}"""

    def start(self):
        self.spawn(["nginx", "-e", "stderr", "-c", str(self.config)], lambda: accepts(self.address, self.port))


class Proxy(Nginx):
    """An nginx that does what an example of the documentation says. Input: replace is what to put in place of what."""

    def __init__(self, folder, example, replace):
        super().__init__(folder, "127.0.0.1", [])
        for old, new in {"listen 443": f"listen 127.0.0.1:{self.port}", **replace}.items():
            if old not in example:
                raise AssertionError(f"the example has no '{old}'")
            example = example.replace(old, new)
        self.write_config(example)


class Postfix(Child):
    """MX hosts: one smtpd listener each, on an address of its own, all on one port."""

    HOSTNAME = "mx.e2e.test"
    SERVICES = """\
rewrite   unix       -  -  n  -  -  trivial-rewrite
cleanup   unix       n  -  n  -  0  cleanup
tlsmgr    unix       -  -  n  -  1  tlsmgr
anvil     unix       -  -  n  -  1  anvil
proxymap  unix       -  -  n  -  -  proxymap
postlog   unix-dgram n  -  n  -  1  postlogd
"""

    def __init__(self, folder, mx_hosts):
        super().__init__("postfix", folder)
        self.port = free_port()
        self.hosts = mx_hosts
        self.etc = self.folder / "etc"
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir(exist_ok=True)
        shutil.chown(self.folder / "data", user="postfix")
        let_others_through(self.folder)  # its daemons run as the user postfix
        (self.etc / "main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/data
maillog_file = {self.folder}/maillog
maillog_file_prefixes = {self.folder}
myhostname = {self.HOSTNAME}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
""")
        (self.etc / "master.cf").write_text("".join(self._listener(host) for host in mx_hosts) + self.SERVICES)

    def _listener(self, host):
        line = f"{host.address}:{self.port} inet n - n - - smtpd\n  -o myhostname={host.name}\n"
        if host.certificate:
            return line + f"  -o smtpd_tls_security_level=may\n  -o smtpd_tls_chain_files={host.certificate}\n"
        return line + "  -o smtpd_tls_security_level=none\n"

    def start(self):
        """`check` makes the queue's folders; master itself stays a child of ours, which `postfix start-fg` does not."""
        subprocess.run(["postfix", "-c", str(self.etc), "check"], check=True, capture_output=True)
        folder = subprocess.run(["postconf", "-h", "daemon_directory"], check=True, capture_output=True, text=True)
        self.spawn([f"{folder.stdout.strip()}/master", "-d", "-c", str(self.etc)], self.ready)

    def ready(self):
        return all(accepts(host.address, self.port) for host in self.hosts)

    def tail(self, lines=30):
        maillog = self.folder / "maillog"
        return super().tail(lines) + ("\n" + maillog.read_text()[-2000:] if maillog.exists() else "")


class Dovecot(Child):
    """An IMAP server with maildirs: implicit TLS on one port, STARTTLS on another."""

    SERVICES = """\
service imap-login {{
  inet_listener imap {{
    port = {self.starttls_port}
  }}
  inet_listener imaps {{
    port = {self.port}
    ssl = yes
  }}
}}
"""
    COMMON = """\
base_dir = {self.folder}/run
state_dir = {self.folder}/run
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = required
first_valid_uid = 1
auth_failure_delay = 0s
"""
    UP_TO_2_3 = COMMON + """\
ssl_cert = <{certificate}
ssl_key = <{certificate}
mail_location = maildir:{self.folder}/mail/%u
passdb {{
  driver = passwd-file
  args = {self.folder}/users
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={self.folder}/mail/%u
}}
""" + SERVICES
    SINCE_2_4 = "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n" + COMMON + """\
ssl_server_cert_file = {certificate}
ssl_server_key_file = {certificate}
mail_driver = maildir
mail_path = {self.folder}/mail/%{{user}}
passdb passwd-file {{
  passwd_file_path = {self.folder}/users
}}
userdb static {{
  fields {{
    uid = mail
    gid = mail
    home = {self.folder}/mail/%{{user}}
  }}
}}
""" + SERVICES

    def __init__(self, folder, certificate, user, password):
        super().__init__("dovecot", folder)
        self.port = free_port()
        self.starttls_port = free_port()
        self.user = user
        (self.folder / "run").mkdir(exist_ok=True)
        self.maildir = self.folder / "mail" / user
        self.maildir.parent.mkdir(exist_ok=True)
        shutil.chown(self.maildir.parent, user="mail", group="mail")
        let_others_through(self.folder)
        self.set_password(password)
        version = subprocess.run(["dovecot", "--version"], check=True, capture_output=True, text=True).stdout
        template = self.UP_TO_2_3 if version.startswith("2.3.") else self.SINCE_2_4
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(template.format(self=self, certificate=certificate))

    def set_password(self, password):
        """From the next login on."""
        self.password = password
        (self.folder / "users").write_text(f"{self.user}:{{PLAIN}}{password}\n")
        (self.folder / "users").chmod(0o644)  # its auth process gives up root, too

    def start(self):
        self.spawn(["dovecot", "-F", "-c", str(self.config)], lambda: accepts("127.0.0.1", self.port))


class Prometheus(Child):
    """Scrapes the exporter every second; query() asks its HTTP API."""

    def __init__(self, folder, target_port):
        super().__init__("prometheus", folder)
        self.port = free_port()
        self.config = self.folder / "prometheus.yml"
        self.config.write_text(f"""\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: mtasts
    static_configs: [{{targets: ["127.0.0.1:{target_port}"]}}]
""")

    def start(self):
        self.spawn(["prometheus", f"--config.file={self.config}", f"--storage.tsdb.path={self.folder}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
                   lambda: http("GET", f"http://127.0.0.1:{self.port}/-/ready")[0] == 200)

    def query(self, expression):
        """The instant vector of an expression: a list of (labels without job and instance, value)."""
        return [({name: value for name, value in labels.items() if name not in ("job", "instance")}, value)
                for labels, value in self.query_targets(expression)]

    def value(self, expression):
        """The one value of an expression, or None when it has no series."""
        rows = self.query(expression)
        if len(rows) > 1:
            raise AssertionError(f"{len(rows)} series for {expression}")
        return rows[0][1] if rows else None

    def query_targets(self, expression):
        """The same with job and instance."""
        address = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        status, body = http("GET", address)
        if status != 200:
            raise AssertionError(f"Prometheus answered {status} to {expression}: {body}")
        return [(row["metric"], float(row["value"][1])) for row in json.loads(body)["data"]["result"]]


class Exporter(Child):
    """The program under test."""

    def __init__(self, folder, binary, config):
        super().__init__("exporter", folder)
        self.binary = str(pathlib.Path(binary).resolve())
        self.port = free_port()
        self.config = self.folder / "config.yaml"
        self.config.write_text(config)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def command(self):
        return [self.binary, f"--config.file={self.config}", f"--web.listen-address=127.0.0.1:{self.port}",
                "--web.enable-lifecycle"]

    def start(self, clock=None, wrapper=()):
        """Input: clock is the seconds that its wall clock is ahead; wrapper is a command that runs a command."""
        self.spawn([*wrapper, *self.command()], lambda: http("GET", self.url("/-/ready"))[0] == 200,
                   self._wrong_clock(clock) if clock else None)

    def _wrong_clock(self, seconds):
        """From the build that the program is from."""
        library = pathlib.Path(self.binary).parents[1] / "tests/support/libwrong_clock.so"
        return {"LD_PRELOAD": str(library), "WRONG_CLOCK_SECONDS": str(seconds)}

    def said(self, words):
        """How often, in its log."""
        return self.log.read_text().count(words)

    def reload(self):
        self.signal(signal.SIGHUP)
