"""Reads the README files of the repository: their code blocks, commands and tables."""

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
        python: Its Python blocks that are not tests.
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
        """Return the fenced blocks of a language; `""` stands for blocks that name none."""
        fences = re.findall(r"^```(\w*)\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)
        return [code for named, code in fences if named == language]

    def commands(self) -> list[str]:
        """Return the commands of the shell blocks, each on one line and without its comment."""
        lines = "".join(self.shell).replace("\\\n", " ").splitlines()
        without_comments = (re.sub(r"(^| +)#.*", "", line).strip() for line in lines)
        return [line for line in without_comments if line]

    def table(self, name: str) -> dict[str, str]:
        """Return the table whose first column has this name: its second column by its first."""
        [rows] = re.findall(rf"^\| {name} +\|.*\n\|[ |-]+\n((?:\|.*\n)+)", self.text, re.MULTILINE)
        return dict(re.findall(r"^\| (.+?) +\| (.+?) +\|.*$", rows, re.MULTILINE))
