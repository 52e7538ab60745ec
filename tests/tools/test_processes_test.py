"""tools/test_processes: nothing that a shared process says, or fails to say, is lost."""

import pathlib
import stat
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import test_processes  # noqa: E402

PROGRAM = """#!/usr/bin/env python3
import os, signal, sys, time
names = sys.argv[1].split("=")[1].split(":")
code = 0
for name in names:
    print(f"[ RUN      ] {name}", flush=True)
    if "crash" in name and ("crash_beside" not in name or len(names) > 1):
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in name:
        time.sleep(60)
    word = "FAILED" if "fail" in name and ("beside" not in name or len(names) > 1) else "SKIPPED" if "skip" in name else "OK"
    code = 1 if word == "FAILED" else code
    value = ", where GetParam() = 4-byte object <01-00 00-00>" if word == "FAILED" else ""
    print(f"[{word:>9} ] {name}{value} (3 ms)" if word != "OK" else f"[       OK ] {name} (3 ms)", flush=True)
sys.exit(66 if any("race" in name for name in names) else code)
"""


class SharedProcesses(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        program = pathlib.Path(self.folder.name) / "program_tests"
        program.write_text(PROGRAM)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.program = str(program)
        self.said = []

    def run_tests(self, *ids):
        tests = [test_processes.Test("program_tests." + each, each, self.program, self.folder.name, 1) for each in ids]
        log = types.SimpleNamespace(write=lambda text: None)
        found = test_processes.run_all(ROOT, "clang", tests, 2, log, self.said.append)
        return {name.split(".")[-1]: kind for name, kind in found.items()}

    def test_results_are_those_of_each_test(self):
        self.assertEqual(self.run_tests("A.one/uring", "A.skip/0", "A.fail/1"),
                         {"one/uring": "passed", "skip/0": "skipped", "fail/1": "failed"})
        self.assertEqual(len(self.said), 1)
        self.assertIn("failed: program_tests.A.fail/1 (exit code 1)", self.said[0])

    def test_a_crash_costs_one_test(self):
        self.assertEqual(self.run_tests("A.one", "A.crash", "A.two"), {"one": "passed", "crash": "failed", "two": "passed"})
        self.assertEqual(len(self.said), 1)

    def test_a_hang_costs_one_test(self):
        self.assertEqual(self.run_tests("A.one", "A.hang"), {"one": "passed", "hang": "failed"})
        self.assertIn("took too long", self.said[0])

    def test_a_sanitizers_exit_code_counts_against_the_test_that_it_is_about(self):
        self.assertEqual(self.run_tests("A.one", "A.race"), {"one": "passed", "race": "failed"})

    def test_what_fails_only_beside_others_is_named(self):
        self.assertEqual(self.run_tests("A.one", "A.fail_beside"), {"one": "passed", "fail_beside": "passed"})
        self.assertIn("passed alone: program_tests.A.fail_beside", self.said[0])
        self.assertEqual(self.run_tests("A.one", "A.crash_beside"), {"one": "passed", "crash_beside": "passed"})
        self.assertIn("the last of them A.crash_beside", self.said[1])

    def test_every_test_is_in_exactly_one_process(self):
        tests = [test_processes.Test(f"p.{i}", f"A.{i}", f"p{i % 3}", "", 1) for i in range(100)]
        shares = test_processes.share(tests)
        self.assertEqual(sorted(test for each in shares for test in each), sorted(tests))
        self.assertTrue(all(len({test.program for test in each}) == 1 for each in shares))


if __name__ == "__main__":
    unittest.main()
