#!/usr/bin/env python3
"""Installs, upgrades, removes and purges the Debian package in a copy of a bare Debian. As root.

Usage: tests/install/package_test.py --deb FILE --base FOLDER     (FOLDER: made by debootstrap --variant=minbase)
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = "usr/bin/mtasts_exporter"
CONFIG = "etc/mtasts_exporter/config.yaml"
KEPT = "var/lib/private/mtasts_exporter/state.db"
MOST_EXPOSURE = 1.9  # of the unit
FILES = (PROGRAM, CONFIG, "etc/default/mtasts_exporter", "usr/share/man/man8/mtasts_exporter.8.gz",
         "usr/share/bash-completion/completions/mtasts_exporter", "usr/share/zsh/vendor-completions/_mtasts_exporter",
         "usr/share/mtasts_exporter/grafana/alerts/recording.rules.yaml",
         "usr/share/mtasts_exporter/grafana/dashboards/mtasts-fleet.json",
         "usr/share/doc/mtasts-exporter/copyright", "usr/share/doc/mtasts-exporter/README.md",
         "usr/share/doc/mtasts-exporter/grafana/README.md", "usr/share/doc/mtasts-exporter/config.example.yaml",
         "usr/share/doc/mtasts-exporter/SECURITY.md")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


class Package(unittest.TestCase):
    """Tests run in the order of their names, on one system."""
    deb = None  # these two are set below
    base = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", cls.base, cls.root], check=True)
        shutil.copy("/etc/resolv.conf", cls.root / "etc/resolv.conf")
        shutil.copy(cls.deb, cls.root / "package.deb")
        (cls.root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")  # nothing is started here
        (cls.root / "usr/sbin/policy-rc.d").chmod(0o755)
        # A bare Debian is told to leave documentation out, which is what is looked for here.
        shutil.rmtree(cls.root / "etc/dpkg/dpkg.cfg.d", ignore_errors=True)
        cls.inside("apt-get", "-q", "update")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def inside(cls, *command, status=0):
        answer = subprocess.run(["/usr/sbin/chroot", str(cls.root), *command], env=ENVIRONMENT, capture_output=True,
                                text=True, check=False)
        if answer.returncode != status:
            raise AssertionError(f"{command} ended with {answer.returncode}\n{answer.stdout}\n{answer.stderr}")
        return answer.stdout + answer.stderr

    def install(self):
        return self.inside("apt-get", "-q", "-y", "--no-install-recommends", "install", "--reinstall", "/package.deb")

    def there(self, file):
        return os.path.lexists(self.root / file)

    def test_1_install(self):
        said = self.install()
        self.assertNotIn("warning", said.lower())
        for file in FILES:
            with self.subTest(file=file):
                self.assertTrue((self.root / file).exists())
        self.assertTrue((self.root / "etc/systemd/system/multi-user.target.wants/mtasts_exporter.service").is_symlink())
        self.assertEqual((self.root / "etc/mtasts_exporter/credentials").stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.inside("dpkg", "--verify", "mtasts-exporter"), "")

    def test_2_it_works(self):
        self.assertIn("mtasts_exporter", self.inside("mtasts_exporter", "--version"))
        self.inside("mtasts_exporter", "--config.check", f"--config.file=/{CONFIG}")
        self.inside("mtasts_exporter", "match", "*.example.org", "mx.example.org")
        self.inside("mtasts_exporter", "match", "*.example.org", "mx.example.net", status=1)

    def units(self):
        """The folder of units; "/lib" may be a link to "/usr/lib"."""
        folder, = (path for path in (self.root / "usr/lib/systemd/system", self.root / "lib/systemd/system")
                   if (path / "mtasts_exporter.service").is_file() and not path.parent.parent.is_symlink())
        return folder

    def test_3_the_manual_names_what_is_there(self):
        text = gzip.decompress((self.root / "usr/share/man/man8/mtasts_exporter.8.gz").read_bytes()).decode()
        named = set(re.findall(r"/usr/share/\S+", text))
        self.assertGreater(len(named), 3)
        for path in named:
            self.assertTrue((self.root / path.lstrip("/")).exists(), path)

    def test_3_the_unit_names_what_is_there(self):
        unit = self.units()
        text = (unit / "mtasts_exporter.service").read_text()
        program, config = re.search(r"(?m)^ExecStart=(\S+) --config.file=(\S+)", text).groups()
        manual, = re.findall(r"(?m)^Documentation=.*file://(\S+)$", text)
        for path in (program, config, manual):
            self.assertTrue(self.there(path.lstrip("/")), path)
        credentials = (unit / "mtasts_exporter.service.d/credentials.conf").read_text()
        folder, = re.findall(r"(?m)^LoadCredential=secret:/(\S+)$", credentials)
        self.assertTrue((self.root / folder).is_dir())

    def test_3_the_unit_is_a_sandbox(self):
        """As systemd judges it, from 0 to 10."""
        judged = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=true",
                                 f"--threshold={round(10 * MOST_EXPOSURE)}", self.units() / "mtasts_exporter.service"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)

    def test_4_an_upgrade_keeps_what_was_edited(self):
        edited = "domains: [example.org]\n"
        (self.root / CONFIG).write_text(edited)
        (self.root / KEPT).parent.mkdir(parents=True)
        (self.root / KEPT).touch()
        self.install()
        self.assertEqual((self.root / CONFIG).read_text(), edited)
        self.assertTrue(self.there(KEPT))

    def test_4_an_upgrade_that_could_not_start_restarts_nothing(self):
        """systemd seems to run here, and policy-rc.d keeps it from being asked."""
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.addCleanup(shutil.rmtree, self.root / "run/systemd")
        before = (self.root / CONFIG).read_text()
        self.addCleanup((self.root / CONFIG).write_text, before)
        not_restarted = "mtasts_exporter was not restarted"
        self.assertNotIn(not_restarted, self.install())
        (self.root / CONFIG).write_text("domain: [example.org]\n")
        said = self.install()
        self.assertIn("did you mean 'domains'?", said)
        self.assertIn(not_restarted, said)

    def test_5_remove(self):
        self.inside("apt-get", "-q", "-y", "remove", "mtasts-exporter")
        self.assertFalse(self.there(PROGRAM))
        self.assertTrue(self.there(CONFIG))
        self.assertTrue(self.there(KEPT))

    def test_6_purge(self):
        said = self.inside("apt-get", "-q", "-y", "purge", "mtasts-exporter")
        self.assertNotIn("not empty", said)
        left = [path for path in self.root.rglob("*mtasts*") if not path.is_relative_to(self.root / "proc")]
        self.assertEqual([path for path in left if "/var/log/" not in str(path) and "/var/cache/" not in str(path)], [])


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    options.add_argument("--deb", required=True)
    options.add_argument("--base", required=True)
    chosen, rest = options.parse_known_args()
    Package.deb, Package.base = chosen.deb, chosen.base
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
