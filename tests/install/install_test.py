#!/usr/bin/env python3
"""Installs the build to empty prefixes: does the unit start what was installed, and is the example valid?"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

EXAMPLE = "share/doc/mtasts_exporter/config.example.yaml"
# Where man, bash-completion and zsh look.
BESIDE = ("share/man/man8/mtasts_exporter.8", "share/bash-completion/completions/mtasts_exporter",
          "share/zsh/vendor-completions/_mtasts_exporter")


class Install(unittest.TestCase):
    cmake = None  # these two are set below
    build = None

    def install(self, prefix, destdir=""):
        """Installs and returns the folder that `prefix` became."""
        command = [self.cmake, "--install", self.build, "--prefix", prefix]
        answer = subprocess.run(command, env=os.environ | {"DESTDIR": destdir}, capture_output=True, text=True, check=False)
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        return pathlib.Path(destdir + prefix)

    def check(self, root, prefix):
        """Input: root is where the files of `prefix` lie now."""
        unit = (root / "lib/systemd/system/mtasts_exporter.service").read_text()
        self.assertNotIn("@", re.sub("SystemCallFilter=.*", "", unit))
        programs = re.findall(r"(?m)^ExecStart\w*=(\S+)", unit)
        self.assertEqual(set(programs), {f"{prefix}/bin/mtasts_exporter"})
        manual, = re.findall(r"(?m)^Documentation=file://(.*)$", unit)
        self.assertTrue((root / pathlib.Path(manual).relative_to(prefix)).is_file(), manual)
        for link in re.findall(r"\]\(([\w./]+)\)", (root / EXAMPLE).with_name("README.md").read_text()):
            if link.startswith("docs/"):
                self.assertTrue((root / EXAMPLE).parent.joinpath(link).is_file(), link)
        self.assertTrue((root / EXAMPLE).parent.joinpath("grafana/alerts/recording.rules.yaml").is_file())
        for file in BESIDE:
            self.assertTrue((root / file).is_file(), file)
        check = [root / "bin/mtasts_exporter", "--config.check", f"--config.file={root / EXAMPLE}"]
        answer = subprocess.run(check, capture_output=True, text=True, check=False)
        self.assertEqual(answer.returncode, 0, answer.stderr)

    def test_prefix_that_was_not_configured(self):
        with tempfile.TemporaryDirectory() as folder:
            self.check(self.install(f"{folder}/opt"), f"{folder}/opt")
            self.assertEqual([path.name for path in pathlib.Path(folder).iterdir()], ["opt"])

    def test_destdir(self):
        with tempfile.TemporaryDirectory() as folder:
            self.check(self.install("/usr", folder), "/usr")
            self.assertEqual([path.name for path in pathlib.Path(folder).iterdir()], ["usr"])


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cmake", required=True)
    options.add_argument("--build", required=True)
    chosen, rest = options.parse_known_args()
    Install.cmake, Install.build = chosen.cmake, chosen.build
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
