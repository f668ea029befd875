"""People files, as spreadsheets and people write them."""

import zipfile
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
    ids=["as documented", "other order", "Excel's", "BOM and tabs", "blanks", "quoted"],
)
def test_reads_a_row_in_any_csv_dialect(text: str) -> None:
    assert ([ADA], []) == read(text)


def test_an_invite_needs_only_an_address() -> None:
    assert ([Invite("ada@example.com", line=2)], []) == read("email\nada@example.com\n")


def test_yields_a_row_for_each_team_of_a_member() -> None:
    text = "email,member_id,teams\n,8,backend frontend\nada@example.com,,\n,me,backend\n"
    expected = [
        Addition("8", "backend", 2),
        Addition("8", "frontend", 2),
        Invite("ada@example.com", line=3),
        Addition("me", "backend", 4),
    ]
    assert (expected, []) == read(text)


def test_skips_empty_lines() -> None:
    rows, bad = read("email;teams\r\n;\r\n\r\nada@example.com;\r\n  ;  \r\n")
    assert ([Invite("ada@example.com", line=4)], []) == (rows, bad)
    assert ([], []) == read("email\n")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("ada,,,", "'ada' is not an e-mail address"),
        ("ada@example,,,", "'ada@example' is not an e-mail address"),
        ("Ada <ada@example.com>,,,", "is not an e-mail address"),
        (f"{'a' * 64}@example.com,,,", "has more than 75 characters"),
        ("ada@example.com,boss,,", f"'boss' is not one of {', '.join(get_args(OrganizationRole))}"),
        ("ada@example.com,,backend:boss,", f"'boss' is not one of {', '.join(get_args(TeamRole))}"),
        ("ada@example.com,,backend:,", f"'' is not one of {', '.join(get_args(TeamRole))}"),
        ("ada@example.com,,back/end,", "the team 'back/end' is not a slug"),
        (f"ada@example.com,,{'a' * 101},", "is not a slug"),
        (f",,backend,{'1' * 70_000}", "is not a number"),
        ("#ada@example.com,,,", "it begins with #: take out the row, or the mark"),
        ("ada@example.com,membr,,", ": did you mean member?"),
        ("ada@example.com,,a b a:admin,", "'a' is named twice"),
        ("ada@example.com,,,8", "give either an email"),
        (",manager,,", "give either an email, to invite, or a member_id"),
        (",manager,backend,8", "organization role stays as it is: leave out 'manager'"),
        (",,backend:admin,8", "can't be given a role on the team"),
        (",,,8", "name the teams"),
        (",,backend,ada", "'ada' is not a number"),
        ("ada@example.com,,", "it has 3 cells, and the first line 4"),
        ("ada@example.com,,,,x", "it has 5 cells, and the first line 4"),
        ("ada@example.com\0,,,", "holds a character that doesn't show: take it out"),
        ("ada@example.com,,back\u200bend,", "holds a character that doesn't show: take it out"),
        ('"ada@\nexample.com",,,', "'ada@ example.com' is not an e-mail address"),
    ],
)
def test_reports_a_bad_row_with_its_line(row: str, reason: str) -> None:
    text = f"email,org_role,teams,member_id\nfirst@example.com,,,\n{row}\nlast@example.com,,,\n"
    rows, bad = read(text)
    assert 2 == len(rows)
    assert 1 == len(bad)
    assert 3 == bad[0][0]
    assert reason in bad[0][1]


def test_reports_a_row_that_is_not_utf_8_with_its_line() -> None:
    content = "email,teams\nada@example.com,\nj\xfcrgen@example.com,\n".encode("latin-1")
    rows, [(line, reason)] = read(content)
    assert (1, 3) == (len(rows), line)
    assert "save the file as CSV in UTF-8" in reason
    bad = read_people(BytesIO(content)).bad[0]
    assert bad.email.encode() == "j\ufffdrgen@example.com".encode()


def test_counts_a_row_by_its_first_line() -> None:
    text = 'email,teams\n"ada@\nexample.com",\nbob@example.com,\nno address,\n'
    assert [2, 5] == [line for line, _ in read(text)[1]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "email\nada@example.com\nADA@example.com\n",
            "'ada@example.com' and 'ADA@example.com' are the same address (lines 2 and 3)",
        ),
        (
            "email\nada@bücher.example\nada@xn--bcher-kva.example\n",
            "'ada@bücher.example' and 'ada@xn--bcher-kva.example' are the same address",
        ),
        (
            "email\nada@example.com\nada@\uff45xample.com\n",
            "'ada@example.com' and 'ada@\uff45xample.com' are the same address",
        ),
        (
            "email,org_role\nada@example.com,\nbob@example.com,\nada@example.com,owner\n",
            "'ada@example.com' has different organization roles (lines 2 and 4)",
        ),
        (
            "email,teams\nada@example.com,backend\nada@example.com,backend:admin\n",
            "'ada@example.com' has different roles on the team 'backend' (lines 2 and 3)",
        ),
    ],
    ids=["letter case", "punycode", "wide letters", "roles", "team roles"],
)
def test_rejects_rows_that_contradict_one_another(text: str, reason: str) -> None:
    _, bad = read(text)
    assert 2 == len(bad)
    assert all(reason in found for _, found in bad)


def test_rejects_the_second_of_two_equal_additions() -> None:
    text = "member_id,teams\n8,backend\n9,backend\n8,frontend backend\n"
    assert [(4, "member 8 on backend is on line 2 already")] == read(text)[1]


def test_makes_one_invite_of_several_lines_about_a_person() -> None:
    text = (
        "email,teams\nada@example.com,backend:admin\nbob@example.com,\n"
        "ada@example.com,frontend\nada@example.com,backend:admin\n"
    )
    teams = (TeamRoleAssignment("backend", "admin"), TeamRoleAssignment("frontend", None))
    rows = [(2, teams[:1]), (4, teams[1:]), (5, teams[:1])]
    parts = tuple(Invite("ada@example.com", None, teams, line) for line, teams in rows)
    ada = Invite("ada@example.com", None, teams, 2, parts)
    assert ([ada, Invite("bob@example.com", line=3)], []) == read(text)


@pytest.mark.parametrize("separator", ["", '"'])
def test_passes_over_a_line_that_names_no_usable_delimiter(separator: str) -> None:
    """Newer versions of the module csv raise ValueError for these."""
    text = f"sep={separator}\r\nemail,teams\r\nada@example.com,backend\r\n"
    teams = (TeamRoleAssignment("backend", None),)
    assert ([Invite("ada@example.com", None, teams, 3)], []) == read(text)


@pytest.mark.parametrize("role", ["Manager", "MANAGER"])
@pytest.mark.parametrize("separator", [" ", ",", ", ", ";", " ; ", "\n"])
def test_takes_roles_in_any_letter_case_and_the_usual_separators(role: str, separator: str) -> None:
    text = f'email\torg_role\tteams\nada@example.com\t{role}\t"backend:Admin{separator}web"\n'
    teams = (TeamRoleAssignment("backend", "admin"), TeamRoleAssignment("web", None))
    assert ([Invite("ada@example.com", "manager", teams, 2)], []) == read(text)


@pytest.mark.parametrize("name", ["Email Address", "E-mail", "EMAIL_ADDRESS", "Mail", "Work Email"])
@pytest.mark.parametrize("team", ["Team", "teams [slug]", "Team-Slug"])
def test_finds_columns_by_their_usual_names(name: str, team: str) -> None:
    people = read_people(BytesIO(f"Name,{name},{team},Role,\nAda,a@x.de,web,Owner,\n".encode()))
    assert [Invite("a@x.de", "owner", (TeamRoleAssignment("web", None),), 2)] == list(people)
    assert (("Name",), ()) == (people.ignored, people.bad)


def test_rejects_a_cell_below_no_name() -> None:
    assert [(3, "column 2 has no name, and holds 'web'")] == (
        read("email,,teams\na@x.de,,\nb@x.de,web,\n")[1]
    )


def damaged_workbook() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types")
    return content.getvalue()


def test_sums_bad_rows_up_by_cause() -> None:
    bad = read_people(BytesIO(b"email,role\na@x.de,Boss\nb@x.de,Chief\nnobody,\n")).bad
    roles = f"the organization role is not one of {', '.join(get_args(OrganizationRole))}"
    assert [roles, roles, "is not an e-mail address"] == [row.cause for row in bad]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no column email or member_id"),
        ("\n", "no column email or member_id"),
        ("teams,org_role\nbackend,member\n", "no column email or member_id"),
        ("email,taem\n", "has a column 'taem': did you mean teams?"),
        ("email,Rolle\n", "has a column 'Rolle': did you mean org_role?"),
        ("email,E-Mail\n", "two columns for email: 'email' and 'E-Mail'"),
        ("ada@example.com\n", "it names 'ada@example.com'"),
        ('email,teams\n"ada@example.com,\n', "line 2 of the people file is not CSV"),
        ('email,teams\nbob@example.com,\n"a"b,\n', "line 3 of the people file is not CSV"),
        ('"email\n', "line 1 of the people file is not CSV"),
        (b"PK\3\4\x14\0", "is not a workbook that can be read"),
        (damaged_workbook(), "is not a workbook that can be read"),
        (b"\xd0\xcf\x11\xe0", "a workbook of an old Excel: save it as .xlsx"),
    ],
)
def test_rejects_another_file(content: str | bytes, reason: str) -> None:
    with pytest.raises(PeopleError) as raised:
        read(content)
    assert reason in str(raised.value)


def test_names_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(PeopleError, match=f"{path} can't be read: {reason}"):
            read_people(path)


@given(st.binary(max_size=200), st.booleans())
def test_reads_or_rejects_any_content(content: bytes, has_header: bool) -> None:
    header = b"email,org_role,teams,member_id\n" if has_header else b""
    try:
        people = read_people(BytesIO(header + content))
    except PeopleError:
        return
    assert len(people) == len(list(people))
