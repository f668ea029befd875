"""Files of people, as spreadsheets and people write them."""

from io import BytesIO
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_members import OrganizationRole, TeamRole, TeamRoleAssignment
from sentry_members_onboarding import Addition, Invite, PeopleError, read_people

ADA = Invite("ada@example.com", "manager", (TeamRoleAssignment("backend", "admin"),), 2)


def read(text: str | bytes) -> tuple[list[object], list[tuple[int, str]]]:
    content = text.encode() if isinstance(text, str) else text
    people = read_people(BytesIO(content))
    assert len(people) == len(list(people))
    return list(people), [(bad.line, bad.reason) for bad in people.bad]


@pytest.mark.parametrize(
    "text",
    [
        "email,org_role,teams\nada@example.com,manager,backend:admin\n",
        "teams,email,org_role\nbackend:admin,ada@example.com,manager",
        "email;org_role;teams\r\nada@example.com;manager;backend:admin\r\n",
        "\ufeffemail\torg_role\tteams\r\nada@example.com\tmanager\tbackend:admin\r\n",
        " Email , Org_Role ,member_id, TEAMS\n ada@example.com\xa0, manager,,  backend:admin \n",
        '"email","org_role","teams"\n"ada@example.com","manager","\nbackend:admin\n"\n',
    ],
    ids=["plain", "other order", "Excel's", "BOM and tabs", "blanks", "quoted"],
)
def test_a_row_is_read_however_it_is_written(text: str) -> None:
    assert ([ADA], []) == read(text)


def test_an_invite_needs_no_more_than_an_address() -> None:
    assert ([Invite("ada@example.com", line=2)], []) == read("email\nada@example.com\n")


def test_a_member_is_a_row_for_each_team() -> None:
    text = "email,member_id,teams\n,8,backend frontend\nada@example.com,,\n,me,backend\n"
    expected = [
        Addition("8", "backend", 2),
        Addition("8", "frontend", 2),
        Invite("ada@example.com", line=3),
        Addition("me", "backend", 4),
    ]
    assert (expected, []) == read(text)


def test_empty_lines_are_no_rows() -> None:
    rows, bad = read("email;teams\r\n;\r\n\r\nada@example.com;\r\n  ;  \r\n")
    assert ([Invite("ada@example.com", line=4)], []) == (rows, bad)
    assert ([], []) == read("email\n")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ada,,,", "'ada' is no e-mail address"),
        ("ada@example,,,", "'ada@example' is no e-mail address"),
        ("Ada <ada@example.com>,,,", "is no e-mail address"),
        (f"{'a' * 64}@example.com,,,", "has more than 75 characters"),
        ("ada@example.com,boss,,", f"'boss' is none of {', '.join(get_args(OrganizationRole))}"),
        ("ada@example.com,,backend:boss,", f"'boss' is none of {', '.join(get_args(TeamRole))}"),
        ("ada@example.com,,backend:,", f"'' is none of {', '.join(get_args(TeamRole))}"),
        ('ada@example.com,,"backend, frontend",', "'backend,' is no slug: teams are separated"),
        ("ada@example.com,,a b a:admin,", "'a' is named twice"),
        ("ada@example.com,,,8", "not both"),
        (",manager,,", "give an email, to invite, or a member_id"),
        (",manager,backend,8", "organization role stays as it is: leave out 'manager'"),
        (",,backend:admin,8", "gets no role on a team"),
        (",,,8", "name the teams"),
        (",,backend,ada", "'ada' is no number"),
        ("ada@example.com,,", "it has 3 cells, and the first line 4"),
        ("ada@example.com,,,,x", "it has 5 cells, and the first line 4"),
        ("ada@example.com\0,,,", "holds a character that doesn't show: take it out"),
        ("ada@example.com,,back\u200bend,", "holds a character that doesn't show: take it out"),
        ('"ada@\nexample.com",,,', "'ada@ example.com' is no e-mail address"),
    ],
)
def test_a_bad_row_is_told_with_its_line(row: str, reason: str) -> None:
    text = f"email,org_role,teams,member_id\nfirst@example.com,,,\n{row}\nlast@example.com,,,\n"
    rows, bad = read(text)
    assert 2 == len(rows)
    assert 1 == len(bad)
    assert 3 == bad[0][0]
    assert reason in bad[0][1]


def test_what_is_not_utf_8_is_told_with_its_line() -> None:
    content = "email,teams\nada@example.com,\nj\xfcrgen@example.com,\n".encode("latin-1")
    rows, [(line, reason)] = read(content)
    assert (1, 3) == (len(rows), line)
    assert "save the file as CSV in UTF-8" in reason
    bad = read_people(BytesIO(content)).bad[0]
    assert bad.email.encode() == "j\ufffdrgen@example.com".encode()


def test_a_line_is_counted_where_it_begins() -> None:
    text = 'email,teams\n"ada@\nexample.com",\nbob@example.com,\nno address,\n'
    assert [2, 5] == [line for line, _ in read(text)[1]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("email\nada@example.com\nADA@example.com\n", "ADA@example.com is on line 2 already"),
        (
            "member_id,teams\n8,backend\n9,backend\n8,frontend backend\n",
            "member 8 on backend is on line 2 already",
        ),
    ],
    ids=["address", "member and team"],
)
def test_the_second_of_two_is_bad(text: str, reason: str) -> None:
    assert [reason] == [told for _, told in read(text)[1]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no column email or member_id"),
        ("\n", "no column email or member_id"),
        ("teams,org_role\nbackend,member\n", "no column email or member_id"),
        ("email,team\n", "has a column 'team': its first line may name the columns email, org_r"),
        ("email,email\n", "has two columns 'email'"),
        ("ada@example.com\n", "has a column 'ada@example.com'"),
        ('email,teams\n"ada@example.com,\n', "line 2 of the file of people is no CSV"),
        ('email,teams\nbob@example.com,\n"a"b,\n', "line 3 of the file of people is no CSV"),
        ('"email\n', "line 1 of the file of people is no CSV"),
        ("email\nada@example.com\n".encode("utf-16"), "is UTF-16: save it as CSV in UTF-8"),
        (b"PK\3\4\x14\0", "is a spreadsheet: save it as CSV in UTF-8"),
    ],
)
def test_what_is_no_file_of_people_is_told(content: str | bytes, reason: str) -> None:
    with pytest.raises(PeopleError) as raised:
        read(content)
    assert reason in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(PeopleError, match=f"{path} can't be read: {reason}"):
            read_people(path)


@given(st.binary(max_size=200), st.booleans())
def test_any_content_is_read_or_refused(content: bytes, has_header: bool) -> None:
    header = b"email,org_role,teams,member_id\n" if has_header else b""
    try:
        people = read_people(BytesIO(header + content))
    except PeopleError:
        return
    assert len(people) == len(list(people))
