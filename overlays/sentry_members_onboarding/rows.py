"""What is asked for one person or one team, and what came of it."""

from dataclasses import dataclass
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
    """Somebody is to be invited, with all teams at once.

    Attributes:
        email: The e-mail address.
        org_role: The organization role; None leaves it to Sentry.
        team_roles: The teams, and the role on each.
        line: The line of the file that it stands on, for reference only.
    """

    email: str
    org_role: OrganizationRole | None = None
    team_roles: tuple[TeamRoleAssignment, ...] = ()
    line: int = 0
    member_id: ClassVar[str] = ""

    @property
    def team(self) -> str:
        """The teams as a file has them: `"backend frontend:admin"`."""
        return " ".join(
            f"{each.team_slug}:{each.role}" if each.role else each.team_slug
            for each in self.team_roles
        )

    def __str__(self) -> str:
        role = f" as {self.org_role}" if self.org_role else ""
        return f"invite {self.email}{role}" + (f" onto {self.team}" if self.team else "")


@dataclass(frozen=True, slots=True)
class Addition:
    """A member is to be added to one team.

    Attributes:
        member_id: The member's ID.
        team: The slug of the team.
        line: The line of the file that it stands on, for reference only.
    """

    member_id: str
    team: str
    line: int = 0
    email: ClassVar[str] = ""

    def __str__(self) -> str:
        return f"add member {self.member_id} to {self.team}"


Row = Invite | Addition


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a file that can't be sent.

    Attributes:
        line: The line that it begins on.
        email: What it holds in this column; so `member_id` and `team`.
        reason: What is wrong with it, and what would be right.
    """

    line: int
    email: str
    member_id: str
    team: str
    reason: str


class RowOutcome(StrEnum):
    """What came of a row."""

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
        """Whether asking again would be pointless, as long as the row stays as it is."""
        return self not in (RowOutcome.OUTCOME_UNKNOWN, RowOutcome.NOT_ATTEMPTED)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a row.

    Attributes:
        row: The row.
        outcome: What came of it.
        member_id: The member's ID, where it is known.
        detail: What there is to say of it, such as the reason of a refusal.
        error: The error that it is, if it is one; of a row that was not attempted, what kept it
            from being.
    """

    row: Row | BadRow
    outcome: RowOutcome
    member_id: str = ""
    detail: str = ""
    error: SentryMembersError | None = None

    @classmethod
    def of(cls, row: Row, answer: Member | Outcome | SentryMembersError) -> Self:
        """What an answer to the call for a row, or the error that it raised, comes to."""
        match answer:
            case Member():
                return cls(row, RowOutcome.INVITED, answer.id)
            case Added():
                return cls(row, RowOutcome.ADDED)
            case AccessRequested():
                detail = "Nobody was added yet: somebody has to approve the request."
                return cls(row, RowOutcome.ACCESS_REQUESTED, detail=detail)
            case AlreadyOnTeam():
                return cls(row, RowOutcome.ALREADY_ON_TEAM)
            case _:
                return cls(row, _meaning(row, answer), detail=reason_of(answer), error=answer)


def _meaning(row: Row, error: SentryMembersError) -> RowOutcome:
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
    """An error without the call that it came of."""
    if isinstance(error, ApiError):
        return (
            f"{error.status}: {join_sentences(*error.messages, error.advice) or 'no reason given'}"
        )
    return error.reason if isinstance(error, NoAnswerError) else str(error)
