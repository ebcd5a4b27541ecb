#!/usr/bin/env python3
"""Runs the Debian package's service as systemd runs it, sandbox and all, in a copy of a bare Debian. As root.

The copy is booted in namespaces of its own but for the network, so that the service meets the lab on loopback.
Usage: tests/install/service_test.py --deb FILE --base FOLDER --lab PROGRAM     (FOLDER: made by debootstrap --variant=minbase)
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import yaml

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "soak"), str(TESTS / "e2e")]

from bed import Lab  # noqa: E402
from certificates import Authority  # noqa: E402
from process import Child, free_port, wait_until  # noqa: E402
from servers import http  # noqa: E402

UNIT = "mtasts_exporter.service"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
GOOD, EXPIRED = "healthy.lab.test", "mx-expired.lab.test"
PROBED_SECONDS = 60
# Gives the folder $1 what a container has, makes it the root, and becomes its first process.
BOOT = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
  touch dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir -p .before
pivot_root . .before
umount -l /.before
mount --make-rshared /  # systemd does so itself where it is not in a container; credentials need it
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --show-status=no
"""


def unified_cgroup():
    """Where cgroup2 is mounted, or None."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, folder, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return pathlib.Path(folder)
    return None


class Machine(Child):
    """A Debian in a folder, with systemd as its first process."""

    def __init__(self, folder, base):
        super().__init__("machine", folder)
        self.root = self.folder / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", base, self.root], check=True)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        self._group = unified_cgroup() / f"mtasts-{self.folder.name}"
        self._init = None

    def start(self):
        self._group.mkdir()
        boot = ('echo $$ > "$2/cgroup.procs" && '
                'exec unshare --cgroup --pid --fork --kill-child --mount --uts --ipc sh -c "$3" boot "$1"')
        self.spawn(["sh", "-c", boot, "machine", str(self.root), str(self._group), BOOT], self._booted)

    def _booted(self):
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(children) != 1 or not os.path.exists(f"/proc/{children[0]}/root/run/systemd/private"):
            return False
        self._init = int(children[0])
        return self.answer("systemctl", "is-system-running") in ("running", "degraded")

    def stop(self, seconds=10):
        if self._init is not None:
            os.kill(self._init, signal.SIGKILL)  # and with it all of its namespace
            self._init = None
        super().stop(seconds)
        for folder, _, _ in os.walk(self._group, topdown=False):
            wait_until(lambda: self._removed(folder), seconds, f"{folder} is left by everybody")

    @staticmethod
    def _removed(folder):
        try:
            os.rmdir(folder)
        except OSError:
            return False
        return True

    def run(self, *command):
        """What a command says inside. Errors: AssertionError if it fails."""
        return self._output(command, self._inside(command))

    def answer(self, *command):
        """The same of a command that may fail, without the end of the line."""
        return self._inside(command).stdout.strip()

    def _inside(self, command):
        return subprocess.run(["nsenter", f"--target={self._init}", "--all", "--root", "--wd", *command], env=ENVIRONMENT,
                              capture_output=True, text=True, check=False)

    def prepare(self, *command):
        """Runs a command in the folder before it is booted."""
        self._output(command, subprocess.run(["/usr/sbin/chroot", str(self.root), *command], env=ENVIRONMENT,
                                             capture_output=True, text=True, check=False))

    @staticmethod
    def _output(command, answer):
        if answer.returncode != 0:
            raise AssertionError(f"{command} ended with {answer.returncode}\n{answer.stdout}\n{answer.stderr}")
        return answer.stdout


class Service(unittest.TestCase):
    """Tests run in the order of their names, on one system."""
    deb = base = lab_program = None  # set below

    @classmethod
    def setUpClass(cls):
        if unified_cgroup() is None:
            raise unittest.SkipTest("systemd needs a cgroup2 that can be written")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.lab = Lab(cls.folder / "lab", cls.lab_program)
        cls.lab.start()
        cls.addClassCleanup(cls.lab.stop)
        cls.machine = Machine(cls.folder, cls.base)
        cls.etc = cls.machine.root / "etc/mtasts_exporter"
        cls.machine.prepare("apt-get", "-q", "update")
        cls.machine.prepare("apt-get", "-q", "-y", "--no-install-recommends", "install", "systemd")
        shutil.copy(cls.deb, cls.machine.root / "package.deb")
        cls.addClassCleanup(cls.machine.stop)
        cls.machine.start()
        cls.port = free_port()

    @classmethod
    def install(cls):
        return cls.machine.run("apt-get", "-q", "-y", "--no-install-recommends", "install", "--reinstall", "/package.deb")

    def configure(self, *domains):
        """Writes a configuration for these domains of the lab."""
        config = self.lab.configuration() | {"domains": domains, "tls": {"ca_file": "/etc/mtasts_exporter/lab.pem"}}
        del config["storage"]  # as the package has it
        (self.etc / "config.yaml").write_text(yaml.safe_dump(config))

    def systemctl(self, verb):
        """Starts, stops or reloads the service. Errors: AssertionError with its log."""
        answer = self.machine.answer("sh", "-c", f"systemctl {verb} {UNIT} 2>&1 || systemctl --no-pager status {UNIT}")
        self.assertEqual(answer, "", self.log())

    def state(self, name):
        """A property of the unit, such as MainPID."""
        return self.machine.run("systemctl", "show", "--value", f"--property={name}", UNIT).strip()

    def metrics(self):
        return http("GET", f"http://127.0.0.1:{self.port}/metrics")[1]

    def await_line(self, line, seconds=PROBED_SECONDS):
        wait_until(lambda: line in self.metrics().splitlines(), seconds, lambda: f"{line}\n{self.log()}")

    def log(self):
        return self.machine.answer("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}")

    def test_1_it_runs_once_it_is_installed(self):
        self.install()
        self.assertEqual(self.machine.answer("systemctl", "is-active", UNIT), "active", self.log())
        self.assertEqual(self.machine.answer("systemctl", "is-enabled", UNIT), "enabled")

    def test_2_it_probes(self):
        shutil.copy(self.lab.folder / "ca.pem", self.etc / "lab.pem")
        (self.machine.root / "etc/default/mtasts_exporter").write_text(f'ARGS="--web.listen-address=127.0.0.1:{self.port}"\n')
        self.configure(GOOD)
        self.systemctl("restart")
        self.await_line(f'mtasts_domain_state{{domain="{GOOD}",state="ok"}} 1')
        since = self.log().partition("msg=stopping")[2]  # what it says without domains is over
        self.assertIn("msg=started", since)
        self.assertNotRegex(since, "level=(warn|error)")

    def test_3_it_is_a_sandbox(self):
        """As the kernel has it, which is what counts."""
        pid = self.state("MainPID")
        status = dict(line.split(":\t", 1) for line in self.machine.run("cat", f"/proc/{pid}/status").splitlines()
                      if ":\t" in line)
        self.assertEqual({name: int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")},
                         {"CapEff": 0, "CapPrm": 0, "CapBnd": 0, "CapAmb": 0})
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertNotIn("0", status["Uid"].split())
        self.assertEqual(self.machine.run("stat", "--format=%a", "/var/lib/mtasts_exporter/").strip(), "750")

    def test_4_it_tells_of_itself(self):
        """/proc shows it processes only."""
        told = {line.split(" ")[0] for line in self.metrics().splitlines()}
        for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
                     "process_start_time_seconds"):
            with self.subTest(name=name):
                self.assertIn(name, told)

    def test_5_a_reload(self):
        self.configure(GOOD, EXPIRED)
        self.systemctl("reload")
        self.await_line(f'mtasts_failure{{domain="{EXPIRED}",result_type="certificate-expired"}} 1')
        before = self.state("MainPID")
        (self.etc / "config.yaml").write_text("domain: [example.org]\n")
        self.systemctl("reload")
        self.await_line("mtasts_exporter_config_last_reload_successful 0")
        self.assertIn("did you mean 'domains'?", self.log())
        self.configure(GOOD, EXPIRED)
        self.systemctl("reload")
        self.await_line("mtasts_exporter_config_last_reload_successful 1")
        self.assertEqual(self.state("MainPID"), before)

    def test_6_a_crash(self):
        """It is started again, and knows what it knew before it has probed anything."""
        self.systemctl("restart")  # what it knows of the last second is on disk then
        self.lab.stop()
        before = self.state("MainPID")
        self.machine.run("sh", "-c", f"kill -KILL {before}")
        wait_until(lambda: self.state("MainPID") not in (before, "0") and self.state("ActiveState") == "active",
                   PROBED_SECONDS, lambda: f"it is started again\n{self.log()}")
        self.assertEqual(self.state("NRestarts"), "1")
        # Whether it has looked for the lab meanwhile or not.
        self.assertIn(f'mtasts_record_valid{{domain="{GOOD}"}} 1', self.metrics().splitlines())

    def test_7_an_upgrade(self):
        before = self.state("MainPID")
        self.install()
        self.assertNotIn(self.state("MainPID"), (before, "0"))
        self.assertEqual(self.state("ActiveState"), "active")

    def test_8_a_secret(self):
        """A key that root alone may read, by the folder that the package has for it."""
        web = self.folder / "web"
        Authority(web).mint("web", ["localhost"])
        for source, name, mode in (("web.crt", "web.pem", 0o644), ("web.key", "credentials/web.key", 0o600)):
            shutil.copy(web / source, self.etc / name)
            (self.etc / name).chmod(mode)
        (self.etc / "web.yaml").write_text("tls_server_config:\n  cert_file: /etc/mtasts_exporter/web.pem\n"
                                           f"  key_file: /run/credentials/{UNIT}/secret_web.key\n")
        (self.machine.root / "etc/default/mtasts_exporter").write_text(
            f'ARGS="--web.listen-address=127.0.0.1:{self.port} --web.config.file=/etc/mtasts_exporter/web.yaml"\n')
        self.systemctl("restart")
        trusted = ssl.create_default_context(cafile=web / "ca.pem")
        with urllib.request.urlopen(f"https://localhost:{self.port}/-/healthy", context=trusted, timeout=10) as answer:
            self.assertEqual(answer.status, 200)

    def test_9_it_stops(self):
        self.systemctl("stop")
        self.assertEqual((self.state("Result"), self.state("ExecMainStatus")), ("success", "0"))
        self.machine.run("apt-get", "-q", "-y", "purge", "mtasts-exporter")
        self.assertNotEqual(self.machine.answer("systemctl", "is-active", UNIT), "active")
        self.assertFalse((self.machine.root / "var/lib/private/mtasts_exporter").exists())


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--deb", required=True, type=pathlib.Path)
    options.add_argument("--base", required=True)
    options.add_argument("--lab", required=True, type=pathlib.Path, help="the lab's binary")
    chosen, rest = options.parse_known_args()
    Service.deb, Service.base, Service.lab_program = chosen.deb, chosen.base, chosen.lab.resolve()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
