"""Sends many rows, many requests in flight, until each row has an outcome."""

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
from .people import SLUG, check_row
from .results_file import ResultsFile
from .rows import Addition, BadRow, Invite, Result, Row, RowOutcome, merge, reason_of

_log = logging.getLogger("sentry_members")

# Sentry allows 25 requests in flight, and counts a request until its response is written.
_MAX_IN_FLIGHT = 24
# How many transient failures in a row end the run. From the third on no request leaves for 1, 2, 4,
# 8 and 16 seconds.
_MAX_FAILURES = 8
_LONGEST_WAIT = 60.0
# How many seconds pass at least before a request is repeated whose outcome is unknown.
_REPEAT_DELAY = 1.0
# Failures that say nothing about this row or the following ones. `is_transient` is not the same: it
# also holds for a success that can't be read, and not for every request without a response.
_TRANSIENT_ERRORS = (NoAnswerError, RateLimitError, ServerError)
_DONE_EARLIER = "done by an earlier request, whose response was lost"


async def onboard(
    sentry: AsyncSentryMembers,
    organization_id_or_slug: str,
    rows: Iterable[Row],
    results_file: ResultsFile | None = None,
    *,
    send_invite: bool = True,
) -> AsyncGenerator[Result]:
    """Bring many people into an organization and onto its teams.

    At most 24 requests are in flight, and as many a second as the rate limiter's figures allow.
    Requests that the rate limiter rejects, or that never reached Sentry, are sent again. A request
    without a response, or with a 5xx, may have acted: it is repeated once, after all other rows. If
    the person is invited or on the team then, the first request did it.

    Some errors would be the same for every similar row, such as a wrong token or a used-up invite
    quota. After such an error about an invite no more invites are sent, after one about an addition
    no more additions. After half a minute without a response nothing more is sent.

    `contextlib.aclosing` ends the run early, and so does cancelling the task that it runs in: the
    remaining rows are then recorded as not attempted, and those in flight as unknown.
    It needs asyncio.

    Args:
        sentry: The client. Its `attempts` are not used.
        organization_id_or_slug: The ID or slug of the organization.
        rows: Who is to be invited, and who is to be added to which team, each once. They are taken
            one by one, when they can be sent.
        results_file: Where to record what is sent and its outcome. Rows that already have a final
            outcome there are skipped; rows with an unknown outcome are retried.
        send_invite: Whether Sentry sends an e-mail with each invite.

    Yields:
        The result of each row, in the order of the responses; of an invite for several lines of a
        file, one for each line. Of a row that was not attempted, `error` is what ended the run, or
        why the row can't be sent.

    Raises:
        InvalidArgumentError: The organization can't be sent. Nothing was.
        ResultsFileError: The file can't be written. Nothing was sent after that.
    """
    if not (isinstance(organization_id_or_slug, str) and SLUG.fullmatch(organization_id_or_slug)):
        raise InvalidArgumentError(
            f"organization_id_or_slug is {organization_id_or_slug!r}: an ID or a slug is letters, "
            "digits, - and _"
        )
    run = _Run(
        sentry.with_options(attempts=1), organization_id_or_slug, rows, results_file, send_invite
    )
    tasks = {asyncio.create_task(run.next_result()) for _ in range(_MAX_IN_FLIGHT)}
    try:
        while tasks:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                result = task.result()
                tasks.remove(task)
                if result:
                    tasks.add(asyncio.create_task(run.next_result()))
                    for each in result.each_line():
                        yield each
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        run.interrupt()


@dataclass(slots=True)
class _Attempt:
    """A row to send.

    Attributes:
        row: The row.
        is_repeated: Whether an earlier request for it may have acted.
        may_be_invited: Whether a request for another role or other teams may have invited the person.
        not_before: When it may be sent, by the monotonic clock.
        unusable: Why it can't be sent at all.
    """

    row: Row
    is_repeated: bool
    may_be_invited: bool = False
    not_before: float = 0.0
    unusable: InvalidArgumentError | None = None


class _Run:
    def __init__(
        self,
        sentry: AsyncSentryMembers,
        organization: str,
        rows: Iterable[Row],
        results_file: ResultsFile | None,
        send_invite: bool,
    ) -> None:
        self._sentry = sentry
        self._organization = organization
        self._rows = iter(rows)
        self._results_file = results_file
        self._send_invite = send_invite
        self._put_back: deque[_Attempt] = deque()
        self._to_repeat: deque[_Attempt] = deque()
        self._pace = Pace()
        self._failures = 0
        # The error that ended the invites, or the additions.
        self._stopped_by: dict[type[Row], SentryMembersError] = {}

    async def next_result(self) -> Result | None:
        """Send rows until one has its result; return None if no row is left."""
        while attempt := self._next_attempt():
            if error := attempt.unusable or self._stopped_by.get(type(attempt.row)):
                return self._give_up(attempt, error)
            if result := await self._send(attempt):
                return result
        return None

    def interrupt(self) -> None:
        """Record that the remaining rows are not sent."""
        while attempt := self._next_attempt():
            self._give_up(attempt, attempt.unusable)

    def _give_up(self, attempt: _Attempt, error: SentryMembersError | None) -> Result:
        """Record that a row is not sent, because of an error or, for None, an interruption."""
        outcome = RowOutcome.NOT_ATTEMPTED
        if attempt.is_repeated:
            outcome = RowOutcome.OUTCOME_UNKNOWN
        detail = reason_of(error) if error else "interrupted"
        result = Result(attempt.row, outcome, detail=detail, error=error)
        if attempt.unusable:
            # Its fields can't be written, so only the reason is recorded.
            bad = BadRow(0, "", "", "", detail)
            self._record(replace(result, row=bad))
        else:
            self._record(result)
        return result

    def _next_attempt(self) -> _Attempt | None:
        """Return the next row to send: rows to repeat come last; None if no row is left."""
        if self._put_back:
            return self._put_back.popleft()
        for row in self._rows:
            try:
                check_row(row)
                rest = self._results_file.remaining(row) if self._results_file else (row,)
            except Exception as error:  # noqa: BLE001 - whatever the fields of the row raise
                reason = f"the row can't be sent ({type(error).__name__}: {error})"
                unusable = InvalidArgumentError(reason)
                return _Attempt(row, is_repeated=False, unusable=unusable)
            if rest:
                return self._attempt(merge(rest))
        return self._to_repeat.popleft() if self._to_repeat else None

    def _attempt(self, row: Row) -> _Attempt:
        if not self._results_file:
            return _Attempt(row, is_repeated=False)
        is_repeated = self._results_file.outcome(row) is RowOutcome.OUTCOME_UNKNOWN
        return _Attempt(row, is_repeated, may_be_invited=self._results_file.has_other_request(row))

    async def _send(self, attempt: _Attempt) -> Result | None:
        """Send a row and record what came of it; return None if it has to be sent again."""
        row = attempt.row
        try:
            await asyncio.sleep(attempt.not_before - time.monotonic())
            await self._pace.wait_for_turn()
        except asyncio.CancelledError:
            self._put_back.append(attempt)
            raise
        if type(row) in self._stopped_by:
            self._put_back.append(attempt)
            return None
        if self._results_file:
            self._results_file.sending(row)
        try:
            result = Result.of(row, await self._call(row))
        except SentryMembersError as error:
            result = Result.of(row, error)
        except asyncio.CancelledError:
            self._record(Result(row, RowOutcome.OUTCOME_UNKNOWN, detail="interrupted"))
            raise
        was_not_processed = _was_not_processed(result)
        self._update_backoff(row, result.error, was_not_processed)
        self._pace.update(self._sentry.rate_limit)
        if was_not_processed:
            result = replace(result, outcome=RowOutcome.NOT_ATTEMPTED)
        if attempt.is_repeated:
            result = _resolve_repeated(result, may_be_invited=attempt.may_be_invited)
        self._record(result)
        if was_not_processed:
            self._put_back.append(attempt)
            return None
        if result.outcome is RowOutcome.OUTCOME_UNKNOWN and not attempt.is_repeated:
            not_before = time.monotonic() + _REPEAT_DELAY
            self._to_repeat.append(replace(attempt, is_repeated=True, not_before=not_before))
            return None
        return result

    async def _call(self, row: Row) -> Member | Outcome:
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
                send_invite=UNSET if self._send_invite else False,
            ),
        )

    def _update_backoff(
        self, row: Row, error: SentryMembersError | None, was_not_processed: bool
    ) -> None:
        """Pause after transient failures; stop after an error that any other row would get."""
        if not isinstance(error, _TRANSIENT_ERRORS):
            self._failures = 0
            if error and was_not_processed:
                self._stop(error, type(row))
        # Requests that left before a pause may fail during it: those failures are not counted.
        elif not self._pace.is_paused:
            self._failures += 1
            wait = 2.0 ** (self._failures - 3) if self._failures > 2 else 0.0
            if isinstance(error, ApiError) and not error.rate_limit:
                wait = max(wait, error.retry_after or 0.0)
            if self._failures == _MAX_FAILURES or wait > _LONGEST_WAIT:
                self._stop(error, Invite, Addition)
            else:
                self._pace.pause(wait)
                if wait:
                    _log.warning(
                        "nothing is sent for %.0f s, because of: %s", wait, reason_of(error)
                    )

    def _stop(self, error: SentryMembersError, *row_types: type[Row]) -> None:
        for row_type in row_types:
            self._stopped_by.setdefault(row_type, error)

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


def _resolve_repeated(result: Result, *, may_be_invited: bool) -> Result:
    """Return what the response to a repeated request says about the first request."""
    match result.outcome:
        case RowOutcome.ALREADY_INVITED if not may_be_invited:
            outcome = RowOutcome.INVITED
        case RowOutcome.ALREADY_ON_TEAM:
            outcome = RowOutcome.ADDED
        case RowOutcome.NOT_ATTEMPTED:
            return replace(result, outcome=RowOutcome.OUTCOME_UNKNOWN)
        case RowOutcome.ALREADY_MEMBER:
            detail = f"{result.detail} Perhaps by the invite whose response was lost."
            return replace(result, detail=detail)
        case _:
            return result
    return replace(result, outcome=outcome, detail=_DONE_EARLIER, error=None)
