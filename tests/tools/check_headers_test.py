"""tools/check_headers finds headers that do not stand alone, and remembers those that do."""

import unittest

from tree import TreeTest


class CheckHeaders(TreeTest):
    def check(self, files):
        self.write({f"tandem/base/{name}": text for name, text in files.items()})
        return self.run_tool("check_headers")

    def test_headers_that_stand_alone_pass_and_are_remembered(self):
        files = {"a.hpp": "#pragma once\n#include <string>\nstruct A { std::string text; };\n",
                 "b.hpp": "#pragma once\n#include <tandem/base/a.hpp>\nstruct B : A {};\n"}
        code, first = self.check(files)
        self.assertEqual(code, 0, first)
        self.assertNotIn(", 0 compiled anew", first)
        self.assertIn(", 0 compiled anew", self.check(files)[1])

    def test_a_change_is_seen_in_what_includes_it(self):
        self.check({"a.hpp": "#pragma once\nstruct A {};\n", "b.hpp": "#include <tandem/base/a.hpp>\n#pragma once\nstruct B : A {};\n"})
        code, output = self.check({"a.hpp": "#pragma once\nstruct Z {};\n"})
        self.assertEqual(code, 1)
        self.assertIn("tandem/base/b.hpp: does not compile alone", output)
        self.assertNotIn("tandem/base/a.hpp: does not", output)

    def test_a_header_that_leans_on_what_was_included_before_is_found(self):
        code, output = self.check({"a.hpp": "#pragma once\ninline std::string text() { return {}; }\n"})
        self.assertEqual(code, 1)
        self.assertIn("tandem/base/a.hpp: does not compile alone", output)

    def test_what_is_precompiled_stands_only_before_headers_that_reach_it(self):
        reaches = "#pragma once\n#include <tandem/base/time.hpp>\n"
        files = {f"{name}.hpp": reaches + f"inline std::string {name}() {{ return {{}}; }}\n" for name in "abcde"}
        files["time.hpp"] = "#pragma once\n#include <string>\n"
        self.assertEqual(self.check(files)[0], 0)
        files["leans.hpp"] = "#pragma once\ninline std::string text() { return {}; }\n"
        files["props.hpp"] = reaches + "#include <tandem/base/leans.hpp>\n"
        code, output = self.check(files)
        self.assertEqual(code, 1)
        self.assertIn("tandem/base/leans.hpp: does not compile alone", output)

    def test_a_header_without_a_guard_is_found(self):
        self.assertEqual(self.check({"a.hpp": "struct A {};\n"})[0], 1)

    def test_a_warning_is_an_error(self):
        self.assertEqual(self.check({"a.hpp": "#pragma once\ninline int f(long x) { return x; }\n"})[0], 1)

    def test_a_platform_header_is_found(self):
        code, output = self.check({"a.hpp": "#pragma once\n#include <sys/socket.h>\n"})
        self.assertEqual(code, 1)
        self.assertIn("platform: <sys/socket.h>", output)

    def test_internal_headers_are_nobody_elses_business(self):
        code, output = self.check({"a_internal.hpp": "#pragma once\n#include <sys/socket.h>\nnonsense\n"})
        self.assertEqual(code, 0, output)


if __name__ == "__main__":
    unittest.main()
