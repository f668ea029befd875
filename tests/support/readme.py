"""The README files of the tree, and what they show."""

import re
from pathlib import Path

from tests.support.repo_copy import ROOT

READMES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("overlays/*/README.md")),
    *sorted(ROOT.glob("tests/*/README.md")),
]


class Readme:
    """A README file.

    Attributes:
        text: All of it.
        python: Its Python blocks, but for those that are tests.
        tests: Its Python blocks that are tests.
        shell: Its shell blocks.
    """

    def __init__(self, path: Path) -> None:
        self.text = path.read_text("utf-8")
        python = self.blocks("python")
        self.tests = [code for code in python if "def test_" in code]
        self.python = [code for code in python if code not in self.tests]
        self.shell = self.blocks("sh")

    def blocks(self, language: str) -> list[str]:
        """Return the fenced blocks of a language; `""` for those that name none."""
        fences = re.findall(r"^```(\w*)\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)
        return [code for named, code in fences if named == language]

    def commands(self) -> list[str]:
        """Return the lines of the shell blocks, those that go on joined, without comments."""
        lines = "".join(self.shell).replace("\\\n", " ").splitlines()
        without_comments = (re.sub(r"(^| +)#.*", "", line).strip() for line in lines)
        return [line for line in without_comments if line]

    def table(self, name: str) -> dict[str, str]:
        """Return the second column of a table by its first, which has this name."""
        [rows] = re.findall(rf"^\| {name} +\|.*\n\|[ |-]+\n((?:\|.*\n)+)", self.text, re.MULTILINE)
        return dict(re.findall(r"^\| (.+?) +\| (.+?) +\|.*$", rows, re.MULTILINE))
