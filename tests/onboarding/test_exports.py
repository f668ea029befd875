"""Files as the tools of human resources and IT export them are taken as they are."""

import sys
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from sentry_members_onboarding import People, PeopleError, read_people

FOLDER = Path(__file__).parent / "exports"
EXPORTS = sorted(FOLDER.iterdir())


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_takes_an_export_without_editing(path: Path) -> None:
    people = read_people(path)
    assert () == people.bad
    assert ["ada@example.com", "mary@example.com"] == [row.email for row in people]
    # A column that goes unused is named, so that nobody is invited without a team by mistake.
    assert {"email", "role", "teams"}.isdisjoint(name.lower() for name in people.ignored)


def workbook(*rows: tuple[object, ...], second_sheet: bool = False) -> bytes:
    """Return an Excel workbook with these rows."""
    book, file = openpyxl.Workbook(), BytesIO()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    if second_sheet:
        book.create_sheet("Notes").append(["email", "x@example.com"])
    book.save(file)
    return file.getvalue()


def read(*rows: tuple[object, ...], second_sheet: bool = False) -> People:
    return read_people(BytesIO(workbook(*rows, second_sheet=second_sheet)))


def test_reads_the_first_sheet_of_a_workbook() -> None:
    people = read(
        ("Name", "Email Address", "Role", "Teams", "Start"),
        ("Ada", "ada@example.com", "Owner", "backend, frontend", None),
        (),
        ("Mary", "mary@example.com"),
        second_sheet=True,
    )
    assert ((), ("Name", "Start")) == (people.bad, people.ignored)
    assert [
        "2: invite ada@example.com as owner onto backend frontend",
        "4: invite mary@example.com",
    ] == [f"{row.line}: {row}" for row in people]


def test_reads_member_ids_that_a_workbook_has_as_numbers() -> None:
    people = read(("member_id", "teams"), (8, "backend"), (9.0, "backend"), ("x", "backend"))
    assert ["8", "9"] == [row.member_id for row in people]
    assert [4] == [bad.line for bad in people.bad]


def test_names_the_extra_that_reads_workbooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(PeopleError, match=r"sentry-members\[xlsx\], from your index, reads"):
        read_people(BytesIO(b"PK\3\4"))
