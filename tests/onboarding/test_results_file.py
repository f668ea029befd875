"""The results file: what it records, and what it survives."""

import csv
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sentry_members import TeamRoleAssignment
from sentry_members_onboarding import (
    Addition,
    BadRow,
    Invite,
    Result,
    ResultsFile,
    ResultsFileError,
    Row,
    RowOutcome,
)

URL = "https://sentry.example/"
ADA = Invite("ada@example.com", "member", (TeamRoleAssignment("backend", "admin"),), 2)
BOB = Addition("8", "backend", 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.results.csv"


def lines(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def record(path: Path, row: Row, outcome: RowOutcome) -> None:
    """Record a row as sent, with this outcome, as a process of its own would."""
    with ResultsFile(path, URL, "acme") as file:
        file.sending(row)
        file.record(Result(row, outcome))


def outcome(path: Path, row: Row, organization: str = "acme", url: str = URL) -> RowOutcome | None:
    with ResultsFile(path, url, organization) as file:
        return file.outcome(row)


def test_appends_a_line_before_and_after_each_request(path: Path) -> None:
    with ResultsFile(path, URL, "acme") as file:
        file.sending(ADA)
        assert ["2", "ada@example.com", "", "backend:admin", "sending"] == lines(path)[1][:5]
        assert "organization acme at https://sentry.example/, org_role member" == lines(path)[1][5]
        file.record(Result(ADA, RowOutcome.INVITED, "13"))
        file.sending(BOB)
        file.record(Result(BOB, RowOutcome.REFUSED, detail='403: a "quoted", long reason'))
        file.record(Result(BadRow(4, "x", "", "b", "why"), RowOutcome.NOT_ATTEMPTED, detail="why"))
        assert [
            ["2", "ada@example.com", "13", "backend:admin", "invited", ""],
            ["3", "", "8", "backend", "sending", "organization acme at https://sentry.example/"],
            ["3", "", "8", "backend", "refused", '403: a "quoted", long reason'],
            ["4", "x", "", "b", "not attempted", "why"],
        ] == lines(path)[2:]
    assert ["line", "email", "member_id", "team", "outcome", "detail"] == lines(path)[0]


def test_writes_a_line_break_as_a_blank(path: Path) -> None:
    record(path, Invite("a\r\nb"), RowOutcome.REFUSED)
    assert ["", "a b", "", "", "refused", ""] == lines(path)[-1]


@pytest.mark.parametrize("row", [ADA, BOB])
@pytest.mark.parametrize("recorded", list(RowOutcome))
def test_loads_each_outcome(recorded: RowOutcome, row: Row, path: Path) -> None:
    record(path, row, recorded)
    assert recorded is outcome(path, row)


def test_the_last_line_of_a_row_counts(path: Path) -> None:
    record(path, ADA, RowOutcome.OUTCOME_UNKNOWN)
    record(path, BOB, RowOutcome.ADDED)
    record(path, ADA, RowOutcome.INVITED)
    assert RowOutcome.INVITED is outcome(path, ADA)
    assert RowOutcome.ADDED is outcome(path, BOB)


def test_a_row_without_a_line_after_its_request_is_unknown(path: Path) -> None:
    record(path, ADA, RowOutcome.NOT_ATTEMPTED)
    with ResultsFile(path, URL, "acme") as file:
        assert RowOutcome.NOT_ATTEMPTED is file.outcome(ADA)
        file.sending(ADA)
        assert RowOutcome.OUTCOME_UNKNOWN is file.outcome(ADA)
    assert RowOutcome.OUTCOME_UNKNOWN is outcome(path, ADA)
    with ResultsFile(path, URL, "acme") as file:
        assert file.outcome(BOB) is None


def test_a_bad_row_does_not_change_the_outcome_of_a_good_one(path: Path) -> None:
    bad = BadRow(4, "", BOB.member_id, BOB.team, "member 8 on backend is on line 3 already")
    with ResultsFile(path, URL, "acme") as file:
        file.sending(BOB)
        file.record(Result(bad, RowOutcome.NOT_ATTEMPTED))
        assert RowOutcome.OUTCOME_UNKNOWN is file.outcome(BOB)
    assert RowOutcome.OUTCOME_UNKNOWN is outcome(path, BOB)


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (Invite(ADA.email, ADA.org_role, ADA.team_roles, line=9), True),
        (Invite("ADA@example.com", ADA.org_role, ADA.team_roles), True),
        (Invite(ADA.email, "manager", ADA.team_roles), False),
        (Invite(ADA.email, ADA.org_role, (TeamRoleAssignment("backend", None),)), False),
        (Invite("bob@example.com", ADA.org_role, ADA.team_roles), False),
    ],
    ids=["moved", "letter case", "role", "team role", "person"],
)
def test_matches_rows_by_content(other: Row, is_same: bool, path: Path) -> None:
    record(path, ADA, RowOutcome.REFUSED)
    assert (RowOutcome.REFUSED if is_same else None) is outcome(path, other)
    assert outcome(path, ADA, "other") is None
    assert outcome(path, ADA, url="https://staging.example/") is None


def test_cuts_off_an_incomplete_line(path: Path) -> None:
    record(path, ADA, RowOutcome.INVITED)
    complete = path.read_bytes()
    for end in range(1, len(complete)):
        path.write_bytes(complete[:end])
        assert outcome(path, ADA) in (None, RowOutcome.OUTCOME_UNKNOWN)
        assert complete[:end] == path.read_bytes()
        record(path, BOB, RowOutcome.ADDED)
        assert RowOutcome.ADDED is outcome(path, BOB)
        assert all(len(line) == 6 for line in lines(path))
        assert complete.startswith(path.read_bytes().partition(b"3,")[0])
    path.write_bytes(complete)
    assert RowOutcome.INVITED is outcome(path, ADA)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Let no file grow beyond this size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_writes_nothing_after_an_incomplete_line(path: Path) -> None:
    with ResultsFile(path, URL, "acme") as file:
        file.sending(ADA)
        size = path.stat().st_size
        with disk_of(size + 5), pytest.raises(ResultsFileError, match="make room"):
            file.record(Result(ADA, RowOutcome.INVITED))
        assert size + 5 == path.stat().st_size
        with pytest.raises(ResultsFileError, match="make room"):
            file.sending(BOB)
    assert RowOutcome.OUTCOME_UNKNOWN is outcome(path, ADA)
    record(path, ADA, RowOutcome.INVITED)
    assert RowOutcome.INVITED is outcome(path, ADA)


@pytest.mark.parametrize(("delimiter", "end"), [(";", "\r\n"), ("\t", "\n")])
def test_goes_on_in_a_file_that_a_spreadsheet_saved(delimiter: str, end: str, path: Path) -> None:
    record(path, ADA, RowOutcome.INVITED)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(rows)
    record(path, BOB, RowOutcome.ADDED)
    assert RowOutcome.INVITED is outcome(path, ADA)
    assert RowOutcome.ADDED is outcome(path, BOB)
    assert {5} == {line.count(delimiter) for line in path.read_text().splitlines()}


def test_forgets_refused_rows_until_they_are_sent_again(path: Path) -> None:
    record(path, ADA, RowOutcome.REFUSED)
    record(path, BOB, RowOutcome.ADDED)
    with ResultsFile(path, URL, "acme") as file:
        file.forget_refused()
        assert file.outcome(ADA) is None
        assert RowOutcome.ADDED is file.outcome(BOB)
        before = path.read_bytes()
        file.record(Result(ADA, RowOutcome.NOT_ATTEMPTED, detail="interrupted"))
        assert before == path.read_bytes()
    assert RowOutcome.REFUSED is outcome(path, ADA)
    with ResultsFile(path, URL, "acme") as file:
        file.forget_refused()
        file.sending(ADA)
        file.record(Result(ADA, RowOutcome.INVITED))
    assert RowOutcome.INVITED is outcome(path, ADA)


def test_rejects_a_second_process(path: Path) -> None:
    with (
        ResultsFile(path, URL, "acme"),
        pytest.raises(ResultsFileError, match=f"{path} is in use: wait"),
    ):
        ResultsFile(path, URL, "acme")
    ResultsFile(path, URL, "acme").close()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("email,teams\nada@example.com,\n", 1),
        ("a line of notes", 1),
        ("line,email,member_id,team,outcome,detail\n2,ada@example.com\n", 2),
        ("line,email,member_id,team,outcome,detail\n2,a@x.de,,,sending,\n2,a@x.de,,,done,\n", 3),
        ('line,email,member_id,team,outcome,detail\n2,"a\n', 2),
        (b"line,email,member_id,team,outcome,detail\n2,\xff,,,invited,\n", 2),
    ],
)
def test_leaves_another_file_unchanged(content: str | bytes, line: int, path: Path) -> None:
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(content)
    with pytest.raises(ResultsFileError, match=f"line {line} of {path} is not a line of a results"):
        ResultsFile(path, URL, "acme")
    assert content == path.read_bytes()


def test_rejects_a_device() -> None:
    with pytest.raises(ResultsFileError, match="/dev/full is not a regular file: name another"):
        ResultsFile("/dev/full", URL, "acme")


def test_rejects_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ResultsFileError, match=r"can't be written \(Is a directory\)"):
        ResultsFile(tmp_path, URL, "acme")
    with pytest.raises(ResultsFileError, match=r"can't be written \(No such file"):
        ResultsFile(tmp_path / "none" / "file.csv", URL, "acme")
