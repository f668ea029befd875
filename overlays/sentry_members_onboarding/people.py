"""A file of people: one a row, to be invited, or to be added to teams."""

import csv
import io
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast, get_args

from sentry_members.errors import SentryMembersError
from sentry_members_api.models import OrganizationRole, TeamRole, TeamRoleAssignment

from . import email_syntax
from .rows import Addition, BadRow, Invite, Row

COLUMNS = ("email", "org_role", "teams", "member_id")

# The contract has these two, and the generator drops them.
SLUG = re.compile(r"[A-Za-z0-9_-]+")
MEMBER_ID = re.compile(r"me|[0-9]+")

_FOREIGN = {b"PK\3\4": "a spreadsheet", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class PeopleError(SentryMembersError):
    """A file of people can't be read at all; the message says why, and what to do."""


class People:
    """The rows of a file that can be sent, as often as they are iterated over.

    Somebody who is to be added to several teams is as many rows.

    Attributes:
        bad: The rows that can't be sent.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._count = 0
        bad: list[BadRow] = []
        lines: dict[tuple[str, str], int] = {}
        for line, columns, record in _records(content):
            try:
                rows = _rows(line, columns, record)
                for row in rows:
                    _check_new(row, lines)
                self._count += len(rows)
            except ValueError as error:
                cells = defaultdict(str, zip(columns, map(_printable, record), strict=False))
                who = cells["email"], cells["member_id"], cells["teams"]
                bad.append(BadRow(line, *who, str(error)))
        self.bad: Sequence[BadRow] = tuple(bad)
        self._bad_lines = frozenset(row.line for row in bad)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        for line, columns, record in _records(self._content):
            if line not in self._bad_lines:
                yield from _rows(line, columns, record)


def read_people(source: str | os.PathLike[str] | IO[bytes]) -> People:
    """Read and check a whole file of people.

    A CSV file in UTF-8, with `,`, `;` or tabs between its cells. The first line names the columns,
    in any order: `email` and, if wanted, `org_role` and `teams`; or `member_id` and `teams`; or all
    four, where each row has either an `email` or a `member_id`. The teams are slugs with blanks
    between them; in an invite a team role may follow each, as in `backend frontend:admin`.

    Args:
        source: The file's path, or a binary file.

    Returns:
        The rows that can be sent. The others are its `bad`: among them every row of somebody who is
        in the file before, in whatever letter case.

    Raises:
        PeopleError: It can't be read, or is no such file.
    """
    try:
        content = (
            Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source.read()
        )
    except OSError as error:
        raise PeopleError(f"{source} can't be read: {error.strerror}") from error
    for start, kind in _FOREIGN.items():
        if content.startswith(start):
            raise PeopleError(f"the file of people is {kind}: save it as CSV in UTF-8")
    return People(content)


def read_teams(text: str) -> tuple[TeamRoleAssignment, ...]:
    """The teams of `"backend frontend:admin"`, and the role on each, if one is named.

    Raises:
        ValueError: One of them is no slug, or twice there, or the role is none.
    """
    teams: dict[str, TeamRoleAssignment] = {}
    for each in text.split():
        slug, colon, role = each.partition(":")
        if not SLUG.fullmatch(slug):
            raise ValueError(f"the team {slug!r} is no slug: teams are separated by blanks")
        if slug in teams:
            raise ValueError(f"the team {slug!r} is named twice: name it once")
        if colon and role not in get_args(TeamRole):
            raise ValueError(f"the team role {role!r} is none of {_names(TeamRole)}")
        teams[slug] = TeamRoleAssignment(slug, cast(TeamRole, role) if colon else None)
    return tuple(teams.values())


def _records(content: bytes) -> Iterator[tuple[int, list[str], list[str]]]:
    """The line of each row that isn't empty, the columns, and its cells."""
    # What is not UTF-8 becomes a lone surrogate, and so is told with its line.
    text = io.TextIOWrapper(
        io.BytesIO(content), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    header = text.readline()
    delimiter = max(",;\t", key=header.count)
    line = 1
    try:
        [columns] = csv.reader([header], delimiter=delimiter, strict=True)
        columns = _checked([column.strip().lower() for column in columns])
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        line = 2
        for record in reader:
            cells = [" ".join(cell.split()) for cell in record]
            if any(cells):
                yield line, columns, cells
            line = reader.line_num + 2
    except csv.Error as error:
        raise PeopleError(f"line {line} of the file of people is no CSV: {error}") from error


def _checked(columns: list[str]) -> list[str]:
    advice = f"its first line may name the columns {', '.join(COLUMNS)}"
    for column in columns:
        if column not in COLUMNS:
            raise PeopleError(f"the file of people has a column {column!r}: {advice}")
        if columns.count(column) > 1:
            raise PeopleError(f"the file of people has two columns {column!r}: {advice}")
    if not {"email", "member_id"} & {*columns}:
        raise PeopleError(f"the file of people has no column email or member_id: {advice}")
    return columns


def _rows(line: int, columns: list[str], record: list[str]) -> list[Row]:
    """What a row asks for; ValueError says why it can't be sent."""
    if len(record) != len(columns):
        raise ValueError(f"it has {len(record)} cells, and the first line {len(columns)}")
    cells = dict(zip(columns, record, strict=True))
    for column, cell in cells.items():
        if re.search("[\ud800-\udfff]", cell):
            raise ValueError(f"{column} {cell!r} is not UTF-8: save the file as CSV in UTF-8")
        if not cell.isprintable():
            raise ValueError(f"{column} {cell!r} holds a character that doesn't show: take it out")
    email, member_id = cells.get("email", ""), cells.get("member_id", "")
    role, teams = cells.get("org_role", ""), read_teams(cells.get("teams", ""))
    if bool(email) == bool(member_id):
        raise ValueError("give an email, to invite, or a member_id, to add to teams; not both")
    if member_id:
        return list(_additions(line, member_id, role, teams))
    if not email_syntax.is_address(email):
        raise ValueError(f"{email!r} is no e-mail address")
    if len(email) > email_syntax.LENGTH:
        raise ValueError(f"{email!r} has more than {email_syntax.LENGTH} characters")
    if role and role not in get_args(OrganizationRole):
        raise ValueError(f"the organization role {role!r} is none of {_names(OrganizationRole)}")
    return [Invite(email, cast(OrganizationRole, role) if role else None, teams, line)]


def _additions(
    line: int, member_id: str, role: str, teams: tuple[TeamRoleAssignment, ...]
) -> Iterator[Addition]:
    if not MEMBER_ID.fullmatch(member_id):
        raise ValueError(f"the member ID {member_id!r} is no number")
    if role:
        raise ValueError(f"a member's organization role stays as it is: leave out {role!r}")
    if not teams:
        raise ValueError(f"name the teams that member {member_id} is to be added to")
    for team in teams:
        if team.role:
            raise ValueError(
                f"a member gets no role on a team that they are added to: leave out {team.role!r}"
            )
        yield Addition(member_id, team.team_slug, line)


def _check_new(row: Row, lines: dict[tuple[str, str], int]) -> None:
    """Note the line of a row; ValueError if the same is on another already."""
    if isinstance(row, Invite):
        key, told = (row.email.casefold(), ""), row.email
    else:
        key, told = (row.member_id, row.team), f"member {row.member_id} on {row.team}"
    if (line := lines.setdefault(key, row.line)) != row.line:
        raise ValueError(f"{told} is on line {line} already")


def _printable(cell: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in cell)


def _names(names: object) -> str:
    return ", ".join(get_args(names))
