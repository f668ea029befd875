"""The one way out: every request, of a method or of a generated function, is sent from here.

A request that is not an operation of the contract is rejected. A success of the operation is passed
to the generated parser. Every other response, and every lost one, is raised as an exception of
`sentry_members.errors`. A request is retried where that is safe.

No exception has frames from further inside in its traceback: they hold the credential.
"""

import logging
import random
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import aclosing, closing
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Generic, NamedTuple, Self, TypeVar, cast

import httpx

from . import errors
from .auth import Credentials
from .connections import Network, Slots
from .error_mapping import map_error, unreadable
from .routes import BAD_DATA, OperationRequest, identify, is_of_signal_handler

if TYPE_CHECKING:
    import anyio

MAX_CONCURRENT_CALLS = 25
"""How many calls of a client may be in flight, as Sentry allows a caller; further ones wait."""

MAX_SECONDS_WAITED = 60.0
"""How many seconds a call may wait between its attempts, in all."""

MAX_BODY = 10 * 1024 * 1024
"""How many bytes the body of a response may have, as it arrives and decompressed."""

PARSED = "sentry_members.parsed"
"""The key of a response's extensions under which the parsed body of a success is."""

_log = logging.getLogger("sentry_members")

_WRONG_CLIENT = (
    "give the generated client of SentryMembers to the sync functions, and that of "
    "AsyncSentryMembers to the asyncio functions"
)
_WRONG_STREAM = "the client's `transport` sends a sync client an async response, or the reverse"
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)
# What httpx and the operating system raise for a failure of the network. Anything else passes
# through, such as a cancellation, and so does whatever a signal handler raises.
_NETWORK_ERRORS = (httpx.RequestError, httpx.StreamError, OSError, UnicodeError)

TransportT = TypeVar("TransportT", httpx.BaseTransport, httpx.AsyncBaseTransport)
SlotsT = TypeVar("SlotsT", Slots, "anyio.Semaphore")


class Settings(NamedTuple):
    """The settings of a client."""

    credentials: Credentials
    timeout: httpx.Timeout
    attempts: int


class Retries:
    """Decides how long a call waits after each failed attempt."""

    def __init__(self, attempts: int, *, is_repeatable: bool) -> None:
        self._attempts = attempts
        self._is_repeatable = is_repeatable
        self._number = 1
        self._waited = 0.0

    def wait_after(self, error: errors.SentryMembersError) -> float:
        """Return the seconds to wait before the next attempt, or raise the error to give up."""
        is_safe = self._is_repeatable or not error.may_have_acted
        if not (error.is_transient and is_safe and self._number < self._attempts):
            raise error
        retry_after = error.retry_after if isinstance(error, errors.ApiError) else None
        wait = 2.0 ** (self._number - 2) if retry_after is None else retry_after
        wait += random.uniform(0, 0.5)
        self._waited += wait
        if self._waited > MAX_SECONDS_WAITED:
            raise error
        self._number += 1
        _log.warning(
            "attempt %d of %d in %.1f s, because of: %s", self._number, self._attempts, wait, error
        )
        return wait


class _BodyError(httpx.ReadError):
    """The body of a response is too large, or takes too long."""


class Exchange:
    """One attempt: a request, and what has arrived of its response."""

    def __init__(self, call: OperationRequest) -> None:
        self.call = call
        self.response: httpx.Response | None = None
        self.body = bytearray()
        self._encoding = ""
        self.seconds: float = sum(call.request.extensions["timeout"].values())
        self._deadline = time.monotonic() + self.seconds

    def begin(self, response: httpx.Response) -> None:
        """Keep the response, whose body is to be read as it arrives."""
        self.response = response
        # Else a generated function would send it with each later request, or fail to. To set the
        # policy of the cookie jar is not enough: `with_timeout` makes a new jar.
        response.headers.pop("Set-Cookie", None)
        if response.is_closed:
            # A caller's own transport has read and decompressed the body.
            response.stream = httpx.ByteStream(response.content)
        else:
            self._encoding = response.headers.pop("Content-Encoding", "").lower()

    def add(self, part: bytes) -> None:
        """Keep a part of the body; raise if it is too large or too late."""
        if time.monotonic() > self._deadline:
            raise _BodyError(f"took more than {self.seconds} s")
        self.body += part
        self._check_size()

    def end(self) -> None:
        """Decompress the body; raise if it is too large or can't be decompressed.

        httpx would decompress each part as a whole, however large that becomes.
        """
        if self._encoding == "gzip":
            decoder = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: of gzip's format.
            try:
                self.body = bytearray(decoder.decompress(self.body, MAX_BODY + 1))
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error
            self._check_size()

    def _check_size(self) -> None:
        if len(self.body) > MAX_BODY:
            raise _BodyError(f"has more than {MAX_BODY // 1024**2} MiB")


class _Transport(httpx.BaseTransport, httpx.AsyncBaseTransport, Generic[TransportT, SlotsT]):
    """What the sync and the async transport share: everything but sending.

    Its `close` does nothing, because closing the generated client must not close the connections:
    they belong to the client. `end` closes the transport for good.
    """

    def __init__(
        self, network: Network[TransportT, SlotsT], settings: Settings, parent: Self | None = None
    ) -> None:
        self.network: Network[TransportT, SlotsT] = network
        self.settings = settings
        self._parent = parent
        self.latest_headers = httpx.Headers()
        self._is_ended = False

    def sibling(self, settings: Settings) -> Self:
        """Return a transport with other settings over the same connections."""
        return type(self)(self.network, settings, self)

    @property
    def is_ended(self) -> bool:
        """Whether this transport, or one that it was made from, sends nothing any more."""
        transport: _Transport[TransportT, SlotsT] | None = self
        while transport is not None and not transport._is_ended:
            transport = transport._parent
        return transport is not None

    def end(self) -> bool:
        """Send nothing from now on; return whether the connections must be closed, too."""
        self._is_ended = True
        return self._parent is None

    def _prepare(self, request: httpx.Request) -> tuple[OperationRequest, Retries]:
        """Identify a request, and add finite timeouts and the credential.

        Raises:
            ConfigurationError: The request is for another server than the credential.
            InvalidArgumentError: The request is not an operation of the contract.
        """
        credentials = self.settings.credentials
        if _origin(request.url) != _origin(credentials.url):
            raise errors.ConfigurationError(
                f"the credential is for {credentials.url}, not for {request.url.host}"
            )
        call = identify(request, credentials)
        # The user may have given the generated client a timeout with parts that never end.
        given: dict[str, float | None] = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            part: part_given if 0 < (part_given := given.get(part) or 0) <= TIMEOUT_MAX else seconds
            for part, seconds in self.settings.timeout.as_dict().items()
        }
        request.headers.pop("Authorization", None)
        request.headers[credentials.header] = credentials.secret.reveal()
        for name, value in credentials.headers.items():
            request.headers[name] = value.reveal()
        return call, Retries(self.settings.attempts, is_repeatable=call.route.is_repeatable)

    # Of each class, one of these is left as it is here.
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise errors.ConfigurationError(_WRONG_CLIENT)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise errors.ConfigurationError(_WRONG_CLIENT)

    def _exchange(self, call: OperationRequest) -> Exchange:
        if self.is_ended:
            raise errors.ConfigurationError("this client is closed: make a new one")
        return Exchange(call)

    def _outcome(
        self, exchange: Exchange, error: BaseException | None
    ) -> httpx.Response | errors.SentryMembersError:
        """Return the response of a success, and otherwise the error to raise.

        Raises:
            BaseException: What interrupted the attempt, if it was not a failure of the network.
        """
        call, response, note = exchange.call, exchange.response, ""
        for interruption in filter(is_of_signal_handler, _causes(error)):
            raise interruption
        if error is not None and not isinstance(error, _NETWORK_ERRORS):
            if not type(error).__module__.startswith("socksio"):
                raise error
            # httpcore passes it through.
            error = httpx.ProxyError(f"not the reply of a SOCKS proxy: {error}")
        if response is None:
            assert isinstance(error, Exception)
            return _no_answer(call, error)
        self.latest_headers = response.headers
        if _log.isEnabledFor(logging.INFO):
            line = f"{call.request.method} {call.request.url}"
            _log.info("%s: %d", call.redacted_line(line), response.status_code)
        if error is None:
            response._content = bytes(exchange.body)  # As the response's own `read` does.
        else:
            broke = f"broke ({type(error).__name__})"
            note = f"its body {error if isinstance(error, _BodyError) else broke}"
            response = httpx.Response(response.status_code, headers=response.headers, content=b"")
        if response.status_code not in call.route.successes:
            return map_error(call, response, note)
        try:
            # A parser that expects no body ignores one that broke off.
            response.extensions[PARSED] = call.route.parse(response=response)
            return response
        except BAD_DATA as parse_error:
            if is_of_signal_handler(parse_error):
                raise
            note = note or f"{type(parse_error).__name__}: {parse_error}"
        # Built outside the except block: the parser's frames hold the unredacted response.
        return unreadable(call, response, note)


class SyncTransport(_Transport[httpx.BaseTransport, Slots]):
    """Sends the requests of a sync client."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._send(request)
        except BaseException as error:  # noqa: BLE001 - raised again
            failure = error
        if not isinstance(failure, errors.SentryMembersError):
            # A signal handler's exception may have left a slot taken, or a lock of the connections
            # locked, for ever.
            self.network.renew()
        raise _without_inner_frames(failure)

    def _send(self, request: httpx.Request) -> httpx.Response:
        with self.network.slots:
            call, retries = self._prepare(request)
            while True:
                outcome = self._attempt(self._exchange(call))
                if isinstance(outcome, httpx.Response):
                    return outcome
                time.sleep(retries.wait_after(outcome))

    def _attempt(self, exchange: Exchange) -> httpx.Response | errors.SentryMembersError:
        failure: BaseException | None = None
        transport = self.network.transport
        try:
            response = transport.handle_request(exchange.call.request)
            exchange.begin(response)
            assert isinstance(response.stream, httpx.SyncByteStream), _WRONG_STREAM
            with closing(response):
                for part in response.stream:
                    exchange.add(part)
            exchange.end()
        except BaseException as error:  # noqa: BLE001 - judged below
            failure = error
        return self._outcome(exchange, failure)


class AsyncTransport(_Transport[httpx.AsyncBaseTransport, "anyio.Semaphore"]):
    """Sends the requests of an async client."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._send(request)
        except BaseException as error:  # noqa: BLE001 - raised again
            failure = error
        raise _without_inner_frames(failure)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        from anyio import sleep  # Imported here: a sync client doesn't need it.

        self.network.check_loop()
        async with self.network.slots:
            call, retries = self._prepare(request)
            while True:
                outcome = await self._attempt(self._exchange(call))
                if isinstance(outcome, httpx.Response):
                    return outcome
                await sleep(retries.wait_after(outcome))

    async def _attempt(self, exchange: Exchange) -> httpx.Response | errors.SentryMembersError:
        from anyio import move_on_after  # Imported here: a sync client doesn't need it.

        failure: BaseException | None = None
        transport = self.network.transport
        try:
            with move_on_after(exchange.seconds) as scope:
                response = await transport.handle_async_request(exchange.call.request)
                exchange.begin(response)
                assert isinstance(response.stream, httpx.AsyncByteStream), _WRONG_STREAM
                async with aclosing(response):
                    async for part in response.stream:
                        exchange.add(part)
                exchange.end()
            if scope.cancelled_caught:
                failure = TimeoutError("the deadline has passed")
        except BaseException as error:  # noqa: BLE001 - judged below
            failure = error
        return self._outcome(exchange, failure)


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, url.raw_host, url.port


def _without_inner_frames(error: BaseException) -> BaseException:
    """Cut off what leads to the frames of a request, which hold the credential."""
    error.__cause__ = error.__context__ = None
    cut = error.with_traceback(None)
    if isinstance(error, BaseExceptionGroup):
        for member in cast(BaseExceptionGroup[BaseException], error).exceptions:
            _without_inner_frames(member)
    return cut


def _no_answer(call: OperationRequest, error: Exception) -> errors.SentryMembersError:
    """Convert a network error to NoAnswerError, or to ConfigurationError if a setting is the cause."""
    name, causes = type(error).__name__, tuple(_causes(error))
    description = call.redacted_line(next(filter(len, map(str, causes)), "no reason"))
    if any(type(cause).__name__ == "SSLCertVerificationError" for cause in causes):
        return errors.ConfigurationError(
            f"the certificate of {call.host} is not trusted ({description}). Nothing was sent. "
            "If its authority is your own, trust that in the system's store, or name its file in "
            "SSL_CERT_FILE"
        )
    # The last two are httpcore's words for SOCKS.
    if name == "ProxyError" and str(error).startswith(("407", "Requested", "Invalid username")):
        return errors.ConfigurationError(
            f"the proxy before {call.host} requires another user and password, or none "
            f"({description}). Nothing was sent. Correct the proxy's URL, such as that of "
            "HTTPS_PROXY; NTLM and Kerberos are not supported"
        )
    reason = f"no response from {call.host} ({name}: {description})"
    error_type = errors.NoAnswerError
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        error_type = errors.AnswerTimeoutError
        timeouts = call.request.extensions["timeout"]
        seconds = timeouts.get(name.removesuffix("Timeout").lower(), sum(timeouts.values()))
        reason = f"no response from {call.host} within {seconds} s ({name})"
    elif isinstance(error, _BROKEN) or name.startswith("SSL"):
        # In asyncio, httpcore passes the errors of TLS through once the connection is made.
        error_type = errors.ConnectionFailedError
    may_have_arrived = not isinstance(error, _NOT_SENT)
    advice = errors.REPEATING_IS_SAFE if may_have_arrived else "The request was not sent."
    return error_type(
        f"{call}: {reason}. {advice}",
        operation=call.route.name,
        host=call.host,
        may_have_arrived=may_have_arrived,
        reason=f"{reason}. {advice}",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that led to it, the error first."""
    # What the caller handles just now is the last context, and did not lead to the error.
    seen = [sys.exception()]
    while error is not None and error not in seen:
        yield error
        seen.append(error)  # An error may be its own cause.
        error = error.__cause__ or error.__context__
