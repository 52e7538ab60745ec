"""tools/check_docs_ids finds rows that are missing, doubled, or that claim what is not there."""

import re
import unittest

from tree import ROOT, TreeTest

PAGE = "docs/coming_from_asyncio.md"


def settled(text):
    """The project's own page with nothing claimed: every row `not yet` or `its parts`, no test named."""
    lines = []
    for line in text.splitlines():
        cells = line.split(" | ")
        if len(cells) == 6 and cells[5].startswith("holds"):
            line = " | ".join([*cells[:3], "-", cells[4], "not yet: issue 3 |"])
        lines.append(line)
    return "\n".join(lines) + "\n"


class CheckDocsIds(TreeTest):
    def setUp(self):
        super().setUp()
        self.page = settled((ROOT / PAGE).read_text())

    def check(self, *replaced, sources=None):
        text = self.page
        for pattern, new in replaced:
            text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
            self.assertEqual(count, 1, pattern)
        self.write({PAGE: text, **(sources or {})})
        return self.run_tool("check_docs_ids")

    def expect(self, complaint, *replaced, sources=None):
        code, output = self.check(*replaced, sources=sources)
        self.assertEqual(code, 1, output)
        self.assertIn(complaint, output)
        self.assertIn(", 1 wrong", output)

    def test_a_page_with_every_row_and_no_claim_passes(self):
        code, output = self.check()
        self.assertEqual(code, 0, output)
        self.assertIn("357 of 357 rows, 0 hold", output)

    def test_a_row_with_its_test_and_program_holds(self):
        code, output = self.check((r"^\| A2 \|.*$", "| A2 | x | y | `A2` | blocks | holds |"),
                                  (r"^\| R-B4 \|.*$", "| R-B4 | x | y | `RB4` | - | holds |"),
                                  sources={"tandem/base/a_test.cpp": "ASYNC_TEST_REAL_TIME(A2, x) {}\nTEST(RB4, y) {}\n",
                                           "examples/blocks.cpp": ""})
        self.assertEqual(code, 0, output)
        self.assertIn("2 hold", output)

    def test_a_missing_row_is_found(self):
        self.expect("Q3b is missing", (r"^\| Q3b \|.*\n", ""))

    def test_a_row_that_stands_twice_is_found(self):
        self.expect("Q3b: stands in line", (r"^(\| Q3b \|.*\n)", r"\1\1"))

    def test_a_row_that_is_no_row_is_found(self):
        self.expect("Q9: is no row", (r"^(\| Q3b \|.*\n)", r"\1| Q9 | x | y | - | - | not yet: issue 3 |\n"))

    def test_a_row_that_claims_a_test_that_is_not_there_is_found(self):
        self.expect("A2: there is no test suite A2",
                    (r"^\| A2 \|.*$", "| A2 | x | y | `A2` | blocks | holds, program not yet: issue 3 |"))

    def test_a_row_that_holds_by_another_rows_test_is_found(self):
        self.expect("A2: holds, but names no test suite A2",
                    (r"^\| A2 \|.*$", "| A2 | x | y | `A3` | - | holds |"), sources={"cli/a_test.cpp": "TEST(A3, x)"})

    def test_a_row_that_claims_a_program_that_is_not_there_is_found(self):
        self.expect("there is no examples/blocks.cpp", (r"^\| A2 \|.*$", "| A2 | x | y | `A2` | blocks | holds |"),
                    sources={"cli/a_test.cpp": "TEST(A2, x)"})

    def test_a_row_without_a_status_is_found(self):
        self.expect("'soon' is no status", (r"^\| A2 \|.*$", "| A2 | x | y | - | blocks | soon |"))

    def test_only_a_row_with_parts_stands_for_its_parts(self):
        self.expect("A2: has no parts", (r"^\| A2 \|.*$", "| A2 | x | y | - | blocks | its parts |"))


if __name__ == "__main__":
    unittest.main()
