"""The people file: a CSV file whose rows are people to invite, or members to add to teams."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import IO, cast, get_args

from sentry_members_api.models import OrganizationRole, TeamRole, TeamRoleAssignment

from . import email_syntax
from .cells import PeopleError, read_rows
from .columns import Header, find_columns, fitness, names_people
from .rows import Addition, BadRow, Invite, Row, merge

# Both patterns are the contract's. The generator drops patterns, so they are repeated here.
SLUG = re.compile(r"[A-Za-z0-9_-]+")
MEMBER_ID = re.compile(r"me|[0-9]+")
# No ID and no slug of Sentry is nearly as long.
_LONGEST = 100
# How many rows with a title, as some tools write them, may come before the names of the columns.
_TITLES = 9


class RowError(ValueError):
    """A value can't be sent.

    Attributes:
        cause: The message without the value.
    """

    def __init__(self, message: str, *values: object, hint: str = "") -> None:
        super().__init__(message.format(*values) + hint)
        self.cause = re.sub(r" ?\{\S*?\}", "", message).strip()


class People:
    """The rows of a people file that can be sent. They can be iterated over more than once.

    A member who is to be added to several teams is one row for each team. A person who is on
    several lines is one row, with all the teams.

    Attributes:
        bad: The rows that can't be sent.
        ignored: The names of the file's columns that are not used.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._merged: dict[int, Row] = {}
        self._skipped: frozenset[int] = frozenset()
        self._count = 0
        bad: dict[int, BadRow] = {}
        lines: dict[tuple[str, str], int] = {}
        repeated: set[tuple[str, str]] = set()
        header, records = _open(content)
        self.ignored = header.ignored
        for line, cells in records:
            try:
                rows = list(_rows(line, header, cells))
                for row in rows:
                    key = _key(row)
                    if (first := lines.setdefault(key, line)) != line:
                        if isinstance(row, Addition):
                            raise RowError(
                                "{} is on line {} already",
                                f"member {row.member_id} on {row.team}",
                                first,
                            )
                        repeated.add(key)
                self._count += len(rows)
            except RowError as error:
                bad[line] = _bad_row(line, header, cells, error)
        further: set[int] = set()
        for invites in self._invites(repeated, bad).values():
            self._count -= len(invites)
            try:
                merged = _merge(invites)
            except RowError as error:
                for row in invites:
                    reason = str(error)  # Each person is a cause of its own.
                    bad[row.line] = BadRow(row.line, row.email, "", row.team, reason, reason)
            else:
                self._count += 1
                self._merged[merged.line] = merged
                further.update(row.line for row in invites[1:])
        self.bad: Sequence[BadRow] = tuple(bad[line] for line in sorted(bad))
        self._skipped = frozenset(further | bad.keys())

    def _invites(
        self, keys: set[tuple[str, str]], bad: Mapping[int, BadRow]
    ) -> dict[tuple[str, str], list[Invite]]:
        """Return the invites with these keys. Most files have none, so none are kept before."""
        invites: dict[tuple[str, str], list[Invite]] = defaultdict(list)
        for row in self._read(bad) if keys else ():
            if isinstance(row, Invite) and (key := _key(row)) in keys:
                invites[key].append(row)
        return invites

    def _read(self, skipped: Mapping[int, BadRow] | frozenset[int]) -> Iterator[Row]:
        header, records = _open(self._content)
        for line, cells in records:
            if line not in skipped:
                yield from _rows(line, header, cells)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        for row in self._read(self._skipped):
            yield self._merged.get(row.line, row)


def read_people(source: str | os.PathLike[str] | IO[bytes]) -> People:
    """Read and check a whole people file.

    It is a CSV file, or the first sheet of an Excel workbook (`.xlsx`; with the extra `xlsx`). The
    first line names the columns, in any order: `email`, `org_role`, `teams`, `member_id`; not all
    have to be there, and usual names such as `Email Address` or `Team` do as well. Other columns
    are ignored. Each row has either an email, to invite a person, or a member ID, to add a member
    to the teams. Teams are slugs separated by blanks, commas or semicolons; in an invite each may
    be followed by a team role, as in `backend frontend:admin`.

    Args:
        source: The file's path, or a binary file.

    Returns:
        The rows that can be sent. Its `bad` has the others.

    Raises:
        PeopleError: The file can't be read, or is not a people file.
    """
    try:
        content = (
            Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source.read()
        )
    except OSError as error:
        raise PeopleError(f"{source} can't be read: {error.strerror}") from error
    return People(content)


def read_teams(text: str) -> tuple[TeamRoleAssignment, ...]:
    """Parse teams and the optional role on each, such as `"backend frontend:admin"`.

    Raises:
        ValueError: A team is not a slug or is named twice, or there is no such team role.
    """
    teams: dict[str, TeamRoleAssignment] = {}
    for each in filter(None, re.split(r"[\s,;]+", text)):
        slug, colon, given = each.partition(":")
        _check_slug(slug)
        if slug in teams:
            raise RowError("the team {!r} is named twice: name it once", slug)
        role = _choice("team role", given, TeamRole) if colon else None
        teams[slug] = TeamRoleAssignment(slug, cast(TeamRole | None, role))
    return tuple(teams.values())


def check_email(email: str) -> None:
    """Check an e-mail address.

    Raises:
        ValueError: Sentry would not accept it.
    """
    if not email_syntax.is_address(email):
        raise RowError("{!r} is not an e-mail address", email)
    if len(email) > email_syntax.LENGTH:
        raise RowError(f"{{!r}} has more than {email_syntax.LENGTH} characters", email)


def check_member_id(member_id: str) -> None:
    """Check a member's ID.

    Raises:
        ValueError: It is not one.
    """
    if not MEMBER_ID.fullmatch(member_id) or len(member_id) > _LONGEST:
        raise RowError("the member ID {!r} is not a number", member_id)


def read_organization_role(text: str) -> OrganizationRole:
    """Parse an organization role, in whatever letter case.

    Raises:
        ValueError: There is no such role.
    """
    return cast(OrganizationRole, _choice("organization role", text, OrganizationRole))


def _check_slug(slug: str) -> None:
    if not SLUG.fullmatch(slug) or len(slug) > _LONGEST:
        raise RowError("the team {!r} is not a slug, such as backend or front-end", slug)


def check_row(row: Row) -> None:
    """Check the fields of a row, which need not come from a file.

    Raises:
        ValueError: A field can't be sent.
    """
    if isinstance(row, Invite):
        for part in row.parts:
            check_row(part)
        check_email(row.email)
        if row.org_role is not None:
            read_organization_role(row.org_role)
        read_teams(row.team)
    else:
        check_member_id(row.member_id)
        _check_slug(row.team)
    if not isinstance(row.line, int):
        raise RowError("its line in the file is not a number")


def _choice(name: str, given: str, literal: object) -> str:
    """Return one of the values of a literal, given in whatever letter case."""
    values = get_args(literal)
    if given.lower() in values:
        return given.lower()
    close = get_close_matches(given.lower(), values, n=1)
    hint = f": did you mean {close[0]}?" if close else ""
    raise RowError(f"the {name} {{!r}} is not one of {', '.join(values)}", given, hint=hint)


def _open(content: bytes) -> tuple[Header, Iterator[tuple[int, list[str]]]]:
    """Return the columns, and an iterator over the line and the cells of each further row."""
    rows = read_rows(content, fitness)
    first: list[str] = []
    for _, cells in islice(rows, _TITLES + 1):
        if names_people(cells):
            return find_columns(cells), rows
        first = first or cells
    return find_columns(first), rows


def _rows(line: int, header: Header, cells: list[str]) -> Iterator[Row]:
    """Yield the rows to send for a row of the file.

    Raises:
        RowError: The row can't be sent; the message says why.
    """
    if cells[0].startswith("#"):
        raise RowError("it begins with #: take out the row, or the mark")
    names = header.names
    if len(cells) < len(names) or any(cells[len(names) :]):
        raise RowError("it has {} cells, and the first line {}", len(cells), len(names))
    for place, name in enumerate(names):
        if not name and cells[place]:
            raise RowError("column {} has no name, and holds {!r}", place + 1, cells[place])
    values = defaultdict(str, {name: cells[place] for name, place in header.columns.items()})
    for name, value in values.items():
        if re.search("[\ud800-\udfff]", value):
            raise RowError(f"{name} {{!r}} is not UTF-8: save the file as CSV in UTF-8", value)
        if not value.isprintable():
            raise RowError(f"{name} {{!r}} holds a character that doesn't show: take it out", value)
    email, member_id, given_role = values["email"], values["member_id"], values["org_role"]
    teams = read_teams(values["teams"])
    if bool(email) == bool(member_id):
        raise RowError("give either an email, to invite, or a member_id, to add to teams")
    if member_id:
        yield from _additions(line, member_id, given_role, teams)
        return
    check_email(email)
    yield Invite(email, read_organization_role(given_role) if given_role else None, teams, line)


def _additions(
    line: int, member_id: str, role: str, teams: tuple[TeamRoleAssignment, ...]
) -> Iterator[Addition]:
    check_member_id(member_id)
    if role:
        raise RowError("a member's organization role stays as it is: leave out {!r}", role)
    if not teams:
        raise RowError("name the teams that member {} is to be added to", member_id)
    for team in teams:
        if team.role:
            raise RowError(
                "an added member can't be given a role on the team: leave out {!r}", team.role
            )
        yield Addition(member_id, team.team_slug, line)


def _key(row: Row) -> tuple[str, str]:
    """Return what is equal for rows about the same person, or the same member and team."""
    if isinstance(row, Invite):
        return email_syntax.person(row.email), ""
    return row.member_id, row.team


def _merge(invites: list[Invite]) -> Row:
    """Return one invite for several lines about the same person.

    Raises:
        RowError: They contradict one another.
    """
    first = invites[0]
    lines = " and ".join(str(row.line) for row in invites)
    teams: dict[str, TeamRoleAssignment] = {}
    for row in invites:
        if row.email != first.email:
            raise RowError(
                "{!r} and {!r} are the same address (lines {}): write it alike, as Sentry would take "
                "it for two people",
                *(first.email, row.email, lines),
            )
        if row.org_role != first.org_role:
            raise RowError(
                "{!r} has different organization roles (lines {}): give it the same one",
                *(first.email, lines),
            )
        for team in row.team_roles:
            if teams.setdefault(team.team_slug, team).role != team.role:
                raise RowError(
                    "{!r} has different roles on the team {!r} (lines {}): give it the same one",
                    *(first.email, team.team_slug, lines),
                )
    return merge(invites)


def _bad_row(line: int, header: Header, cells: list[str], error: RowError) -> BadRow:
    def cell(column: str) -> str:
        place = header.columns.get(column, len(cells))
        text = cells[place] if place < len(cells) else ""
        return "".join(c if c.isprintable() else "\ufffd" for c in text)

    return BadRow(line, cell("email"), cell("member_id"), cell("teams"), str(error), error.cause)
