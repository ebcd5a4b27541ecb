"""Zones that are really signed, an NSD that serves them, and an unbound that validates them. Next: test_dane.py."""
# SPDX-License-Identifier: Apache-2.0
import datetime
import pathlib
import shutil
import subprocess

from process import Child, free_port
from servers import Unbound

ADDRESS = "127.0.5.1"  # of the name servers
RESOLVER = "127.0.5.3"  # at port 53, for programs that know no other


def run(folder, *command):
    """Returns what the command printed. Errors: AssertionError with what it had to say."""
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stderr}{done.stdout}")
    return done.stdout


class SignedZone:
    """A zone on its way to a signed file. Input: records as in a zone file, with absolute names."""

    def __init__(self, folder, name, records, expired=False):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.name = name
        self.keys = [self._key("-k"), self._key()]
        self.anchor = self.folder / f"{self.keys[0]}.key"
        self.ds = (self.folder / f"{self.keys[0]}.ds").read_text().strip()
        self.file = self._sign(records, expired)

    def _key(self, *options):
        return run(self.folder, "ldns-keygen", "-a", "ECDSAP256SHA256", *options, self.name).strip()

    def _sign(self, records, expired):
        plain = self.folder / "zone"
        plain.write_text(zone_text(self.name, records))
        now = datetime.datetime.now(datetime.timezone.utc)
        begin, end = (now + datetime.timedelta(days=days) for days in ((-60, -30) if expired else (-1, 30)))
        signed = self.folder / "zone.signed"
        run(self.folder, "ldns-signzone", "-i", begin.strftime("%Y%m%d"), "-e", end.strftime("%Y%m%d"), "-o", self.name,
            "-f", signed, plain, *self.keys)
        return signed


class PlainZone:
    def __init__(self, folder, name, records):
        folder = pathlib.Path(folder) / name
        folder.mkdir(parents=True)
        self.name = name
        self.file = folder / "zone"
        self.file.write_text(zone_text(name, records))


def zone_text(name, records):
    return "\n".join([f"{name}. 60 IN SOA ns.{name}. hostmaster.{name}. 1 3600 900 604800 60",
                      f"{name}. 60 IN NS ns.{name}.", f"ns.{name}. 60 IN A {ADDRESS}", *records]) + "\n"


class Nsd(Child):
    """Answers for the zones, and refuses all others."""

    def __init__(self, folder, zones):
        super().__init__("nsd", folder)
        self.port = free_port()
        self.config = self.folder / "nsd.conf"
        self.config.write_text(f"""\
server:
  ip-address: {ADDRESS}@{self.port}
  username: ""
  chroot: ""
  zonesdir: "{self.folder}"
  database: ""
  zonelistfile: "{self.folder}/zone.list"
  xfrdfile: "{self.folder}/xfrd.state"
  pidfile: "{self.folder}/nsd.pid"
  server-count: 1
remote-control:
  control-enable: no
""" + "".join(f'zone:\n  name: "{zone.name}"\n  zonefile: "{zone.file}"\n' for zone in zones))

    def start(self):
        self.spawn(["nsd", "-d", "-c", str(self.config)], self._answers)

    def _answers(self):
        return "nsd" in self.tail() and "started" in self.tail()


class ValidatingUnbound(Unbound):
    """Asks the servers of some names and nobody for others; believes the keys of the anchor file. Input: servers by
    name."""

    def __init__(self, folder, servers, anchor):
        super().__init__(folder, [])
        stubs = "".join(f'stub-zone:\n  name: "{name}"\n  stub-addr: {ADDRESS}@{nsd.port}\n' for name, nsd in servers.items())
        text = self.config.read_text().replace('module-config: "iterator"', f"""module-config: "validator iterator"
  interface: {RESOLVER}@53
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  trust-anchor-file: "{anchor}"
  val-log-level: 2
  log-servfail: yes""").replace('  local-zone: "." static\n', "")
        self.config.write_text(text + stubs)


def with_resolver(folder, command):
    """The command that runs another with our resolver in its /etc/resolv.conf, in a mount namespace of its own."""
    resolv_conf = pathlib.Path(folder) / "resolv.conf"
    resolv_conf.write_text(f"nameserver {RESOLVER}\noptions trust-ad edns0\n")
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return [shutil.which("unshare"), "-m", "sh", "-c", script, str(resolv_conf), *map(str, command)]
