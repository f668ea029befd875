"""The overlays stay as thin as they are: their lines of code are counted against pyproject.toml.

A line counts if it holds code: not if it is blank, a comment or part of a docstring.
"""

import ast
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repo_copy import ROOT

TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
BUDGET: dict[str, int] = TOOLS["sentry-members"]["code-lines"]
IN_THE_WHEEL: list[str] = TOOLS["hatch"]["build"]["targets"]["wheel"]["packages"]

NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
SLACK = 0.05  # how far below its number a package may be


def code_lines(file: Path) -> int:
    """Count the lines of code of a module."""
    lines: set[int] = set()
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type not in NO_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - set(_docstring_lines(ast.parse(file.read_bytes(), file))))


def _docstring_lines(module: ast.Module) -> Iterator[int]:
    """Yield the lines of all docstrings, with those of attributes."""
    for node in ast.walk(module):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def verdict(package: str, counted: int, number: int) -> str:
    """Say what is wrong with a count; nothing if it is within its number."""
    if counted > number:
        return (
            f"{package} has {counted} lines of code, its number in pyproject.toml is {number}: take "
            "some away, or raise the number in a commit of its own that says what users get for it"
        )
    if counted < number * (1 - SLACK):
        return (
            f"{package} has {counted} lines of code only: lower its number in pyproject.toml from "
            f"{number} to {counted}, so that it stays as thin"
        )
    return ""


def test_every_overlay_in_the_wheel_has_a_number() -> None:
    overlays = {path.rpartition("/")[2] for path in IN_THE_WHEEL if path.startswith("overlays/")}
    assert overlays == BUDGET.keys()


@pytest.mark.parametrize(("package", "number"), BUDGET.items(), ids=BUDGET)
def test_an_overlay_has_no_more_lines_than_its_number(package: str, number: int) -> None:
    counted = sum(map(code_lines, (ROOT / "overlays" / package).rglob("*.py")))
    assert not (wrong := verdict(package, counted, number)), wrong


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (1001, "demo has 1001 lines of code, its number in pyproject.toml is 1000: take some away"),
        (1000, ""),
        (950, ""),
        (
            949,
            "demo has 949 lines of code only: lower its number in pyproject.toml from 1000 to 949",
        ),
    ],
)
def test_the_number_goes_down_with_the_lines(counted: int, expected: str) -> None:
    said = verdict("demo", counted, 1000)
    assert said.startswith(expected)
    assert bool(said) == bool(expected)


def test_counts_code_alone(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '''"""A docstring
of two lines."""

# A comment.
import os  # counts


class Point:
    """A docstring."""

    x: int = 0
    """What x is."""

    def move(self) -> str:
        "Another docstring."
        return """a text

        of three lines"""


print(
    os,  # counts, as the brackets do
    # A comment among arguments.

)
'''
    )
    assert 1 + 3 + 3 + 3 == code_lines(module)
