"""tools/check_layers finds what is planted, and nothing in a tree that is in order."""

import unittest

from tree import TreeTest

IN_ORDER = {
    "tandem/tandem.hpp": "#include <tandem/base/time.hpp>\n#include <tandem/loop/loop.hpp>\n",
    "tandem/base/time.hpp": "#pragma once\n#include <chrono>\n",
    "tandem/base/inside_internal.hpp": "#pragma once\n#include <sys/socket.h>\n",
    "tandem/base/time.cpp": "#include <tandem/base/time.hpp>\n#include <tandem/base/inside_internal.hpp>\n",
    "tandem/loop/loop.hpp": "#include <tandem/base/time.hpp>\n#include <vector>\n",
    "tandem/loop/loop_test.cpp": "#include <tandem/testing/clock.hpp>\n#include <gtest/gtest.h>\n",
    "tandem/testing/clock.hpp": "#include <tandem/loop/loop.hpp>\n",
    "cli/main.cpp": '#include "names.hpp"\n#include <tandem/tandem.hpp>\n#include <unistd.h>\n',
    "cli/names.hpp": "#pragma once\n",
    "examples/one.cpp": "#include <tandem/tandem.hpp>\n",
}


class CheckLayers(TreeTest):
    def expect(self, planted, rule, place):
        self.write(IN_ORDER)
        self.write(planted)
        code, output = self.run_tool("check_layers")
        self.assertEqual(code, 1, output)
        self.assertIn(f"{place}: {rule}: ", output)
        self.assertIn(", 1 wrong", output)

    def test_a_tree_in_order_passes(self):
        self.write(IN_ORDER)
        code, output = self.run_tool("check_layers")
        self.assertEqual(code, 0, output)
        self.assertIn("10 files, 4 rooms, all in order", output)

    def test_a_room_that_looks_up_is_found(self):
        self.expect({"tandem/base/time.cpp": "\n#include <tandem/loop/loop.hpp>\n"}, "up", "tandem/base/time.cpp:2")

    def test_looking_up_by_a_relative_path_is_found(self):
        self.expect({"tandem/base/time.cpp": '#include "../loop/loop.hpp"\n'}, "up", "tandem/base/time.cpp:1")

    def test_a_test_looks_up_to_testing_only(self):
        self.write({"tandem/http/client.hpp": "#pragma once\n"})
        self.expect({"tandem/loop/loop_test.cpp": "#include <tandem/http/client.hpp>\n"}, "up",
                    "tandem/loop/loop_test.cpp:1")

    def test_a_source_that_is_no_test_does_not_see_testing(self):
        self.expect({"tandem/loop/loop.cpp": "  #  include <tandem/testing/clock.hpp>\n"}, "up",
                    "tandem/loop/loop.cpp:1")

    def test_the_command_does_not_see_testing(self):
        self.expect({"cli/main.cpp": "#include <tandem/testing/clock.hpp>\n"}, "up", "cli/main.cpp:1")

    def test_the_library_does_not_include_the_command(self):
        self.expect({"tandem/base/time.cpp": "#include <cli/names.hpp>\n"}, "up", "tandem/base/time.cpp:1")

    def test_the_library_does_not_include_the_umbrella(self):
        self.expect({"tandem/loop/loop.cpp": "#include <tandem/tandem.hpp>\n"}, "umbrella", "tandem/loop/loop.cpp:1")

    def test_an_internal_header_stays_in_its_room(self):
        self.expect({"tandem/loop/loop.cpp": "#include <tandem/base/inside_internal.hpp>\n"}, "internal",
                    "tandem/loop/loop.cpp:1")

    def test_the_command_sees_no_internal_header(self):
        self.expect({"cli/main.cpp": "#include <tandem/base/inside_internal.hpp>\n"}, "internal", "cli/main.cpp:1")

    def test_a_public_header_includes_no_internal_one(self):
        self.expect({"tandem/base/time.hpp": "#include <tandem/base/inside_internal.hpp>\n"}, "internal",
                    "tandem/base/time.hpp:1")

    def test_a_platform_header_in_a_public_header_is_found(self):
        self.expect({"tandem/loop/loop.hpp": "#include <sys/epoll.h>\n"}, "platform", "tandem/loop/loop.hpp:1")

    def test_a_third_party_header_in_a_public_header_is_found(self):
        self.expect({"tandem/loop/loop.hpp": "#include <fmt/format.h>\n"}, "platform", "tandem/loop/loop.hpp:1")

    def test_a_library_is_seen_by_the_room_that_wraps_it(self):
        self.expect({"tandem/loop/loop.cpp": "#include <liburing.h>\n"}, "wrapper", "tandem/loop/loop.cpp:1")

    def test_a_folder_that_is_not_on_the_ladder_is_found(self):
        self.expect({"tandem/extras/more.hpp": "#pragma once\n"}, "room", "tandem/extras")

    def test_a_folder_called_detail_is_found(self):
        self.expect({"tandem/loop/detail/more.hpp": "#pragma once\n"}, "room", "tandem/loop/detail")

    def test_a_header_that_does_not_exist_is_found(self):
        self.expect({"examples/one.cpp": "#include <tandem/loop/gone.hpp>\n"}, "missing", "examples/one.cpp:1")

    def test_a_clock_that_is_not_the_loops_is_found(self):
        self.expect({"tandem/http/date.cpp": "auto now = std::chrono::system_clock::now();\n"}, "chance",
                    "tandem/http/date.cpp:1")

    def test_random_numbers_that_are_not_the_loops_are_found(self):
        self.expect({"tandem/loop/pick.cpp": "// one of them\nint pick() { return std::rand() % 6; }\n"}, "chance",
                    "tandem/loop/pick.cpp:2")

    def test_a_walk_in_the_order_of_addresses_is_found_and_a_look_up_is_none(self):
        table = "std::unordered_map<const Task*, int> ages_;\nint age(const Task* of) { return ages_[of]; }\n"
        self.expect({"tandem/loop/ages.cpp": table + "void all() { for (auto& each : ages_) use(each); }\n",
                     "tandem/loop/other.cpp": table}, "order", "tandem/loop/ages.cpp:3")

    def test_a_long_file_is_found(self):
        self.expect({"tests/long.cpp": "\n" * 601}, "long", "tests/long.cpp")

    def test_a_long_file_with_a_reason_passes(self):
        self.write(IN_ORDER)
        self.write({"tests/long.cpp": "\n" * 601,
                    "ARCHITECTURE.md": "`tests/long.cpp` is a table of vectors as published.\n"})
        self.assertEqual(self.run_tool("check_layers")[0], 0)

    def test_an_include_in_a_comment_or_a_raw_string_is_none(self):
        self.write(IN_ORDER)
        self.write({"tandem/base/time.cpp": "/*\n#include <tandem/loop/loop.hpp>\n*/\n"
                                            'const char* text = R"(\n#include <tandem/loop/loop.hpp>\n)";\n'
                                            "// #include <tandem/loop/loop.hpp>\n"})
        code, output = self.run_tool("check_layers")
        self.assertEqual(code, 0, output)


if __name__ == "__main__":
    unittest.main()
