"""The one way out: every request, of a method or of a generated function, is sent from here.

A request that is not an operation of the contract is rejected. Of the responses, only a success of
the operation goes on to the generated parser; every other one, and every lost one, is raised as one
of `sentry_members.errors`. What is safe to send again is sent again.
"""

import logging
import random
import time
from http import HTTPStatus
from threading import Semaphore
from typing import TYPE_CHECKING, Generic, NamedTuple, Self, TypeVar

import httpx

from . import errors
from .auth import Credentials
from .error_mapping import map_error, rate_limit, unreadable
from .routes import OperationRequest, identify

if TYPE_CHECKING:
    import anyio

MAX_CONCURRENT_CALLS = 25
"""How many calls of a client are in flight; further ones wait. Sentry allows a caller as many."""

MAX_SECONDS_WAITED = 60.0
"""How many seconds a call may spend waiting between its attempts, in all."""

_log = logging.getLogger("sentry_members")

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)

NetworkT = TypeVar("NetworkT", httpx.BaseTransport, httpx.AsyncBaseTransport)
SlotsT = TypeVar("SlotsT", Semaphore, "anyio.Semaphore")


class Settings(NamedTuple):
    """What a client is made with, its connections aside."""

    credentials: Credentials
    timeout: httpx.Timeout
    attempts: int


class Retries:
    """Decides how long a call waits after each failed attempt."""

    def __init__(self, attempts: int, *, is_repeatable: bool) -> None:
        self._attempts = attempts
        self._is_repeatable = is_repeatable
        self._failed = 0
        self._waited = 0.0

    def wait_after(self, error: errors.SentryMembersError) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up."""
        self._failed += 1
        is_safe = self._is_repeatable or not error.may_have_acted
        if not (error.is_transient and is_safe and self._failed < self._attempts):
            return None
        retry_after = error.retry_after if isinstance(error, errors.ApiError) else None
        wait = 2.0 ** (self._failed - 2) if retry_after is None else retry_after
        wait += random.uniform(0, 0.5)
        self._waited += wait
        if self._waited > MAX_SECONDS_WAITED:
            return None
        number = self._failed + 1
        _log.warning(
            "attempt %d of %d in %.1f s, because of: %s", number, self._attempts, wait, error
        )
        return wait


class _Transport(httpx.BaseTransport, httpx.AsyncBaseTransport, Generic[NetworkT, SlotsT]):
    """What the sync and the async transport share: everything but the sending itself.

    Closing it leaves the connections open: they belong to the client, and every client made from
    the generated one shares its transport.
    """

    def __init__(
        self, network: NetworkT, slots: SlotsT, settings: Settings, parent: Self | None = None
    ) -> None:
        self.network: NetworkT = network
        self.settings = settings
        self._slots: SlotsT = slots
        self._parent = parent
        self._root = settings.credentials.url.path.rstrip("/")
        self._timeout = settings.timeout.as_dict()
        self._latest_headers = httpx.Headers()
        self._is_ended = False

    def sibling(self, settings: Settings) -> Self:
        """Make a transport with other settings, over the same connections and slots."""
        return type(self)(self.network, self._slots, settings, self)

    @property
    def is_ended(self) -> bool:
        """Whether nothing is sent any more."""
        return self._is_ended or (self._parent is not None and self._parent.is_ended)

    def end(self) -> bool:
        """Send nothing from now on; return whether the connections are to be closed, too."""
        self._is_ended = True
        return self._parent is None

    @property
    def rate_limit(self) -> errors.RateLimit | None:
        """The figures of the rate limiter in the latest response."""
        return rate_limit(self._latest_headers)

    def unreadable(
        self, request: httpx.Request, response: httpx.Response, reason: str
    ) -> errors.UnreadableAnswerError:
        """Build the error for a success whose body can't be parsed."""
        return unreadable(identify(request, self._root), response, reason)

    def _prepare(self, request: httpx.Request) -> tuple[OperationRequest, Retries]:
        """Identify a request; give it finite timeouts and the credential.

        Raises:
            ConfigurationError: It is for another server than the credential.
            InvalidArgumentError: It is not an operation of the contract.
        """
        credentials = self.settings.credentials
        url, own = request.url, credentials.url
        if (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
            raise errors.ConfigurationError(f"the credential is for {own}, not for {url.host}")
        call = identify(request, self._root)
        # A generated client may have been given a timeout of its own, with parts that are None.
        given: dict[str, float | None] = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            part: given.get(part) or seconds for part, seconds in self._timeout.items()
        }
        if credentials.header != "Authorization":
            request.headers.pop("Authorization", None)
        request.headers[credentials.header] = credentials.secret.reveal()
        return call, Retries(self.settings.attempts, is_repeatable=call.route.is_repeatable)

    def _check_open(self) -> None:
        if self.is_ended:
            raise errors.ConfigurationError("this client is closed: make a new one")

    def _judge(
        self, call: OperationRequest, response: httpx.Response
    ) -> httpx.Response | errors.ApiError:
        """Return a success as it is, and anything else as the error that it means."""
        self._latest_headers = response.headers
        if _log.isEnabledFor(logging.INFO):
            line = f"{call.request.method} {call.request.url}"
            _log.info("%s: %d", call.redacted_line(line), response.status_code)
        if response.status_code in call.route.successes:
            return response
        return map_error(call, response, self.settings.credentials)

    def _judge_broken(
        self, call: OperationRequest, response: httpx.Response, error: Exception
    ) -> httpx.Response | errors.ApiError:
        """Classify a response whose headers arrived but whose body could not be read."""
        reason = f"its body broke ({type(error).__name__})"
        bodiless = httpx.Response(response.status_code, headers=response.headers.raw, content=b"")
        if response.status_code == HTTPStatus.CREATED:
            return unreadable(call, bodiless, reason)
        # Of the other successes the status code says everything.
        if response.status_code in call.route.successes:
            return bodiless
        return map_error(call, bodiless, self.settings.credentials, reason)


class SyncTransport(_Transport[httpx.BaseTransport, Semaphore]):
    """Sends the requests of a sync client over its connections."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        call, retries = self._prepare(request)
        with self._slots:
            while True:
                self._check_open()
                outcome = self._attempt(call)
                if isinstance(outcome, httpx.Response):
                    return outcome
                wait = retries.wait_after(outcome)
                if wait is None:
                    raise outcome
                time.sleep(wait)

    def _attempt(self, call: OperationRequest) -> httpx.Response | errors.SentryMembersError:
        try:
            response = self.network.handle_request(call.request)
        except Exception as error:  # noqa: BLE001 - a caller's own transport may raise anything
            return _no_answer(call, error)
        try:
            response.read()
        except Exception as error:  # noqa: BLE001 - a caller's own transport may raise anything
            return self._judge_broken(call, response, error)
        finally:
            response.close()
        return self._judge(call, response)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise errors.ConfigurationError(
            "this is the generated client of SentryMembers: give it to the sync functions, or "
            "take that of AsyncSentryMembers"
        )


class AsyncTransport(_Transport[httpx.AsyncBaseTransport, "anyio.Semaphore"]):
    """Sends the requests of an async client over its connections."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        from anyio import sleep  # A sync client doesn't need it.

        call, retries = self._prepare(request)
        async with self._slots:
            while True:
                self._check_open()
                outcome = await self._attempt(call)
                if isinstance(outcome, httpx.Response):
                    return outcome
                wait = retries.wait_after(outcome)
                if wait is None:
                    raise outcome
                await sleep(wait)

    async def _attempt(self, call: OperationRequest) -> httpx.Response | errors.SentryMembersError:
        try:
            response = await self.network.handle_async_request(call.request)
        except Exception as error:  # noqa: BLE001 - a caller's own transport may raise anything
            return _no_answer(call, error)
        try:
            await response.aread()
        except Exception as error:  # noqa: BLE001 - a caller's own transport may raise anything
            return self._judge_broken(call, response, error)
        finally:
            await response.aclose()
        return self._judge(call, response)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise errors.ConfigurationError(
            "this is the generated client of AsyncSentryMembers: give it to the asyncio functions, "
            "or take that of SentryMembers"
        )


def _no_answer(call: OperationRequest, error: Exception) -> errors.NoAnswerError:
    """Convert a network error to NoAnswerError, without the original traceback.

    Its frames hold the token.
    """
    name, description = type(error).__name__, call.redacted_line(str(error)) or "no reason"
    reason = f"no answer from {call.host} ({name}: {description})"
    error_type = errors.NoAnswerError
    if isinstance(error, httpx.TimeoutException):
        error_type = errors.AnswerTimeoutError
        seconds = call.request.extensions["timeout"].get(name.removesuffix("Timeout").lower())
        reason = f"no answer from {call.host} within {seconds} s ({name})"
    elif isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError | httpx.ProxyError):
        error_type = errors.ConnectionFailedError
    may_have_arrived = not isinstance(error, _NOT_SENT)
    advice = errors.REPEATING_IS_SAFE if may_have_arrived else "The request was not sent."
    return error_type(
        f"{call}: {reason}. {advice}",
        operation=call.operation,
        host=call.host,
        may_have_arrived=may_have_arrived,
        reason=f"{reason}. {advice}",
    )
