#!/usr/bin/env python3
"""Runs the exporter in a folder that holds what its container image would, and nothing else."""
# SPDX-License-Identifier: Apache-2.0
import argparse
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOTFS = pathlib.Path(__file__).resolve().parents[2] / "packaging/container/rootfs.sh"
USER = 65532
READY_SECONDS = 30


class Container(unittest.TestCase):
    program = None  # set below

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.folder.name) / "root"
        subprocess.run([ROOTFS, cls.program, cls.root], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def command(self, *arguments):
        return ["/usr/sbin/chroot", f"--userspec={USER}:{USER}", str(self.root), "/usr/bin/mtasts_exporter", *arguments]

    def run_it(self, *arguments, text=None):
        return subprocess.run(self.command(*arguments), input=text, capture_output=True, text=True, env={}, check=False)

    def test_commands(self):
        self.assertIn("mtasts_exporter", self.run_it("--version").stdout)
        self.assertEqual(self.run_it("--config.check", "--config.file=/etc/mtasts_exporter/config.yaml").returncode, 0)
        policy = "version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 604800\n"
        self.assertEqual(self.run_it("lint", "policy", "-", text=policy).returncode, 0)

    def test_it_serves(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = subprocess.Popen(self.command(f"--web.listen-address=127.0.0.1:{port}"), env={},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            self.assertTrue(self.is_ready(server, port))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                self.assertIn("mtasts_exporter_build_info", answer.read().decode())
        finally:
            server.send_signal(signal.SIGTERM)
            said, _ = server.communicate(timeout=READY_SECONDS)
        self.assertEqual(server.returncode, 0, said)

    @staticmethod
    def is_ready(server, port):
        until = time.monotonic() + READY_SECONDS
        while server.poll() is None and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready") as answer:
                    return answer.status == 200
            except OSError:
                time.sleep(0.05)
        return False

    def test_there_is_nothing_else_to_run(self):
        programs = [path for path in self.root.rglob("*") if path.is_file() and os.access(path, os.X_OK)
                    and ".so" not in path.name]
        self.assertEqual(programs, [self.root / "usr/bin/mtasts_exporter"])


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--exporter", required=True)
    chosen, rest = options.parse_known_args()
    if os.geteuid() != 0:
        print("only root may change its root folder: skipped")
        sys.exit(0)
    Container.program = chosen.exporter
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
