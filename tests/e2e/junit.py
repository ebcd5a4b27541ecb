"""The results of a runner as a file."""
# SPDX-License-Identifier: Apache-2.0
import xml.sax.saxutils


def write_junit(path, name, total, failed):
    """A JUnit file with the totals of a suite and the names of what failed."""
    cases = "".join(f"<testcase name={xml.sax.saxutils.quoteattr(each)}><failure/></testcase>\n" for each in sorted(failed))
    path.write_text(f'<testsuite name="{name}" tests="{total}" failures="{len(failed)}">\n{cases}</testsuite>\n')
