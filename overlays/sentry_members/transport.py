"""The single place where a request leaves.

A request that is none of the contract's operations is refused. Of what comes back only a success
goes on to the generated parser: every other answer, and every lost one, is raised as one of
`sentry_members.errors`. What is safe to send again is sent again.
"""

import logging
import random
import re
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import unquote

import httpx
from sentry_members_api.api.organizations import add_a_member_to_an_organization
from sentry_members_api.api.teams import add_an_organization_member_to_a_team

from . import errors
from .auth import Credentials
from .connections import AT_ONCE
from .error_mapping import Call, error_of, plain, rate_limit, unreadable
from .scopes import Operation

if TYPE_CHECKING:
    from tenacity import RetryCallState

WAITING_LIMIT = 60.0
"""How many seconds a call may spend waiting between its attempts, in all."""

_log = logging.getLogger("sentry_members")

# An argument as it stands in a path. In it, "/" would be %2F, and "." or ".." would lead to
# another endpoint.
_ARGUMENT = r"(?!\.{1,2}/)((?:[\w.~-]|%(?!2F)[0-9A-F]{2})+)"


def _route(kwargs: dict[str, Any]) -> re.Pattern[str]:
    """The method and the path that a generated function makes, given arguments `x`."""
    parts = [_ARGUMENT if part == "x" else re.escape(part) for part in kwargs["url"].split("/")]
    return re.compile(f"{kwargs['method'].upper()} (?:/[^/?]+)*{'/'.join(parts)}", re.ASCII)


@cache
def _routes() -> dict[Operation, re.Pattern[str]]:
    # No route hangs on a body, and so on no field of it.
    body: Any = SimpleNamespace(to_dict=dict)
    return {
        "add_a_member_to_an_organization": _route(
            add_a_member_to_an_organization._get_kwargs("x", body=body)
        ),
        "add_an_organization_member_to_a_team": _route(
            add_an_organization_member_to_a_team._get_kwargs("x", "x", "x")
        ),
    }


# A second call of these finds the work of the first done, and says so: 204, or 202 once more.
_REPEATABLE: frozenset[Operation] = frozenset({"add_an_organization_member_to_a_team"})

# What an answer of each may be; any other success is somebody else's, such as a login page.
_SUCCESSES: dict[Operation, frozenset[int]] = {
    "add_a_member_to_an_organization": frozenset({201}),
    "add_an_organization_member_to_a_team": frozenset({201, 202, 204}),
}

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

InnerT = TypeVar("InnerT", httpx.BaseTransport, httpx.AsyncBaseTransport)


class _Transport(httpx.BaseTransport, httpx.AsyncBaseTransport, Generic[InnerT]):
    """What the sync and the async transport share: everything but the sending itself.

    Closing it leaves the connections open: they are the client's, and every client that is made
    from the generated one shares its transport.
    """

    def __init__(
        self,
        inner: InnerT,
        credentials: Credentials,
        timeout: httpx.Timeout,
        attempts: int,
        is_closed: Callable[[], bool],
    ) -> None:
        self._inner: InnerT = inner
        self._credentials = credentials
        self._timeout = timeout.as_dict()
        self._attempts = attempts
        self._is_closed = is_closed
        self._headers = httpx.Headers()

    @property
    def rate_limit(self) -> errors.RateLimit | None:
        """The figures of the request limiter in the latest answer."""
        return rate_limit(self._headers)

    def _call(self, request: httpx.Request) -> Call:
        url, own = request.url, self._credentials.url
        if (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
            raise errors.ConfigurationError(f"the credential is for {own}, not for {url.host}")
        # A generated client may have been given a timeout of its own; none waits for ever.
        given: dict[str, float | None] = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            part: given.get(part) or seconds for part, seconds in self._timeout.items()
        }
        line = f"{request.method} {url.raw_path.decode('ascii')}"
        for operation, route in _routes().items():
            if found := route.fullmatch(line):
                arguments = tuple(map(unquote, found.groups()))
                if all(map(str.isprintable, arguments)):
                    return Call(operation, arguments, request)
        raise errors.InvalidArgumentError(
            f"{plain(line)} is no operation of the contract: an ID or a slug can't be empty, `.` "
            "or `..`, nor hold a slash or an unprintable character"
        )

    def _check_open(self) -> None:
        if self._is_closed():
            raise errors.ConfigurationError("this client is closed: make a new one")

    def _judge(self, call: Call, response: httpx.Response) -> httpx.Response | errors.ApiError:
        self._headers = response.headers
        if _log.isEnabledFor(logging.INFO):
            line = f"{call.request.method} {call.request.url}"
            _log.info("%s: %d", call.told(line), response.status_code)
        if response.status_code in _SUCCESSES[call.operation]:
            return response
        return error_of(call, response, self._credentials.token_kind)

    def _broken(
        self, call: Call, response: httpx.Response, error: Exception
    ) -> httpx.Response | errors.ApiError:
        """What an answer is whose status came, and whose body broke."""
        reason = f"its body broke ({type(error).__name__})"
        bodiless = httpx.Response(response.status_code, headers=response.headers.raw, content=b"")
        if response.status_code == HTTPStatus.CREATED:
            return unreadable(call, bodiless, reason)
        # Of the other successes the status tells all.
        if response.status_code in _SUCCESSES[call.operation]:
            return bodiless
        return error_of(call, bodiless, self._credentials.token_kind, reason)

    def _is_final(self, call: Call, error: BaseException) -> bool:
        if isinstance(error, errors.RequestLimitError | errors.SentryUnreachableError):
            return False
        if isinstance(error, errors.AnswerTimeoutError | errors.ConnectionFailedError):
            return error.may_have_arrived and call.operation not in _REPEATABLE
        if isinstance(error, errors.ServerError | errors.UnreadableAnswerError):
            return call.operation not in _REPEATABLE
        return True

    def _policy(self, call: Call) -> dict[str, Any]:
        """How tenacity is to go on after a first attempt that failed."""

        def error_in(state: "RetryCallState") -> Any:
            assert state.outcome is not None
            return state.outcome.exception()

        def retry(state: "RetryCallState") -> bool:
            error = error_in(state)
            return error is not None and not self._is_final(call, error)

        def wait(state: "RetryCallState") -> float:
            told: float | None = getattr(error_in(state), "retry_after", None)
            seconds = 2.0 ** (state.attempt_number - 2) if told is None else told
            return seconds + random.uniform(0, 0.5)

        def stop(state: "RetryCallState") -> bool:
            return (
                state.attempt_number >= self._attempts
                or state.idle_for + state.upcoming_sleep > WAITING_LIMIT
            )

        def before_sleep(state: "RetryCallState") -> None:
            _log.warning(
                "attempt %d of %d in %.1f s, because of: %s",
                state.attempt_number + 1,
                self._attempts,
                state.upcoming_sleep,
                error_in(state),
            )

        return {
            "retry": retry,
            "wait": wait,
            "stop": stop,
            "before_sleep": before_sleep,
            "reraise": True,
        }


class SyncTransport(_Transport[httpx.BaseTransport]):
    """Sends the requests of a sync client by its inner transport."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.send(self._call(request))

    def send(self, call: Call) -> httpx.Response:
        """The answer to a call, its body read, if it is a success.

        Raises:
            SentryMembersError: It is none, or none came, or the client is closed.
        """
        self._check_open()
        outcome = self._attempt(call)
        if isinstance(outcome, httpx.Response):
            return outcome
        if self._attempts == 1 or self._is_final(call, outcome):
            raise outcome

        from tenacity import Retrying  # most calls never need it

        made = [outcome]

        def attempt() -> httpx.Response:
            self._check_open()
            outcome = made.pop() if made else self._attempt(call)
            if isinstance(outcome, errors.SentryMembersError):
                raise outcome
            return outcome

        return Retrying(**self._policy(call))(attempt)

    def _attempt(self, call: Call) -> httpx.Response | errors.SentryMembersError:
        try:
            response = self._inner.handle_request(call.request)
        except Exception as error:  # noqa: BLE001 - an inner transport may raise anything
            return _no_answer(call, error)
        try:
            response.read()
        except Exception as error:  # noqa: BLE001 - an inner transport may raise anything
            return self._broken(call, response, error)
        finally:
            response.close()
        return self._judge(call, response)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise errors.ConfigurationError(
            "this is the generated client of SentryMembers: give it to the sync functions, or "
            "take that of AsyncSentryMembers"
        )


class AsyncTransport(_Transport[httpx.AsyncBaseTransport]):
    """Sends the requests of an async client by its inner transport.

    Attributes:
        turn: Held during a call: `AT_ONCE` calls have theirs at the same time.
    """

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        from anyio import Semaphore  # a sync client doesn't need it

        self.turn = Semaphore(AT_ONCE, fast_acquire=True)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self.turn:
            return await self.send(self._call(request))

    async def send(self, call: Call) -> httpx.Response:
        """As `SyncTransport.send`, awaited."""
        self._check_open()
        outcome = await self._attempt(call)
        if isinstance(outcome, httpx.Response):
            return outcome
        if self._attempts == 1 or self._is_final(call, outcome):
            raise outcome

        from tenacity import AsyncRetrying  # most calls never need it

        made = [outcome]

        async def attempt() -> httpx.Response:
            self._check_open()
            outcome = made.pop() if made else await self._attempt(call)
            if isinstance(outcome, errors.SentryMembersError):
                raise outcome
            return outcome

        return await AsyncRetrying(**self._policy(call))(attempt)

    async def _attempt(self, call: Call) -> httpx.Response | errors.SentryMembersError:
        try:
            response = await self._inner.handle_async_request(call.request)
        except Exception as error:  # noqa: BLE001 - an inner transport may raise anything
            return _no_answer(call, error)
        try:
            await response.aread()
        except Exception as error:  # noqa: BLE001 - an inner transport may raise anything
            return self._broken(call, response, error)
        finally:
            await response.aclose()
        return self._judge(call, response)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise errors.ConfigurationError(
            "this is the generated client of AsyncSentryMembers: give it to the asyncio functions, "
            "or take that of SentryMembers"
        )


def _no_answer(call: Call, error: Exception) -> errors.NoAnswerError:
    """The error that a lost answer is. The frames of the original, which hold the token, go."""
    request, name = call.request, type(error).__name__
    told = f"no answer from {request.url.host} ({name}: {call.told(str(error)) or 'no reason'})"
    kind = errors.NoAnswerError
    if isinstance(error, httpx.TimeoutException):
        kind = errors.AnswerTimeoutError
        seconds = request.extensions["timeout"].get(name.removesuffix("Timeout").lower())
        told = f"no answer from {request.url.host} within {seconds} s ({name})"
    elif isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError | httpx.ProxyError):
        kind = errors.ConnectionFailedError
    may_have_arrived = not isinstance(error, _NOT_SENT)
    advice = errors.REPEATING_IS_SAFE if may_have_arrived else "The request was not sent."
    reason = f"{told}. {advice}"
    attributes = {"operation": call.operation, "may_have_arrived": may_have_arrived}
    return kind(f"{call}: {reason}", reason=reason, **attributes)
