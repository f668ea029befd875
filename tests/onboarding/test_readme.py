"""The README of onboarding agrees with the package."""

from collections.abc import Iterable
from io import BytesIO

import sentry_members_onboarding as onboarding
from sentry_members_onboarding import RowOutcome, columns, read_people, results_file

from tests.support.readme import Readme
from tests.support.repo_copy import ROOT

FOLDER = ROOT / "overlays/sentry_members_onboarding"
README = Readme(FOLDER / "README.md")


def quoted(names: Iterable[str]) -> list[str]:
    return [f"`{name}`" for name in names]


def test_lists_the_columns_of_both_files() -> None:
    assert sorted(quoted(columns.COLUMNS)) == sorted(README.table("column"))
    assert quoted(results_file.COLUMNS) == list(README.table("cell"))


def test_shows_a_people_file_without_bad_rows() -> None:
    [example] = README.blocks("csv")
    rows = read_people(BytesIO(example.encode()))
    assert ((), 4) == (rows.bad, len(rows))


def test_lists_the_outcomes() -> None:
    expected = {f"`{each}`": "yes" if each.is_final else "no" for each in RowOutcome}
    assert list(expected.items()) == list(README.table("outcome").items())


def test_names_all_that_the_package_exports() -> None:
    assert [] == [name for name in onboarding.__all__ if name not in README.text]


def test_lists_the_modules() -> None:
    modules = {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
    assert sorted(quoted(modules)) == sorted(README.table("file"))
