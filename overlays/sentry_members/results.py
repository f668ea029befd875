"""The three outcomes of adding a member to a team."""

from dataclasses import dataclass

from sentry_members_api.models import Team


class _Outcome:
    __slots__ = ()

    # Annotated with bool: with NoReturn, type checkers would skip the code after a truth test.
    def __bool__(self) -> bool:
        raise TypeError(
            "an outcome is neither true nor false: distinguish Added, AccessRequested and "
            "AlreadyOnTeam by `match` or isinstance"
        )


@dataclass(frozen=True, slots=True)
class Added(_Outcome):
    """201: the member was added to the team.

    Attributes:
        team: The team as the caller sees it: `is_member` and `team_role` describe the caller.
    """

    team: Team


@dataclass(frozen=True, slots=True)
class AccessRequested(_Outcome):
    """202: nobody was added. An access request waits for approval."""


@dataclass(frozen=True, slots=True)
class AlreadyOnTeam(_Outcome):
    """204: the member was on the team already."""


Outcome = Added | AccessRequested | AlreadyOnTeam
