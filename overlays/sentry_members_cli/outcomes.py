"""Which exit code, and which colour, an outcome has."""

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

from .exits import Exit

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


def colour(outcome: RowOutcome) -> str:
    """Return the colour that an outcome is printed in."""
    match outcome:
        case RowOutcome.INVITED | RowOutcome.ADDED:
            return "green"
        case RowOutcome.REFUSED | RowOutcome.OUTCOME_UNKNOWN | RowOutcome.NOT_ATTEMPTED:
            return "red"
        case _:
            return "yellow"
