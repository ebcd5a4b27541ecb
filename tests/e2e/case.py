"""The base of every test case: one stack for all of them, with every domain probed."""
# SPDX-License-Identifier: Apache-2.0
import unittest


class StackCase(unittest.TestCase):
    stack = None  # set by run.py
    maxDiff = None
