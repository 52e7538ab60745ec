"""A small project tree for the tests of tools/: made of a dict of path and text, gone when the test ends."""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LADDER = "set(TANDEM_LADDER\n    base  # values\n    loop\n    http\n    testing\n)\n"


class TreeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write({"tandem/CMakeLists.txt": LADDER})

    def write(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def run_tool(self, tool, *arguments, **environment):
        """Exit code and output of tools/<tool> on this tree."""
        done = subprocess.run([ROOT / "tools" / tool, "--root", self.root, *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **environment})
        return done.returncode, done.stdout
