"""The exit codes of the commands."""

from collections.abc import Iterable
from enum import IntEnum


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


def worst(exits: Iterable[Exit]) -> Exit:
    """Return the worst of the exit codes, or DONE for none."""
    return max(exits, key=list(Exit).index, default=Exit.DONE)
