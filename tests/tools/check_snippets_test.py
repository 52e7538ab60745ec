"""tools/check_snippets finds snippets that are no part of an example."""

import unittest

from tree import TreeTest

SOURCE = "int a() {\n    if (true) {\n        one();\n\n        two();\n        three();\n    }\n}\n"


class CheckSnippets(TreeTest):
    def check(self, page):
        self.write({"docs/guide.md": page, "examples/a.cpp": SOURCE})
        return self.run_tool("check_snippets")

    def expect(self, complaint, page):
        code, output = self.check(page)
        self.assertEqual(code, 1, output)
        self.assertIn(complaint, output)
        self.assertIn("1 wrong", output)

    def test_lines_of_an_example_pass_whatever_their_indentation(self):
        code, output = self.check("text\n<!-- examples/a.cpp -->\n```cpp\none();\n\ntwo();\n```\n")
        self.assertEqual(code, 0, output)
        self.assertIn("1 snippets, all in order", output)

    def test_lines_may_be_left_out_where_it_says_so(self):
        code, output = self.check("<!-- examples/a.cpp -->\n```cpp\nint a() {\n    ...\n        three();\n```\n")
        self.assertEqual(code, 0, output)

    def test_lines_left_out_without_a_word_are_found(self):
        self.expect("guide.md:2: not in examples/a.cpp, or not in this order: one();",
                    "<!-- examples/a.cpp -->\n```cpp\none();\ntwo();\n```\n")

    def test_another_order_is_found(self):
        self.expect("not in this order: one();", "<!-- examples/a.cpp -->\n```cpp\nthree();\n...\none();\n```\n")

    def test_another_text_is_found(self):
        self.expect("not in examples/a.cpp", "<!-- examples/a.cpp -->\n```cpp\nfour();\n```\n")

    def test_indentation_inside_counts(self):
        self.expect("not in examples/a.cpp", "<!-- examples/a.cpp -->\n```cpp\ntwo();\n    three();\n```\n")

    def test_a_snippet_of_no_example_is_found(self):
        self.expect("guide.md:1: a snippet of no example", "```cpp\none();\n```\n")

    def test_an_example_that_is_not_there_is_found(self):
        self.expect("there is no examples/b.cpp", "<!-- examples/b.cpp -->\n```cpp\none();\n```\n")

    def test_what_must_not_be_written_may_be_shown(self):
        code, output = self.check("<!-- wrong -->\n```cpp\nnowhere();\n```\n```sh\nls\n```\n")
        self.assertEqual(code, 0, output)


if __name__ == "__main__":
    unittest.main()
