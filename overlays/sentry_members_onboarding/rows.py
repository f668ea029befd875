"""Rows, each about one person or one team, and their results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Self

from sentry_members.error_mapping import join_sentences
from sentry_members.errors import (
    AlreadyInvitedError,
    AlreadyMemberError,
    ApiError,
    NoAnswerError,
    SentryMembersError,
    SentryUnreachableError,
    UnreadableAnswerError,
)
from sentry_members.results import AccessRequested, Added, AlreadyOnTeam, Outcome
from sentry_members_api.models import Member, OrganizationRole, TeamRoleAssignment


@dataclass(frozen=True, slots=True)
class Invite:
    """A person to invite, and all the teams to put them on.

    Attributes:
        email: The e-mail address.
        org_role: The organization role; None for Sentry's default.
        team_roles: The teams, and the role on each.
        line: The row's line in its file, for reference only.
        parts: The rows that it was merged from, if its person is on several rows.
    """

    email: str
    org_role: OrganizationRole | None = None
    team_roles: tuple[TeamRoleAssignment, ...] = ()
    line: int = 0
    parts: tuple[Self, ...] = ()
    member_id: ClassVar[str] = ""

    @property
    def team(self) -> str:
        """The teams as they are written in a file: `"backend frontend:admin"`."""
        return " ".join(
            f"{each.team_slug}:{each.role}" if each.role else each.team_slug
            for each in self.team_roles
        )

    def __str__(self) -> str:
        role = f" as {self.org_role}" if self.org_role else ""
        return f"invite {self.email}{role}" + (f" onto {self.team}" if self.team else "")


@dataclass(frozen=True, slots=True)
class Addition:
    """A member to add to one team.

    Attributes:
        member_id: The member's ID.
        team: The slug of the team.
        line: The row's line in its file, for reference only.
    """

    member_id: str
    team: str
    line: int = 0
    email: ClassVar[str] = ""

    def __str__(self) -> str:
        return f"add member {self.member_id} to {self.team}"


Row = Invite | Addition


def parts_of(row: Row) -> tuple[Row, ...]:
    """Return the rows that an invite was merged from; of any other row, the row itself."""
    return (row.parts if isinstance(row, Invite) else ()) or (row,)


def merge(rows: Sequence[Row]) -> Row:
    """Return one invite for rows about the same person, onto all their teams; a single row as is."""
    invites = tuple(row for row in rows if isinstance(row, Invite))
    if len(invites) < 2:
        return rows[0]
    teams = {team.team_slug: team for row in invites for team in row.team_roles}
    return replace(invites[0], team_roles=tuple(teams.values()), parts=invites)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a file that can't be sent.

    Attributes:
        line: The row's first line in the file.
        email: The content of this column, as written.
        member_id: The content of this column, as written.
        team: The content of the column `teams`, as written.
        reason: What is wrong with the row, and what would be right.
        cause: The reason without the values of this row, to sum up rows by.
    """

    line: int
    email: str
    member_id: str
    team: str
    reason: str
    cause: str = ""


class RowOutcome(StrEnum):
    """The outcome of a row."""

    INVITED = "invited"
    ALREADY_MEMBER = "already member"
    ALREADY_INVITED = "already invited"
    ADDED = "added"
    ACCESS_REQUESTED = "access requested"
    ALREADY_ON_TEAM = "already on team"
    REFUSED = "refused"
    OUTCOME_UNKNOWN = "outcome unknown"
    NOT_ATTEMPTED = "not attempted"

    @property
    def is_final(self) -> bool:
        """Whether sending the same row again would be pointless."""
        return self not in (RowOutcome.OUTCOME_UNKNOWN, RowOutcome.NOT_ATTEMPTED)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a row.

    Attributes:
        row: The row.
        outcome: What came of it.
        member_id: The member's ID, where it is known.
        detail: An explanation, such as the reason of a refusal.
        error: The error that the request ended in, if any; of a row that was not attempted, the
            error that prevented it.
    """

    row: Row | BadRow
    outcome: RowOutcome
    member_id: str = ""
    detail: str = ""
    error: SentryMembersError | None = None

    @classmethod
    def of(cls, row: Row, returned: Member | Outcome | SentryMembersError) -> Self:
        """Build the result of a row from what the call for it returned or raised."""
        match returned:
            case Member():
                # It is printed and recorded, so it must be an ID, whatever the server sends.
                member_id = returned.id if str(returned.id).isdecimal() else ""
                return cls(row, RowOutcome.INVITED, member_id)
            case Added():
                return cls(row, RowOutcome.ADDED)
            case AccessRequested():
                detail = "Nobody was added yet: somebody has to approve the request."
                return cls(row, RowOutcome.ACCESS_REQUESTED, detail=detail)
            case AlreadyOnTeam():
                return cls(row, RowOutcome.ALREADY_ON_TEAM)
            case _:
                outcome = _outcome_of_error(row, returned)
                detail = reason_of(returned)
                if row.team and outcome in (RowOutcome.ALREADY_MEMBER, RowOutcome.ALREADY_INVITED):
                    detail += (
                        f" The teams ({row.team}) were not applied by this request: add the "
                        "member to those that are missing."
                    )
                return cls(row, outcome, detail=detail, error=returned)

    def each_line(self) -> Iterator[Self]:
        """Yield the result for each line of the file that the row is for."""
        if isinstance(self.row, Invite) and self.row.parts:
            for part in self.row.parts:
                yield replace(self, row=replace(self.row, line=part.line, parts=()))
        else:
            yield self


def _outcome_of_error(row: Row, error: SentryMembersError) -> RowOutcome:
    match error:
        case AlreadyInvitedError():
            return RowOutcome.ALREADY_INVITED
        case AlreadyMemberError():
            return RowOutcome.ALREADY_MEMBER
        case UnreadableAnswerError():
            return RowOutcome.INVITED if isinstance(row, Invite) else RowOutcome.ADDED
        case _ if error.may_have_acted:
            return RowOutcome.OUTCOME_UNKNOWN
        case SentryUnreachableError():
            return RowOutcome.NOT_ATTEMPTED
        case ApiError():
            return RowOutcome.REFUSED
        case _:
            return RowOutcome.NOT_ATTEMPTED


def reason_of(error: SentryMembersError) -> str:
    """Return the message of an error without the call that it names."""
    if isinstance(error, ApiError):
        reason = join_sentences(*error.messages, error.advice) or "no reason given"
        return f"{error.status}: {reason}"
    return error.reason if isinstance(error, NoAnswerError) else str(error)
