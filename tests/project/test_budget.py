"""The overlays stay thin: their lines of code are limited by numbers in pyproject.toml.

Blank lines, comments and docstrings don't count.
"""

import ast
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sentry_members.routes import routes

from tests.support.repo_copy import ROOT

TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
OF_AN_OPERATION: dict[str, int] = TOOLS["sentry-members"]["code-lines-of-an-operation"]
BUDGET: dict[str, int] = {
    package: number + OF_AN_OPERATION.get(package, 0) * len(routes())
    for package, number in TOOLS["sentry-members"]["code-lines"].items()
}
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
SLACK = 0.05  # the fraction by which a package may be smaller than its number


def code_lines(file: Path) -> int:
    """Return the number of lines of code in a module."""
    lines: set[int] = set()
    with file.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type not in NO_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - set(_docstring_lines(ast.parse(file.read_bytes(), file))))


def _docstring_lines(module: ast.Module) -> Iterator[int]:
    """Yield the lines of all docstrings, including those of attributes."""
    for node in ast.walk(module):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def complaint(package: str, counted: int, number: int) -> str:
    """Return what is wrong with a count; empty if it fits its number."""
    if counted > number:
        return (
            f"{package} has {counted} lines of code, pyproject.toml allows {number}: remove some, "
            "or raise its number in its own commit, which says what users get for it"
        )
    if counted < number * (1 - SLACK):
        return (
            f"{package} has only {counted} lines of code, pyproject.toml allows {number}: lower its "
            f"number by {number - counted}, so that it stays this thin"
        )
    return ""


def test_every_overlay_in_the_wheel_has_a_number() -> None:
    overlays = {path.rpartition("/")[2] for path in IN_THE_WHEEL if path.startswith("overlays/")}
    assert overlays == BUDGET.keys()


@pytest.mark.parametrize(("package", "number"), BUDGET.items(), ids=BUDGET)
def test_overlay_fits_its_number(package: str, number: int) -> None:
    counted = sum(map(code_lines, (ROOT / "overlays" / package).rglob("*.py")))
    assert not (wrong := complaint(package, counted, number)), wrong


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (1001, "demo has 1001 lines of code, pyproject.toml allows 1000: remove some"),
        (1000, ""),
        (950, ""),
        (
            949,
            "demo has only 949 lines of code, pyproject.toml allows 1000: lower its number by 51",
        ),
    ],
)
def test_rejects_a_count_over_or_far_below_the_number(counted: int, expected: str) -> None:
    wrong = complaint("demo", counted, 1000)
    assert wrong.startswith(expected)
    assert bool(wrong) == bool(expected)


def test_counts_only_code(tmp_path: Path) -> None:
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
    os,  # counts, like the brackets
    # A comment among arguments.

)
'''
    )
    assert 1 + 3 + 3 + 3 == code_lines(module)
