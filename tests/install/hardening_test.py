#!/usr/bin/env python3
"""Is the program built so that a mistake in it is hard to use? Looks at the file with readelf."""
# SPDX-License-Identifier: Apache-2.0
import argparse
import re
import subprocess
import sys
import unittest


class Hardening(unittest.TestCase):
    program = None  # these two are set below
    fortified = False

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


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--exporter", required=True)
    options.add_argument("--fortified", action="store_true", help="the build has optimisation")
    chosen, rest = options.parse_known_args()
    Hardening.program, Hardening.fortified = chosen.exporter, chosen.fortified
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
