"""tools/check_rules knows what holds a rule."""

import unittest

from tree import TreeTest


class CheckRules(TreeTest):
    def output(self, files):
        self.write({"docs/rules.md": "| rule | by | |\n| --- | --- | --- |\n", **files})
        code, output = self.run_tool("check_rules")
        self.assertEqual(code, 1)  # a small tree does not hold them all
        return output

    def test_a_suite_holds_its_rule(self):
        output = self.output({"tandem/task/one_test.cpp": "TEST(SemC12, it_is_so) {}\n"})
        self.assertNotIn("C12 has neither", output)
        self.assertIn("C13 has neither", output)

    def test_a_class_of_the_tools_tests_holds_its_rule(self):
        output = self.output({"tests/tools/one_test.py": "class SemZ25(TreeTest):\n    pass\n"})
        self.assertNotIn("Z25 has neither", output)
        self.assertIn("Z24 has neither", output)

    def test_a_rule_that_is_only_spoken_of_is_not_held(self):
        output = self.output({"tests/tools/one_test.py": '"""About SemZ25."""\nclass Other(TreeTest):\n    pass\n'})
        self.assertIn("Z25 has neither", output)

    def test_a_class_after_no_rule_is_told(self):
        output = self.output({"tests/tools/one_test.py": "class SemZ99(TreeTest):\n    pass\n"})
        self.assertIn("SemZ99 is named after no rule", output)


if __name__ == "__main__":
    unittest.main()
