"""The people file: a CSV file whose rows are people to invite, or members to add to teams."""

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

# Both patterns are the contract's. The generator drops patterns, so they are repeated here.
SLUG = re.compile(r"[A-Za-z0-9_-]+")
MEMBER_ID = re.compile(r"me|[0-9]+")

_OTHER_FORMATS = {b"PK\3\4": "a spreadsheet", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class PeopleError(SentryMembersError):
    """The people file can't be used; the message says why, and what to do."""


class People:
    """The rows of a people file that can be sent. They can be iterated over more than once.

    A member who is to be added to several teams is one row for each team.

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
                    _reject_duplicate(row, lines)
                self._count += len(rows)
            except ValueError as error:
                cells = defaultdict(str, zip(columns, map(_printable, record), strict=False))
                shown = cells["email"], cells["member_id"], cells["teams"]
                bad.append(BadRow(line, *shown, str(error)))
        self.bad: Sequence[BadRow] = tuple(bad)
        self._bad_lines = frozenset(row.line for row in bad)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        for line, columns, record in _records(self._content):
            if line not in self._bad_lines:
                yield from _rows(line, columns, record)


def read_people(source: str | os.PathLike[str] | IO[bytes]) -> People:
    """Read and check a whole people file.

    It is a CSV file in UTF-8, its cells separated by `,`, `;` or tabs. The first line names the
    columns, in any order: `email`, `org_role`, `teams`, `member_id`; not all have to be there. Each
    row has either an `email`, to invite a person, or a `member_id`, to add a member to `teams`.
    Teams are slugs separated by blanks; in an invite each may be followed by a team role, as in
    `backend frontend:admin`.

    Args:
        source: The file's path, or a binary file.

    Returns:
        The rows that can be sent. Its `bad` has the others, among them each row that repeats an
        earlier one, in whatever letter case.

    Raises:
        PeopleError: The file can't be read, or is not a people file.
    """
    try:
        content = (
            Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source.read()
        )
    except OSError as error:
        raise PeopleError(f"{source} can't be read: {error.strerror}") from error
    for start, file_format in _OTHER_FORMATS.items():
        if content.startswith(start):
            raise PeopleError(f"the people file is {file_format}: save it as CSV in UTF-8")
    return People(content)


def read_teams(text: str) -> tuple[TeamRoleAssignment, ...]:
    """Parse teams and the optional role on each, such as `"backend frontend:admin"`.

    Raises:
        ValueError: A team is not a slug or is named twice, or there is no such team role.
    """
    teams: dict[str, TeamRoleAssignment] = {}
    for each in text.split():
        slug, colon, role = each.partition(":")
        if not SLUG.fullmatch(slug):
            raise ValueError(f"the team {slug!r} is not a slug: teams are separated by blanks")
        if slug in teams:
            raise ValueError(f"the team {slug!r} is named twice: name it once")
        if colon and role not in get_args(TeamRole):
            raise ValueError(f"the team role {role!r} is not one of {_names(TeamRole)}")
        teams[slug] = TeamRoleAssignment(slug, cast(TeamRole, role) if colon else None)
    return tuple(teams.values())


def _records(content: bytes) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield the line, the columns and the cells of each row that is not empty."""
    # Bytes that are not UTF-8 become lone surrogates, so that _rows can reject the single row.
    text = io.TextIOWrapper(
        io.BytesIO(content), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    header = text.readline()
    delimiter = max(",;\t", key=header.count)
    line = 1
    try:
        [columns] = csv.reader([header], delimiter=delimiter, strict=True)
        columns = _check_columns([column.strip().lower() for column in columns])
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        line = 2
        for record in reader:
            cells = [" ".join(cell.split()) for cell in record]
            if any(cells):
                yield line, columns, cells
            line = reader.line_num + 2
    except csv.Error as error:
        raise PeopleError(f"line {line} of the people file is not CSV: {error}") from error


def _check_columns(columns: list[str]) -> list[str]:
    """Return the columns if they are those of a people file.

    Raises:
        PeopleError: A column is unknown, named twice, or missing.
    """
    advice = f"its first line may name the columns {', '.join(COLUMNS)}"
    for column in columns:
        if column not in COLUMNS:
            raise PeopleError(f"the people file has a column {column!r}: {advice}")
        if columns.count(column) > 1:
            raise PeopleError(f"the people file has two columns {column!r}: {advice}")
    if not {"email", "member_id"} & {*columns}:
        raise PeopleError(f"the people file has no column email or member_id: {advice}")
    return columns


def _rows(line: int, columns: list[str], record: list[str]) -> list[Row]:
    """Build the rows to send from a row of the file.

    Raises:
        ValueError: The row can't be sent; the message says why.
    """
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
        raise ValueError(f"{email!r} is not an e-mail address")
    if len(email) > email_syntax.LENGTH:
        raise ValueError(f"{email!r} has more than {email_syntax.LENGTH} characters")
    if role and role not in get_args(OrganizationRole):
        raise ValueError(f"the organization role {role!r} is not one of {_names(OrganizationRole)}")
    return [Invite(email, cast(OrganizationRole, role) if role else None, teams, line)]


def _additions(
    line: int, member_id: str, role: str, teams: tuple[TeamRoleAssignment, ...]
) -> Iterator[Addition]:
    if not MEMBER_ID.fullmatch(member_id):
        raise ValueError(f"the member ID {member_id!r} is not a number")
    if role:
        raise ValueError(f"a member's organization role stays as it is: leave out {role!r}")
    if not teams:
        raise ValueError(f"name the teams that member {member_id} is to be added to")
    for team in teams:
        if team.role:
            raise ValueError(
                f"an added member can't be given a role on the team: leave out {team.role!r}"
            )
        yield Addition(member_id, team.team_slug, line)


def _reject_duplicate(row: Row, lines: dict[tuple[str, str], int]) -> None:
    """Remember the line of a row.

    Raises:
        ValueError: An earlier line is about the same.
    """
    if isinstance(row, Invite):
        key, name = (row.email.casefold(), ""), row.email
    else:
        key, name = (row.member_id, row.team), f"member {row.member_id} on {row.team}"
    if (line := lines.setdefault(key, row.line)) != row.line:
        raise ValueError(f"{name} is on line {line} already")


def _printable(cell: str) -> str:
    """Replace the characters that don't show."""
    return "".join(c if c.isprintable() else "\ufffd" for c in cell)


def _names(literal: object) -> str:
    return ", ".join(get_args(literal))
