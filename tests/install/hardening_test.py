#!/usr/bin/env python3
"""Is the program built so that a mistake in it is hard to use? Looks at the file with readelf, and at what a release is
compiled with, which need not be how this file was."""
# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import unittest


class Hardening(unittest.TestCase):
    program = None  # these three are set below
    fortified = False
    commands = None

    def readelf(self, *flags):
        return subprocess.run(["readelf", "--wide", *flags, self.program], capture_output=True, text=True, check=True).stdout

    def test_it_is_loaded_anywhere(self):
        self.assertRegex(self.readelf("--file-header"), r"Type:\s+DYN")

    def test_what_the_loader_writes_is_read_only_afterwards(self):
        self.assertIn("GNU_RELRO", self.readelf("--program-headers"))
        self.assertRegex(self.readelf("--dynamic"), r"FLAGS.*(BIND_NOW|NOW)")

    def test_data_is_not_run(self):
        stack = re.search(r"GNU_STACK.*", self.readelf("--program-headers"))[0]
        self.assertNotIn("RWE", stack)
        self.assertNotRegex(self.readelf("--dynamic"), r"TEXTREL")

    def test_no_folder_of_the_build_is_searched_for_libraries(self):
        self.assertNotRegex(self.readelf("--dynamic"), r"R(UN)?PATH")

    def test_stacks_are_guarded(self):
        self.assertIn("__stack_chk_fail", self.readelf("--dyn-syms"))

    def test_copies_are_checked(self):
        if self.fortified:
            self.assertRegex(self.readelf("--dyn-syms"), r"__(mem|str|v?s?n?printf)\w*_chk")

    def test_the_library_checks_indexes(self):
        self.assertIn("__glibcxx_assert_fail", self.readelf("--dyn-syms"))

    def test_a_release_is_compiled_with_all_of_it(self):
        if not self.commands:
            self.skipTest("no --commands")
        wanted = {"-O2", "-DNDEBUG", "-fPIE", "-fstack-protector-strong", "-fstack-clash-protection",
                  "-D_FORTIFY_SOURCE=3", "-D_GLIBCXX_ASSERTIONS"}
        entries = json.loads(pathlib.Path(self.commands).read_text())
        ours = [entry for entry in entries if re.search(r"/(probes|exporter)/[^ ]*\.cpp$", entry["file"])]
        self.assertTrue(ours)
        for entry in ours:
            flags = set(shlex.split(entry["command"]))
            self.assertLessEqual(wanted, flags, entry["file"])
            self.assertFalse({flag for flag in flags if flag.startswith("-O")} - {"-O2"}, entry["file"])


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--exporter", required=True)
    options.add_argument("--fortified", action="store_true", help="the build has optimisation")
    options.add_argument("--commands", help="compile_commands.json of a build as it is released")
    chosen, rest = options.parse_known_args()
    Hardening.program, Hardening.fortified, Hardening.commands = chosen.exporter, chosen.fortified, chosen.commands
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
