"""The exit codes of the commands, and what they mean."""

from collections.abc import Iterable
from enum import IntEnum

from sentry_members.errors import (
    ApiError,
    ConfigurationError,
    GatewayKeyError,
    InviteQuotaError,
    NoAnswerError,
    SentryMembersError,
    ServerError,
    TooManyRequestsError,
)
from sentry_members_onboarding import ResultsFileError, RowOutcome


class Exit(IntEnum):
    """The exit codes, from the best to the worst."""

    DONE = 0
    NOTHING_TO_DO = 3
    ACCESS_REQUESTED = 4
    USAGE = 2
    REFUSED = 5
    NO_ANSWER = 6
    QUOTA = 7
    CONFIGURATION = 8
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done",
    Exit.NOTHING_TO_DO: "nothing to do: a member already, invited already, or on the team already",
    Exit.ACCESS_REQUESTED: "access requested: nobody was added yet",
    Exit.USAGE: "usage: the command or its input is wrong",
    Exit.REFUSED: "refused by Sentry",
    Exit.NO_ANSWER: "no answer, a 5xx, or too many requests: what came of it may be unknown",
    Exit.QUOTA: "the invite quota is used up",
    Exit.CONFIGURATION: "configuration: the credentials, the settings or a file can't be used",
    Exit.INTERRUPTED: "interrupted",
}

_OF_OUTCOME = {
    RowOutcome.INVITED: Exit.DONE,
    RowOutcome.ADDED: Exit.DONE,
    RowOutcome.ALREADY_MEMBER: Exit.NOTHING_TO_DO,
    RowOutcome.ALREADY_INVITED: Exit.NOTHING_TO_DO,
    RowOutcome.ALREADY_ON_TEAM: Exit.NOTHING_TO_DO,
    RowOutcome.ACCESS_REQUESTED: Exit.ACCESS_REQUESTED,
    RowOutcome.REFUSED: Exit.REFUSED,
    RowOutcome.OUTCOME_UNKNOWN: Exit.NO_ANSWER,
}


def exit_of(outcome: RowOutcome, error: SentryMembersError | None = None) -> Exit:
    """Return the exit code for an outcome, or for the error if that is not about the row."""
    match error:
        case InviteQuotaError():
            return Exit.QUOTA
        case TooManyRequestsError():
            return Exit.NO_ANSWER
        case GatewayKeyError():
            return Exit.CONFIGURATION
        case _ if outcome in _OF_OUTCOME:
            return _OF_OUTCOME[outcome]
        case NoAnswerError() | ServerError():
            return Exit.NO_ANSWER
        case ApiError():
            return Exit.REFUSED
        case ConfigurationError() | ResultsFileError():
            return Exit.CONFIGURATION
        case None:
            return Exit.INTERRUPTED
        case _:
            return Exit.USAGE


def worst(exits: Iterable[Exit]) -> Exit:
    """Return the worst of the exit codes, or DONE for none."""
    return max(exits, key=list(Exit).index, default=Exit.DONE)
