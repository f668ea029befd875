"""The clients: one method for each operation."""

import re
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from http import HTTPStatus
from json import JSONEncoder
from threading import TIMEOUT_MAX
from types import ModuleType
from typing import Any, Generic, NoReturn, Self, TypeVar, cast

import attrs
import httpx
from sentry_members_api import AuthenticatedClient
from sentry_members_api.api.organizations import add_a_member_to_an_organization as add_member
from sentry_members_api.api.teams import add_an_organization_member_to_a_team as add_to_team
from sentry_members_api.models import Member, NewMember

from .auth import Credentials, resolve
from .connections import AsyncConnections, Network, Slots, connector
from .error_mapping import rate_limit
from .errors import InvalidArgumentError, RateLimit
from .results import AccessRequested, Added, AlreadyOnTeam, Outcome
from .routes import BAD_DATA, is_of_signal_handler
from .secret import Secret
from .transport import MAX_CONCURRENT_CALLS, PARSED, AsyncTransport, Settings, SyncTransport

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0

_encode = JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_DOTS = re.compile(r"(?<=/)\.{1,2}(?=/)")

NetworkT = TypeVar("NetworkT", httpx.BaseTransport, httpx.AsyncBaseTransport)
TransportT = TypeVar("TransportT", SyncTransport, AsyncTransport)


class _BaseClient(ABC, Generic[NetworkT, TransportT]):
    """What the sync and the async client share: everything but sending.

    The methods that send are declared here for their documentation, which both inherit.
    """

    _kind: type[NetworkT]
    _connections: type[NetworkT]
    _transport_type: type[TransportT]

    def __init__(
        self,
        *,
        token: str | None = None,
        url: str | None = None,
        region: str | None = None,
        gateway_url: str | None = None,
        gateway_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | httpx.Timeout | None = None,
        attempts: int = 3,
        transport: NetworkT | Callable[[NetworkT], NetworkT] | None = None,
    ) -> None:
        """Find the credentials; nothing is sent yet.

        Args:
            token: A user auth token, or an internal integration's. Else `SENTRY_AUTH_TOKEN`, else
                that of `.sentryclirc`.
            url: The root of a Sentry, or its host. Else `SENTRY_HOST` or `SENTRY_URL`, else that of
                `.sentryclirc`, else `https://sentry.io`.
            region: In place of `url`, a region of sentry.io: `"us"` or `"de"`.
            gateway_url: In place of all of these, a gateway that holds the token. Else
                `SENTRY_GATEWAY_URL`.
            gateway_key: The key that the gateway requires. Else `SENTRY_GATEWAY_KEY`.
            headers: Headers that a proxy before Sentry requires, such as Cloudflare Access. Else,
                for hosts other than sentry.io, the `Name: value` pairs of `SENTRY_CUSTOM_HEADERS`,
                separated by `;`. Their values are redacted like the token.
            timeout: The seconds to wait for each part of a response: 30 if None, and at most 5 for
                the connection. Or an `httpx.Timeout` whose parts are all finite. An attempt takes
                at most the sum of the parts, however slowly a response arrives; a sync client
                checks this only when a part of the body has arrived.
            attempts: How many times a call is sent at most. It is sent again where that is safe:
                after the rate limiter's 429, and where no connection could be made; an addition to
                a team also after a 5xx or a connection that broke. The waits between the attempts
                take at most 60 seconds in all.
            transport: An httpx transport that sends the requests, for example with a proxy or TLS
                settings of its own, or for tests; it is closed with the client. By default the
                client makes its own connections, through the environment's proxy. Or a function
                that wraps those, for example to trace the requests. It is called whenever they are
                made: also in a forked process, and after a call of a sync client that ended in an
                exception other than this package's. The old ones are dropped without being closed.

        Raises:
            ConfigurationError: The credentials can't work. `sentry_members.auth` says in which
                order they are looked for.
            InvalidArgumentError: `timeout`, `attempts` or `transport` can't be used.
        """
        named = [*map(_secret, (token, url, region, gateway_url, gateway_key))]
        extra = None
        if isinstance(headers, Mapping) and all(isinstance(name, str) for name in headers):
            extra = [(Secret(name), Secret(value)) for name, value in headers.items()]
        headers_are_invalid = headers is not None and extra is None
        # From here on, no local variable holds a secret that a traceback could show.
        del token, url, region, gateway_url, gateway_key, headers
        if headers_are_invalid:
            raise InvalidArgumentError("headers must map the names of headers to their values")
        credentials = resolve(*named, headers=extra)
        settings = Settings(credentials, _checked_timeout(timeout), _checked_attempts(attempts))
        given = transport if isinstance(transport, self._kind) else None
        connect = connector(self._connections, credentials.url)
        if transport is not None:
            connect = partial(self._wrapped, transport, connect)
        network: Network[Any, Any] = Network(given, connect, self._make_slots)
        self._use(self._transport_type(network, settings))

    @abstractmethod
    def add_a_member_to_an_organization(
        self, organization_id_or_slug: str, body: NewMember
    ) -> Member | Awaitable[Member]:
        """Add or invite a member to an organization.

        An invite that may have arrived is not sent again automatically. The error says so, and
        that repeating the call is safe.

        Args:
            organization_id_or_slug: The ID or slug of the organization.
            body: Whom to add, with which roles. Sentry compares e-mail addresses case-sensitively:
                another letter case makes a second member.

        Returns:
            The member. Its `id` is the member ID with which to add it to teams.

        Raises:
            InvalidArgumentError: An argument can't be sent; the message names it.
            ApiError: Sentry rejected it. `sentry_members.errors` has a class for each reason.
            NoAnswerError: No response arrived.
            ConfigurationError: The client is closed.

        Permissions:
            Accepted scopes, whatever the token and Open Membership: member:admin, member:write or
            member:invite.
        """

    @abstractmethod
    def add_an_organization_member_to_a_team(
        self, organization_id_or_slug: str, member_id: str, team_id_or_slug: str
    ) -> Outcome | Awaitable[Outcome]:
        """Add an organization member to a team.

        It is repeated automatically when the response is lost, which is safe: if the first attempt
        succeeded, the second ends in `AlreadyOnTeam`, or in `AccessRequested` once more.

        Args:
            organization_id_or_slug: The ID or slug of the organization.
            member_id: The member ID, such as a new member's `id`; or `"me"` for the owner of a
                user auth token. It is never a user's ID, which may be another member's member ID.
            team_id_or_slug: The ID or slug of the team.

        Returns:
            `Added` with the team, `AccessRequested` (nobody was added yet), or `AlreadyOnTeam`.

        Raises:
            InvalidArgumentError: An argument can't be sent; the message names it.
            ApiError: Sentry rejected it. `sentry_members.errors` has a class for each reason.
            NoAnswerError: No response arrived.
            ConfigurationError: The client is closed.

        Permissions:
            | Open Membership            | on       | off                                                |
            | -------------------------- | -------- | -------------------------------------------------- |
            | Internal integration token | org:read | org:write, team:write                              |
            | User auth token            | org:read | org:read (1), org:write, org:read + team:write (2) |

            (1) Members of the organization are held to this scope: their call always ends in 202, a
            request to join the team.

            (2) A team admin needs both scopes in the user auth token to add members to the teams that they
            administer.
        """

    def _wrapped(self, wrap: object, own: Callable[[], NetworkT]) -> NetworkT:
        # A class of httpx would take the connections for its settings.
        is_of_httpx = getattr(wrap, "__module__", "").startswith("httpx")
        wrapped = wrap(own()) if callable(wrap) and not is_of_httpx else None
        if not isinstance(wrapped, self._kind):
            raise InvalidArgumentError(
                f"transport must be an httpx.{self._kind.__name__}, or a function that wraps one"
            )
        return wrapped

    @staticmethod
    @abstractmethod
    def _make_slots() -> object:
        """Make the slots for the calls in flight."""

    def _use(self, transport: TransportT) -> None:
        credentials, timeout, _ = transport.settings
        self._transport: TransportT = transport
        self._generated: AuthenticatedClient = AuthenticatedClient(
            base_url=str(credentials.url),
            token="",  # The transport adds the credential.
            auth_header_name=credentials.header,
            timeout=timeout,
            headers={"User-Agent": _user_agent(), "Accept-Encoding": "gzip"},
            httpx_args={"transport": transport},
        )
        # Made here, because making them on first use is not safe across threads.
        self._generated.get_async_httpx_client()
        headers = self._generated.get_httpx_client().build_request("GET", "").headers.raw
        self._headers: dict[str, str] = {name.decode(): value.decode() for name, value in headers}
        self._root: str = self.url.removesuffix("/")

    @property
    def generated(self) -> AuthenticatedClient:
        """The generated client, for the generated functions.

        A generated function that is called with it has the credential, the retries and the errors
        of the methods here, except that an argument or a body that no request can be made of is an
        error of httpx or Python. `sync_detailed` and `asyncio_detailed` also return the status code
        and the headers. Changing it, such as its headers, or closing it does not affect the methods.
        """
        return self._generated

    @property
    def credentials(self) -> Credentials:
        """Where requests go, and as whom. No `repr` shows its secrets."""
        return self._transport.settings.credentials

    @property
    def url(self) -> str:
        """The root of the Sentry, or of the gateway."""
        return str(self.credentials.url)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The figures of the rate limiter in the latest response to this client.

        None before the first response, and after one without them: self-hosted servers send none.
        """
        return rate_limit(self._transport.latest_headers)

    @property
    def is_closed(self) -> bool:
        """Whether this client is closed, or the one whose `with_options` made it."""
        return self._transport.is_ended

    def with_options(
        self, *, timeout: float | httpx.Timeout | None = None, attempts: int | None = None
    ) -> Self:
        """Make a client with other settings over the same connections.

        Args:
            timeout: As for the constructor; None keeps this client's.
            attempts: As for the constructor; None keeps this client's.

        Returns:
            The new client. Closing it leaves this client open; closing this client closes both.

        Raises:
            InvalidArgumentError: A setting can't be used.
        """
        settings = self._transport.settings
        if timeout is not None:
            settings = settings._replace(timeout=_checked_timeout(timeout))
        if attempts is not None:
            settings = settings._replace(attempts=_checked_attempts(attempts))
        sibling = object.__new__(type(self))
        sibling._use(self._transport.sibling(settings))
        return sibling

    def _request(self, operation: ModuleType, **arguments: object) -> httpx.Request:
        """Build the request that the generated function of an operation would send.

        Raises:
            InvalidArgumentError: An argument can't be sent.
        """
        model = operation._get_kwargs.__annotations__.get("body")
        for name, argument in arguments.items():
            if not isinstance(argument, model if name == "body" else str):
                wanted = _description(model) if name == "body" else "a text"
                raise InvalidArgumentError(
                    f"{name} must be {wanted}, not {type(argument).__name__}"
                )
            if isinstance(argument, str):
                # For a member of a `str` enum, str() returns its name and not the text.
                arguments[name] = str.__str__(argument)
        try:
            return self._build(**operation._get_kwargs(**arguments))
        except (httpx.InvalidURL, OSError, *BAD_DATA) as error:
            if is_of_signal_handler(error):
                raise
            shown = ", ".join(f"{name}={reprlib.repr(arguments[name])}" for name in arguments)
            reason = f"{shown} can't be sent ({type(error).__name__}: {error})"
            if model is not None:
                reason = f"{reason}. The body is {_description(model)}"
            raise InvalidArgumentError(reason) from error

    def _build(
        self,
        *,
        method: str,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: dict[str, str] | None = None,
        json: object = None,
    ) -> httpx.Request:
        """Build a request as `httpx.Client` would, but parse its URL and make its headers once."""
        if "/." in url:
            # httpx would resolve `.` and `..` in the path. Encoded, the transport rejects them.
            url = _DOTS.sub(lambda dots: "%2E" * len(dots[0]), url)
        content = b"" if json is None else _encode(json).encode()
        length = {"Content-Length": str(len(content))}
        request = httpx.Request(
            method,
            self._root + url,
            params=params,
            headers=self._headers | length | (headers or {}),
            stream=httpx.ByteStream(content),
        )
        request.read()  # The user's transport may ask for its content.
        return request

    def __repr__(self) -> str:
        # A traceback may show a client whose constructor raised.
        if not hasattr(self, "_transport"):
            return f"<{type(self).__name__}>"
        return f"<{type(self).__name__} at {self.url} with {self.credentials.description}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client can't be pickled or copied: make one where it is needed")


class SentryMembers(_BaseClient[httpx.BaseTransport, SyncTransport]):
    """Adds members to Sentry organizations and to their teams. Threads may share one."""

    _kind = httpx.BaseTransport
    _connections = httpx.HTTPTransport
    _transport_type = SyncTransport

    def add_a_member_to_an_organization(
        self, organization_id_or_slug: str, body: NewMember
    ) -> Member:
        request = self._request(
            add_member, organization_id_or_slug=organization_id_or_slug, body=body
        )
        return cast(Member, self._transport.handle_request(request).extensions[PARSED])

    def add_an_organization_member_to_a_team(
        self, organization_id_or_slug: str, member_id: str, team_id_or_slug: str
    ) -> Outcome:
        request = self._request(
            add_to_team,
            organization_id_or_slug=organization_id_or_slug,
            member_id=member_id,
            team_id_or_slug=team_id_or_slug,
        )
        return _outcome(self._transport.handle_request(request))

    @staticmethod
    def _make_slots() -> object:
        return Slots(MAX_CONCURRENT_CALLS)

    def close(self) -> None:
        """Close the connections; of a client made by `with_options`, only that client."""
        if self._transport.end() and (made := self._transport.network.made) is not None:
            made.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSentryMembers(_BaseClient[httpx.AsyncBaseTransport, AsyncTransport]):
    """`SentryMembers` for asyncio and trio. The tasks of one event loop may share one."""

    _kind = httpx.AsyncBaseTransport
    _connections = AsyncConnections
    _transport_type = AsyncTransport

    async def add_a_member_to_an_organization(
        self, organization_id_or_slug: str, body: NewMember
    ) -> Member:
        request = self._request(
            add_member, organization_id_or_slug=organization_id_or_slug, body=body
        )
        response = await self._transport.handle_async_request(request)
        return cast(Member, response.extensions[PARSED])

    async def add_an_organization_member_to_a_team(
        self, organization_id_or_slug: str, member_id: str, team_id_or_slug: str
    ) -> Outcome:
        request = self._request(
            add_to_team,
            organization_id_or_slug=organization_id_or_slug,
            member_id=member_id,
            team_id_or_slug=team_id_or_slug,
        )
        return _outcome(await self._transport.handle_async_request(request))

    @staticmethod
    def _make_slots() -> object:
        from anyio import Semaphore  # A sync client doesn't need it.

        return Semaphore(MAX_CONCURRENT_CALLS, fast_acquire=True)

    async def aclose(self) -> None:
        """Close the connections; of a client made by `with_options`, only that client."""
        if self._transport.end() and (made := self._transport.network.made) is not None:
            await made.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _outcome(response: httpx.Response) -> Outcome:
    match response.status_code:
        case HTTPStatus.ACCEPTED:
            return AccessRequested()
        case HTTPStatus.NO_CONTENT:
            return AlreadyOnTeam()
        case _:
            return Added(response.extensions[PARSED])


def _description(model: type) -> str:
    fields = (f"{field.name}: {field.type}" for field in attrs.fields(model))
    return f"a {model.__name__} with {', '.join(fields)}"


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


def _checked_timeout(timeout: float | httpx.Timeout | None) -> httpx.Timeout:
    """Return the timeout as httpx takes it, or raise `InvalidArgumentError` unless it is finite."""
    whole: object = READ_TIMEOUT if timeout is None else timeout
    if isinstance(whole, int | float) and not isinstance(whole, bool):
        whole = httpx.Timeout(whole, connect=min(whole, CONNECT_TIMEOUT))
    if isinstance(whole, httpx.Timeout):
        parts = whole.as_dict().values()
        if all(isinstance(part, int | float) and 0 < part <= TIMEOUT_MAX for part in parts):
            return whole
    raise InvalidArgumentError(
        "timeout must be a finite number of seconds above 0, or an httpx.Timeout of such"
    )


def _checked_attempts(attempts: int) -> int:
    """Return the number of attempts, or raise `InvalidArgumentError`."""
    if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
        raise InvalidArgumentError("attempts must be a whole number above 0")
    return attempts


@cache
def _user_agent() -> str:
    # Imported here: it takes a tenth of the time that importing this package takes.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"sentry-members/{version('sentry-members')}"
    except PackageNotFoundError:  # Some bundlers leave out the metadata.
        return "sentry-members"
