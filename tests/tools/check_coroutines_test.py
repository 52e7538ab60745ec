"""tools/check_coroutines finds the traps that are planted, and those of the zoo, of which two compilers have said what they
are; and nothing in code that only looks like them."""

import pathlib
import re
import subprocess
import unittest

from tree import ROOT, TreeTest

PLANTED = pathlib.Path(__file__).resolve().parent / "planted"
ZOO = ROOT / "tests/zoo"
TRAPS = {"Z4", "Z5", "Z6", "Z7", "Z8", "Z9"}
FOUND = re.compile(r"^(\S+):(\d+): (Z\d+|unread): ")
HAVE_TO_BE_FOUND = 0.9  # 27 of 30
MAY_BE_WRONG = 2
ZOO_PROGRAMS = ["z51_conditions", "z52_closures", "z53_aggregates", "z54_conditional_operator", "z55_new_and_braces"]


def findings(*arguments):
    """{(file name, line, rule)} and the whole output."""
    done = subprocess.run([ROOT / "tools/check_coroutines", *arguments], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    lines = [FOUND.match(line) for line in done.stdout.splitlines()]
    return {(pathlib.Path(each[1]).name, int(each[2]), each[3]) for each in lines if each}, done.stdout


def planted_places():
    path = PLANTED / "traps.cpp"
    return {(path.name, number, found[1]) for number, line in enumerate(path.read_text().splitlines(), 1)
            if (found := re.search(r"//! (Z\d+)", line))}


def spans(text):
    """Name -> first and last line of every function of a zoo program that stands at the margin, or in a class."""
    found, name, first = {}, None, 0
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"(    )?Task<\w+> (\w+)\(", line)
        if head and not line.rstrip().endswith(";"):
            name, first = (head[2], head[1]), number
        if name and (line.startswith((name[1] or "") + "}") or line.rstrip().endswith("}") and number == first):
            found.setdefault(name[0], (first, number))
            name = None
    return found


def zoo_forms(program):
    """(function, whether g++ 12 gets it wrong) of what the program's main() reports."""
    text = (ZOO / f"{program}.cpp").read_text()
    functions = spans(text)
    for report in re.split(r"report\.(?=natural|right)", text)[1:]:
        wrong = report.startswith("natural") and ("broken_on_gcc12" in report or "on_the_heap" in report)
        right = report.startswith("right") or "Expect::right" in report
        called = [name for name in functions if re.search(rf"\b{name}\b(?=\(|\);)", report.split(");\n")[0])]
        if len(called) == 1 and wrong != right and "zeroed" not in report:
            yield called[0], functions[called[0]], wrong


class SemZ74(TreeTest):
    def test_at_least_nine_of_ten_planted_places_are_found_and_nothing_beside_them(self):
        found, output = findings(PLANTED / "traps.cpp")
        planted = planted_places()
        traps = {each for each in planted if each[2] in TRAPS}
        self.assertGreaterEqual(len(traps), 30)
        self.assertEqual({rule for _, _, rule in traps}, TRAPS)
        self.assertGreaterEqual(len(traps & found), HAVE_TO_BE_FOUND * len(traps), f"{sorted(traps - found)}\n{output}")
        self.assertEqual(found, planted, "all of them up to now")

    def test_near_misses_are_none(self):
        found, output = findings(PLANTED / "near_misses.cpp")
        self.assertFalse(found, output)
        self.assertIn("all in order", output)

    def test_it_agrees_with_what_g_plus_plus_does_in_the_zoo(self):
        seen = 0
        everywhere, output = findings(*[ZOO / f"{program}.cpp" for program in ZOO_PROGRAMS])
        for program in ZOO_PROGRAMS:
            found = {each for each in everywhere if each[0] == f"{program}.cpp"}
            for name, (first, last), wrong in zoo_forms(program):
                told = {rule for _, line, rule in found if first <= line <= last and rule in TRAPS}
                self.assertEqual(bool(told), wrong, f"{program}, {name}, lines {first} to {last}:\n{output}")
                seen += wrong
        self.assertGreaterEqual(seen, 40)

    def test_code_that_it_cannot_read_is_told(self):
        self.write({"tandem/base/odd.cpp": "SOME_MACRO(co_await f())\n"})
        code, output = self.run_tool("check_coroutines")
        self.assertEqual(code, 1, output)
        self.assertIn("tandem/base/odd.cpp:1: unread: ", output)


class SemZ25(TreeTest):
    def expect(self, text, name, place):
        self.write({name: text})
        code, output = self.run_tool("check_coroutines")
        self.assertEqual(code, 1, output)
        self.assertIn(place, output)
        self.assertIn(", 1 wrong", output)

    LOST = "Task<int> f() {\n    if (co_await g()) co_return 1;\n    co_return 2;\n}\n"

    def test_the_project_uses_the_safe_forms_only(self):
        found, output = findings()
        self.assertLessEqual(len(found), MAY_BE_WRONG, output)
        self.assertFalse(found, output)

    def test_examples_tests_and_the_library_are_read(self):
        for name in ["examples/one.cpp", "tests/end_to_end/one_test.cpp", "tandem/loop/loop.hpp", "cli/main.cpp",
                     "bench/one.cpp"]:
            with self.subTest(name):
                self.expect(self.LOST, name, f"{name}:2: Z4: ")
                (self.root / name).unlink()

    def test_the_zoo_is_left_alone(self):
        self.write({"tests/zoo/z51.cpp": self.LOST})
        self.assertEqual(self.run_tool("check_coroutines")[0], 0)

    def test_a_block_of_the_manual_is_read(self):
        self.expect("# Manual\n\n```cpp\nauto n = f();\nco_await sum(std::vector<int>{1, 2});\n```\n", "docs/page.md",
                    "docs/page.md:5: Z9: ")

    def test_a_block_with_whole_functions_is_read(self):
        self.expect(f"```cpp\n{self.LOST}```\n", "README.md", "README.md:3: Z4: ")

    def test_a_block_that_shows_what_is_wrong_is_left_alone(self):
        self.write({"docs/page.md": f"<!-- wrong -->\n```cpp\n{self.LOST}```\n"})
        self.assertEqual(self.run_tool("check_coroutines")[0], 0)

    def test_what_g_plus_plus_happens_to_get_right_is_told_apart(self):
        self.expect(self.LOST.replace("{\n", "{\n    int n = 1;\n"), "examples/one.cpp", "examples/one.cpp:3: Z31: ")

    def test_an_await_inside_an_assertion_is_told(self):
        self.expect("ASYNC_TEST(A, b) {\n    int n = 1;\n    EXPECT_EQ(co_await f(), n);\n}\n", "tandem/loop/loop_test.cpp",
                    "tandem/loop/loop_test.cpp:3: Z31: ")

    def test_a_finding_says_what_comes_of_it_and_what_to_write(self):
        self.write({"examples/one.cpp": self.LOST})
        output = self.run_tool("check_coroutines")[1]
        self.assertIn("g++ 12 never runs the body", output)
        self.assertIn("write: name it first: `const bool ok = co_await f(); if (ok)`", output)

    def test_a_mark_with_a_reason_silences_one_place(self):
        self.write({"examples/one.cpp": self.LOST.replace("    if", "    // trap Z4: shown here\n    if")})
        self.assertEqual(self.run_tool("check_coroutines")[0], 0)

    def test_a_mark_for_another_rule_silences_nothing(self):
        self.write({"examples/one.cpp": self.LOST.replace("    if", "    // trap Z5: shown here\n    if")})
        code, output = self.run_tool("check_coroutines")
        self.assertEqual(code, 1)
        self.assertIn("examples/one.cpp:3: Z4: ", output)

    def test_a_mark_that_nothing_answers_to_is_wrong(self):
        self.expect("// trap Z5: long gone\nint x = 1;\n", "examples/one.cpp", "examples/one.cpp:1: a mark for Z5")


if __name__ == "__main__":
    unittest.main()
