"""The results file: what it records, and what it survives."""

import csv
import errno
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path

import pytest
from sentry_members import TeamRoleAssignment
from sentry_members_onboarding import (
    Addition,
    BadRow,
    Invite,
    OtherSentryError,
    Result,
    ResultsFile,
    ResultsFileError,
    Row,
    RowOutcome,
)
from sentry_members_onboarding.results_lines import COLUMNS
from sentry_members_onboarding.rows import merge

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
        record_in(file, row, outcome)


def record_in(file: ResultsFile, row: Row, outcome: RowOutcome) -> None:
    file.sending(row)
    file.record(Result(row, outcome))


def outcome(path: Path, row: Row, organization: str = "acme", url: str = URL) -> RowOutcome | None:
    with ResultsFile(path, url, organization) as file:
        return file.outcome(row)


def test_appends_a_line_before_and_after_each_request(path: Path) -> None:
    place = ["acme", URL]
    with ResultsFile(path, URL, "acme") as file:
        file.sending(ADA)
        ada = ["ada@example.com", "", "backend:admin", "member"]
        assert ["2", *ada, "sending", "", "acme", URL, "1"] == lines(path)[1]
        file.record(Result(ADA, RowOutcome.INVITED, "13"))
        file.sending(BOB)
        file.record(Result(BOB, RowOutcome.REFUSED, detail='403: a "quoted", long reason'))
        file.record(Result(BadRow(4, "x", "", "b", "why"), RowOutcome.NOT_ATTEMPTED, detail="why"))
        assert [
            ["2", "ada@example.com", "13", "backend:admin", "member", "invited", "", *place, "2"],
            ["3", "", "8", "backend", "", "sending", "", *place, "3"],
            ["3", "", "8", "backend", "", "refused", '403: a "quoted", long reason', *place, "4"],
            ["4", "x", "", "b", "", "not attempted", "why", "", "", "5"],
        ] == lines(path)[2:]
    assert COLUMNS == lines(path)[0]


def test_leaves_one_line_for_each_row(path: Path) -> None:
    for outcome in (RowOutcome.REFUSED, RowOutcome.INVITED):
        record(path, ADA, outcome)
        record(path, BOB, RowOutcome.ADDED)
    assert [["2", "invited"], ["3", "added"]] == [[line[0], line[5]] for line in lines(path)[1:]]


def test_leaves_a_line_for_each_line_of_an_invite(path: Path) -> None:
    row = merge([Invite("ada@example.com", line=2), Invite("ada@example.com", line=4)])
    for outcome in (RowOutcome.REFUSED, RowOutcome.INVITED):
        record(path, row, outcome)
    assert [["2", "invited"], ["4", "invited"]] == [[line[0], line[5]] for line in lines(path)[1:]]


@pytest.mark.parametrize("teams", [["backend", "frontend"], ["frontend"], []])
def test_knows_the_rows_of_a_person_of_a_line_for_several(teams: list[str], path: Path) -> None:
    """Each line of an invite names all its teams."""
    rows = [Invite("ada@example.com", team_roles=(TeamRoleAssignment(t, None),)) for t in teams]
    both = [TeamRoleAssignment(slug, None) for slug in ("backend", "frontend")]
    record(path, Invite("ada@example.com", team_roles=tuple(both)), RowOutcome.INVITED)
    with ResultsFile(path, URL, "acme") as file:
        assert () == file.remaining(merge(rows or [Invite("ada@example.com")]))


@pytest.mark.parametrize("mark", ["", "="])
def test_cuts_a_cell_that_could_not_be_read_again(mark: str, path: Path) -> None:
    text = mark + 140_000 * "x"
    with ResultsFile(path, URL, "acme") as file:
        file.record(Result(BadRow(2, text, "", "", text), RowOutcome.NOT_ATTEMPTED, detail=text))
    record(path, ADA, RowOutcome.INVITED)
    assert RowOutcome.INVITED is outcome(path, ADA)


def test_writes_a_line_break_as_a_blank(path: Path) -> None:
    record(path, Invite("a\r\nb"), RowOutcome.REFUSED)
    assert ["", "a b", "", "", "", "refused"] == lines(path)[-1][:6]


@pytest.mark.parametrize("row", [ADA, BOB])
@pytest.mark.parametrize("recorded", list(RowOutcome))
def test_loads_each_outcome(recorded: RowOutcome, row: Row, path: Path) -> None:
    record(path, row, recorded)
    assert recorded is outcome(path, row)


def test_the_user_can_go_on_after_a_run_by_root(path: Path) -> None:
    record(path, ADA, RowOutcome.INVITED)
    owner = 65534 if os.getuid() == 0 else os.getuid()
    os.chown(path, owner, -1)
    path.chmod(0o640)
    record(path, BOB, RowOutcome.ADDED)
    assert (owner, 0o100640) == (path.stat().st_uid, path.stat().st_mode)
    assert 0o100666 == path.with_name(".people.results.csv.lock").stat().st_mode


def test_names_the_remedy_for_a_file_that_cannot_be_read() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        path = Path(folder) / "people.results.csv"
        record(path, ADA, RowOutcome.INVITED)
        path.chmod(0o200)
        user = os.geteuid()
        os.seteuid(user or 65534)  # Root can read any file.
        try:
            with pytest.raises(ResultsFileError, match=r"can't be read \(Perm.*: make it readable"):
                outcome(path, ADA)
        finally:
            os.seteuid(user)


def test_names_the_remedy_for_a_file_that_is_mounted_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(*_: object) -> None:  # Only root could mount it.
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(
        ResultsFileError, match=r"busy.*: mount its folder instead of the file, and"
    ):
        record(path, ADA, RowOutcome.INVITED)


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


def test_asks_whether_another_address_leads_to_the_same_sentry(path: Path) -> None:
    record(path, ADA, RowOutcome.REFUSED)
    other = "http://127.0.0.1:8080/"
    with pytest.raises(OtherSentryError, match=r"sentry\.example/, and this run is for http://127"):
        ResultsFile(path, other, "acme")
    ResultsFile(path, other, "another").close()
    with ResultsFile(path, other, "acme", same_sentry=True) as file:
        assert RowOutcome.REFUSED is file.outcome(ADA)
        file.record(Result(BOB, RowOutcome.ADDED))
    assert RowOutcome.REFUSED is outcome(path, ADA, url=other)


def test_an_organization_is_the_same_in_all_regions(path: Path) -> None:
    with ResultsFile(path, "https://us.sentry.io/", "acme") as file:
        file.record(Result(ADA, RowOutcome.INVITED))
    assert RowOutcome.INVITED is outcome(path, ADA, url="https://sentry.io/")


def test_cuts_off_an_incomplete_line(path: Path) -> None:
    record(path, ADA, RowOutcome.INVITED)
    complete = path.read_bytes()
    for end in range(1, len(complete) - 1):
        path.write_bytes(complete[:end])
        assert outcome(path, ADA) is None
        assert complete[:end] == path.read_bytes()
        record(path, BOB, RowOutcome.ADDED)
        assert RowOutcome.ADDED is outcome(path, BOB)
        assert [COLUMNS[0], "3"] == [line[0] for line in lines(path)]
    # An editor may leave out the last line break.
    for content in (complete, complete[:-1]):
        path.write_bytes(content)
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
    assert {9} == {line.count(delimiter) for line in path.read_text().splitlines()}


def test_goes_on_in_a_file_that_excel_saved_in_its_own_encoding(path: Path) -> None:
    juergen = Invite("ada@jürgen.example", line=2)
    record(path, juergen, RowOutcome.INVITED)
    text = path.read_text("utf-8").replace(",", ";").replace("\n", "\r\n")
    path.write_bytes(text.encode("cp1252"))
    record(path, BOB, RowOutcome.ADDED)
    assert RowOutcome.INVITED is outcome(path, juergen)
    assert "jürgen" in path.read_text("utf-8")


@pytest.mark.parametrize("start", "=+-@'")
def test_no_cell_is_a_formula(start: str, path: Path) -> None:
    row = Invite(f"{start}cmd@example.com")
    record(path, row, RowOutcome.REFUSED)
    text = "" if start == "'" else "'"
    assert f"{text}{start}cmd@example.com" == lines(path)[1][1]
    marked = Invite(f"'{start}cmd@example.com")
    record(path, marked, RowOutcome.INVITED)
    assert RowOutcome.REFUSED is outcome(path, row)
    assert RowOutcome.INVITED is outcome(path, marked)


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("4504044639191040", "'4504044639191040"),
        ("2024-01-02", "'2024-01-02"),
        ("1e5", "'1e5"),
        ("Mar-2024", "'Mar-2024"),
        ("2-may", "'2-may"),
        ("sept2", "'sept2"),
        ("okt-2", "'okt-2"),
        ("march-5", "'march-5"),
        ("5-september-24", "'5-september-24"),
        ("may", "may"),
        ("backend-2", "backend-2"),
    ],
)
def test_a_spreadsheet_makes_no_number_or_date_of_a_name(cell: str, kept: str, path: Path) -> None:
    row = Invite("ada@example.com", team_roles=(TeamRoleAssignment(cell, None),))
    for _ in range(2):
        with ResultsFile(path, URL, cell) as file:
            file.sending(row)
            file.record(Result(row, RowOutcome.INVITED))
    [line] = lines(path)[1:]
    assert [kept, kept] == [line[3], line[7]]
    with ResultsFile(path, URL, cell) as file:
        assert RowOutcome.INVITED is file.outcome(row)


def test_finds_the_latest_line_in_any_order(path: Path) -> None:
    with ResultsFile(path, URL, "acme") as file:
        for each in (RowOutcome.REFUSED, RowOutcome.INVITED):
            file.sending(ADA)
            file.record(Result(ADA, each))
        header, *written = path.read_bytes().splitlines(keepends=True)
    for shuffled in permutations(written):
        path.write_bytes(header + b"".join(shuffled))
        assert RowOutcome.INVITED is outcome(path, ADA)


# Files of the former format


FORMER = "line,email,member_id,team,outcome,detail\n"
PLACE = "organization acme at https://sentry.example/"
FORMER_LINES = [
    f'2,ada@example.com,,backend:admin,sending,"{PLACE}, org_role member"\n',
    "2,ada@example.com,,backend:admin,refused,400: no\n",
    f'2,ada@example.com,,backend:admin,sending,"{PLACE}, org_role member"\n',
    "2,ada@example.com,13,backend:admin,invited,\n",
    f"3,,8,backend,sending,{PLACE}\n",
]


@pytest.mark.parametrize("place", range(len(FORMER_LINES)))
def test_reads_the_former_format(place: int, path: Path) -> None:
    """With each line as the last one that was written."""
    path.write_text(FORMER + "".join(FORMER_LINES[: place + 1]))
    unknown = RowOutcome.OUTCOME_UNKNOWN
    expected = [unknown, RowOutcome.REFUSED, unknown, RowOutcome.INVITED, RowOutcome.INVITED]
    assert expected[place] is outcome(path, ADA)
    assert (unknown if place == 4 else None) is outcome(path, BOB)


def test_goes_on_in_a_file_of_the_former_format(path: Path) -> None:
    path.write_text(FORMER + "".join(FORMER_LINES) + "4,x,,b,not attempted,bad\n")
    record(path, BOB, RowOutcome.ADDED)
    assert COLUMNS == lines(path)[0]
    assert [["2", "13", "invited"], ["3", "8", "added"]] == [
        [line[0], line[2], line[5]] for line in lines(path)[1:]
    ]
    assert RowOutcome.INVITED is outcome(path, ADA)


def test_reads_the_former_format_in_any_order(path: Path) -> None:
    for shuffled in permutations(FORMER_LINES):
        path.write_text(FORMER + "".join(shuffled))
        assert outcome(path, ADA) in (RowOutcome.INVITED, RowOutcome.REFUSED)
        assert RowOutcome.OUTCOME_UNKNOWN is outcome(path, BOB)


def test_a_request_without_an_outcome_comes_before_the_one_with_it(path: Path) -> None:
    """The first was interrupted, and the row was sent again."""
    sending, _, again, invited, _ = FORMER_LINES
    for shuffled in permutations([sending, again, invited]):
        path.write_text(FORMER + "".join(shuffled))
        assert RowOutcome.INVITED is outcome(path, ADA)


def test_rejects_an_outcome_of_which_the_request_is_not_known(path: Path) -> None:
    other = FORMER_LINES[0].replace("member", "owner")
    path.write_text(FORMER + FORMER_LINES[1] + FORMER_LINES[0] + other)
    with pytest.raises(ResultsFileError, match=f"line 2 of {path} is not a line of a results"):
        ResultsFile(path, URL, "acme")


# Other programs


def _replace(path: Path) -> None:
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    new.replace(path)


def _change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b",", b";;"))


def _cut(path: Path) -> None:
    os.truncate(path, 0)


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("interfere", [_replace, _change, _cut, _loop, Path.unlink])
def test_notices_before_the_next_request_that_the_file_is_gone(
    interfere: Callable[[Path], None], path: Path
) -> None:
    with ResultsFile(path, URL, "acme") as file:
        file.sending(ADA)
        interfere(path)
        with pytest.raises(ResultsFileError, match="another program has replaced") as raised:
            file.sending(BOB)
        file.record(Result(ADA, RowOutcome.INVITED))
    [rescued] = path.parent.glob("people.results.rescued-*.csv")
    assert str(rescued) in str(raised.value)
    assert (interfere is _cut) == ("Lines of it are lost" in str(raised.value))
    if interfere not in (_change, _cut):
        assert RowOutcome.INVITED is outcome(rescued, ADA)
        assert outcome(rescued, BOB) is None


def test_notices_at_the_end_that_the_file_is_gone(path: Path) -> None:
    file = ResultsFile(path, URL, "acme")
    file.sending(ADA)
    file.record(Result(ADA, RowOutcome.INVITED))
    path.unlink()
    with pytest.raises(ResultsFileError, match="What was recorded is in"):
        file.close()
    [rescued] = path.parent.glob("people.results.rescued-*.csv")
    assert RowOutcome.INVITED is outcome(rescued, ADA)


def test_names_what_was_recorded_where_it_is(path: Path) -> None:
    """The file may be a link to another folder."""
    store = path.with_name("store")
    store.mkdir()
    path.symlink_to(store / "linked.csv")
    with ResultsFile(path, URL, "acme") as file:
        file.sending(ADA)
        (store / "linked.csv").unlink()
        with pytest.raises(ResultsFileError) as raised:
            file.sending(BOB)
    [rescued] = store.glob("*.rescued-*.csv")
    assert str(rescued) in str(raised.value)
    assert rescued == file.path


@pytest.mark.parametrize("is_link", [False, True])
def test_rescues_what_was_recorded_though_the_folder_is_gone(is_link: bool, path: Path) -> None:
    store = path.with_name("store")
    store.mkdir()
    if is_link:
        path.symlink_to(store / "linked.csv")
    else:
        path = store / path.name
    with ResultsFile(path, URL, "acme") as file:
        record_in(file, ADA, RowOutcome.INVITED)
        shutil.rmtree(store)
        with pytest.raises(ResultsFileError, match="What was recorded is in"):
            file.check_in_place()
    assert Path(tempfile.gettempdir()) == file.path.parent
    assert RowOutcome.INVITED is outcome(file.path, ADA)
    file.path.unlink()


def test_notices_that_a_link_leads_elsewhere(path: Path) -> None:
    path.symlink_to("first.csv")
    with ResultsFile(path, URL, "acme") as file:
        record_in(file, ADA, RowOutcome.INVITED)
        path.unlink()
        path.symlink_to("second.csv")
        with pytest.raises(ResultsFileError, match="another program has replaced"):
            file.sending(BOB)
    assert RowOutcome.INVITED is outcome(file.path, ADA)


def test_notices_before_the_first_line_that_the_file_is_gone(path: Path) -> None:
    record(path, ADA, RowOutcome.INVITED)
    with ResultsFile(path, URL, "acme") as file:
        _replace(path)
        with pytest.raises(ResultsFileError, match="another program has replaced"):
            file.record(
                Result(
                    BadRow(4, "x", "", "", "no e-mail address", "no e-mail address"),
                    RowOutcome.NOT_ATTEMPTED,
                )
            )
    assert RowOutcome.INVITED is outcome(file.path, ADA)


def test_writes_nothing_once_it_is_closed_or_failed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    record(path, ADA, RowOutcome.INVITED)
    with ResultsFile(path, URL, "acme") as file, monkeypatch.context() as patch:
        patch.setattr(os, "replace", busy)
        for use in (file.sending, lambda _: file.check_in_place()):
            with pytest.raises(ResultsFileError, match=r"can't be written .*busy"):
                use(BOB)
    with ResultsFile(path, URL, "acme") as file:
        file.sending(BOB)
    file.close()
    for use in (file.sending, lambda row: file.record(Result(row, RowOutcome.ADDED))):
        with pytest.raises(ResultsFileError, match="is closed"):
            use(BOB)


def test_may_be_above_what_a_link_leads_to(path: Path) -> None:
    (path.with_name("real") / "sub").mkdir(parents=True)
    path.with_name("link").symlink_to("real/sub")
    above = path.with_name("link") / ".." / path.name
    record(above, ADA, RowOutcome.INVITED)
    assert RowOutcome.INVITED is outcome(path.with_name("real") / path.name, ADA)


def test_follows_no_link_in_the_place_of_its_new_file(path: Path) -> None:
    other = path.with_name("people.csv")
    other.write_text("email\n")
    path.with_name(f".{path.name}.new").symlink_to(other)
    record(path, ADA, RowOutcome.INVITED)
    assert "email\n" == other.read_text()
    assert RowOutcome.INVITED is outcome(path, ADA)


def test_yields_the_recorded_results(path: Path) -> None:
    with ResultsFile(path, URL, "acme") as file:
        file.sending(ADA)
        file.record(Result(ADA, RowOutcome.REFUSED, detail="400: no"))
        file.sending(BOB)
        assert [
            Result(ADA, RowOutcome.REFUSED, detail="400: no"),
            Result(BOB, RowOutcome.OUTCOME_UNKNOWN),
        ] == list(file.results([BOB, ADA]))


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
        ("line,email,member_id,team,outcome,detail\n2,a@x.de,,,sending,\n", 2),
        ("line,email,member_id,team,outcome,detail\n2,a@x.de,,,done,\n", 2),
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


def test_names_a_lock_that_cannot_be_used(path: Path) -> None:
    lock = path.with_name(f".{path.name}.lock")
    lock.mkdir()
    with pytest.raises(ResultsFileError, match=rf"\(Is a directory: {lock}\)"):
        ResultsFile(path, URL, "acme")


def test_rejects_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ResultsFileError, match=r"can't be written \(Is a directory\)"):
        ResultsFile(tmp_path, URL, "acme")
    with pytest.raises(ResultsFileError, match=r"can't be written \(No such file"):
        ResultsFile(tmp_path / "none" / "file.csv", URL, "acme")
