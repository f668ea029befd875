"""Many rows, many at once, each to its end."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, replace

from sentry_members.client import AsyncSentryMembers
from sentry_members.errors import (
    ApiError,
    ForbiddenError,
    IdentityProviderTeamError,
    InvalidArgumentError,
    NoAnswerError,
    NotFoundError,
    RateLimitError,
    SentryMembersError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
)
from sentry_members.results import Outcome
from sentry_members_api.models import Member, NewMember
from sentry_members_api.types import UNSET

from .pace import Pace
from .people import SLUG
from .results_file import ResultsFile
from .rows import Addition, Invite, Result, Row, RowOutcome, reason_of

_log = logging.getLogger("sentry_members")

# Sentry allows 25 at once, and counts an answer until the last of it is written.
_AT_ONCE = 24
# How many times in a row nothing may come of asking. From the third on everybody waits, for 1, 2,
# 4, 8 and 16 seconds.
_PATIENCE = 8
_LONGEST_WAIT = 60.0
# How many seconds after a lost answer it is asked again at the earliest.
_SETTLING = 1.0
# What says nothing of the request, nor of those after it.
_IN_VAIN = (NoAnswerError, RateLimitError, ServerError)


async def onboard(
    sentry: AsyncSentryMembers,
    organization_id_or_slug: str,
    rows: Iterable[Row],
    results_file: ResultsFile | None = None,
) -> AsyncGenerator[Result]:
    """Bring many people into an organization and onto its teams; tell what came of each.

    At most 24 requests are under way at once, and as many a second as the request limiter's
    figures allow. What it refuses all the same is asked again, and so is what was never sent.
    Where the answer was lost, or was a 5xx, it is asked once more after all others: whoever is
    found invited then, or on the team, is so by the first time. Where an answer shows that no
    other can be better (the invite quota is used up, the token or the organization is no good,
    nobody has answered for half a minute), nothing more of its kind is sent: the other kind, of
    invites and additions, goes on until it meets an end of its own.

    `contextlib.aclosing` ends it early, and so does cancelling the task that it runs in: the rows
    that are left are then written down as not attempted, and those under way as unknown.
    It needs asyncio.

    Args:
        sentry: The client. Its `attempts` are not used.
        organization_id_or_slug: The ID or slug of the organization.
        rows: Who is to be invited, and who is to be added to which team, each once. They are taken
            one by one, as their turns come.
        results_file: Where to write down what is sent and what came of it. Rows of which it has a
            final outcome are passed over; one whose answer was lost is asked again.

    Yields:
        What came of each row, in the order of the answers. Of one that was not attempted `error` is
        what ended the run.

    Raises:
        InvalidArgumentError: The organization can't be sent. Nothing was.
        ResultsFileError: The file can't be written. Nothing was sent after that.
    """
    if not (isinstance(organization_id_or_slug, str) and SLUG.fullmatch(organization_id_or_slug)):
        raise InvalidArgumentError(
            f"organization_id_or_slug is {organization_id_or_slug!r}: an ID or a slug is letters, "
            "digits, - and _"
        )
    run = _Run(sentry.with_options(attempts=1), organization_id_or_slug, rows, results_file)
    tasks = {asyncio.create_task(run.next()) for _ in range(_AT_ONCE)}
    try:
        while tasks:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                result = task.result()
                tasks.remove(task)
                if result:
                    tasks.add(asyncio.create_task(run.next()))
                    yield result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        run.interrupt()


@dataclass(slots=True)
class _Turn:
    """A row to ask for; once more, if the answer was lost before."""

    row: Row
    is_repeated: bool
    not_before: float = 0.0


class _Run:
    def __init__(
        self,
        sentry: AsyncSentryMembers,
        organization: str,
        rows: Iterable[Row],
        results_file: ResultsFile | None,
    ) -> None:
        self._sentry = sentry
        self._organization = organization
        self._rows = iter(rows)
        self._results_file = results_file
        self._put_back: deque[_Turn] = deque()
        self._repeated: deque[_Turn] = deque()
        self._pace = Pace()
        self._in_vain = 0
        # By the kind of the rows that have no better to expect.
        self._stopped_by: dict[type[Row], SentryMembersError] = {}

    async def next(self) -> Result | None:
        """Ask for rows until one comes to its end; None if nothing is left to ask for."""
        while turn := self._take():
            if error := self._stopped_by.get(type(turn.row)):
                return self._leave(turn, error)
            if result := await self._ask(turn):
                return result
        return None

    def interrupt(self) -> None:
        """Write down that the rows that are left are not asked for."""
        while turn := self._take():
            self._leave(turn, None)

    def _leave(self, turn: _Turn, error: SentryMembersError | None) -> Result:
        outcome = RowOutcome.NOT_ATTEMPTED
        if turn.is_repeated:
            outcome = RowOutcome.OUTCOME_UNKNOWN
        detail = reason_of(error) if error else "interrupted"
        result = Result(turn.row, outcome, detail=detail, error=error)
        self._record(result)
        return result

    def _take(self) -> _Turn | None:
        if self._put_back:
            return self._put_back.popleft()
        for row in self._rows:
            outcome = self._results_file.outcome(row) if self._results_file else None
            if not (outcome and outcome.is_final):
                return _Turn(row, is_repeated=outcome is RowOutcome.OUTCOME_UNKNOWN)
        return self._repeated.popleft() if self._repeated else None

    async def _ask(self, turn: _Turn) -> Result | None:
        """What came of a row; None if it isn't at its end yet."""
        row = turn.row
        try:
            await asyncio.sleep(turn.not_before - time.monotonic())
            await self._pace.turn()
        except asyncio.CancelledError:
            self._put_back.append(turn)
            raise
        if type(row) in self._stopped_by:
            self._put_back.append(turn)
            return None
        if self._results_file:
            self._results_file.sending(row)
        try:
            result = Result.of(row, await self._send(row))
        except SentryMembersError as error:
            result = Result.of(row, error)
        except asyncio.CancelledError:
            self._record(Result(row, RowOutcome.OUTCOME_UNKNOWN, detail="interrupted"))
            raise
        is_turned_away = _was_not_processed(result)
        self._heed(row, result.error, is_turned_away)
        self._pace.hear(self._sentry.rate_limit)
        if is_turned_away:
            result = replace(result, outcome=RowOutcome.NOT_ATTEMPTED)
        if turn.is_repeated:
            result = _understood(result)
        self._record(result)
        if is_turned_away:
            self._put_back.append(turn)
            return None
        if result.outcome is RowOutcome.OUTCOME_UNKNOWN and not turn.is_repeated:
            not_before = time.monotonic() + _SETTLING
            self._repeated.append(_Turn(row, is_repeated=True, not_before=not_before))
            return None
        return result

    async def _send(self, row: Row) -> Member | Outcome:
        if isinstance(row, Addition):
            return await self._sentry.add_an_organization_member_to_a_team(
                self._organization, row.member_id, row.team
            )
        return await self._sentry.add_a_member_to_an_organization(
            self._organization,
            NewMember(
                email=row.email,
                org_role=row.org_role or UNSET,
                team_roles=list(row.team_roles) or UNSET,
            ),
        )

    def _heed(self, row: Row, error: SentryMembersError | None, is_turned_away: bool) -> None:
        """Wait where Sentry does not answer; stop where no other row can fare better."""
        if not isinstance(error, _IN_VAIN):
            self._in_vain = 0
            if error and is_turned_away:
                self._stop(error, type(row))
        # What fails while everybody waits left before that.
        elif not self._pace.is_held:
            self._in_vain += 1
            wait = 2.0 ** (self._in_vain - 3) if self._in_vain > 2 else 0.0
            if isinstance(error, ApiError) and not error.rate_limit:
                wait = max(wait, error.retry_after or 0.0)
            if self._in_vain == _PATIENCE or wait > _LONGEST_WAIT:
                self._stop(error, Invite, Addition)
            else:
                self._pace.hold(wait)
                if wait:
                    _log.warning(
                        "nothing is sent for %.0f s, because of: %s", wait, reason_of(error)
                    )

    def _stop(self, error: SentryMembersError, *kinds: type[Row]) -> None:
        for kind in kinds:
            self._stopped_by.setdefault(kind, error)

    def _record(self, result: Result) -> None:
        if self._results_file:
            self._results_file.record(result)


def _was_not_processed(result: Result) -> bool:
    """Return whether the response says nothing about the row itself: any row would get it."""
    error = result.error
    if error is None or error.may_have_acted:
        return False
    match error:
        case ApiError(from_gateway=True):
            return True
        case NotFoundError():
            return isinstance(result.row, Invite)
        case IdentityProviderTeamError() | InvalidArgumentError():
            return False
        case ForbiddenError() | TooManyRequestsError() | UnauthorizedError():
            return True
        case ApiError():
            return error.is_transient or error.status < 400
        case _:
            return True


def _understood(result: Result) -> Result:
    """What the answer to a repeated request says of the first one."""
    match result.outcome:
        case RowOutcome.ALREADY_INVITED:
            outcome = RowOutcome.INVITED
        case RowOutcome.ALREADY_ON_TEAM:
            outcome = RowOutcome.ADDED
        case RowOutcome.NOT_ATTEMPTED:
            return replace(result, outcome=RowOutcome.OUTCOME_UNKNOWN)
        case RowOutcome.ALREADY_MEMBER:
            detail = f"{result.detail} Perhaps by the invite whose answer was lost."
            return replace(result, detail=detail)
        case _:
            return result
    return replace(result, outcome=outcome, detail="found so when asked again", error=None)
