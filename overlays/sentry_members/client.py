"""The clients: one method an operation, and a result that can't be misread."""

import re
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from threading import TIMEOUT_MAX, Semaphore
from types import ModuleType
from typing import Generic, NoReturn, Self, TypeVar

import attrs
import httpx
from sentry_members_api import AuthenticatedClient
from sentry_members_api.api.organizations import add_a_member_to_an_organization as add_member
from sentry_members_api.api.teams import add_an_organization_member_to_a_team as add_to_team
from sentry_members_api.models import Member, NewMember

from .auth import resolve
from .connections import AsyncConnections, Network, connector
from .errors import InvalidArgumentError, RateLimit
from .results import AccessRequested, Added, AlreadyOnTeam, Outcome
from .secret import Secret
from .transport import MAX_CONCURRENT_CALLS, PARSED, AsyncTransport, Settings, SyncTransport

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0

_DOTS = re.compile(r"(?<=/)\.{1,2}(?=/)")

NetworkT = TypeVar("NetworkT", httpx.BaseTransport, httpx.AsyncBaseTransport)
TransportT = TypeVar("TransportT", SyncTransport, AsyncTransport)


class _BaseClient(ABC, Generic[NetworkT, TransportT]):
    """What the sync and the async client share: everything but the calls."""

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
        transport: NetworkT | None = None,
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
            gateway_key: The key that the gateway asks for. Else `SENTRY_GATEWAY_KEY`.
            headers: Headers that a proxy before Sentry wants, such as Cloudflare Access. Else, for
                hosts other than sentry.io, the `Name: value` pairs of `SENTRY_CUSTOM_HEADERS`,
                with `;` between them. They are redacted like the token.
            timeout: How many seconds to wait for each part of a response: 30 if None, and at most
                5 for the connection. Or an `httpx.Timeout`, finite in each part. An attempt takes
                at most the sum of its parts, however slowly a response arrives; of a sync client,
                once the headers of the response are there.
            attempts: How many times a call is sent at most, where sending again is safe: after the
                rate limiter's 429; after a connection that was never made; and to add to a team,
                after a 5xx or a connection that broke, too. The waits between them take at most 60
                seconds.
            transport: What sends the requests, in place of connections through the environment's
                proxy: an httpx transport with a proxy or TLS settings of its own, or one for
                tests. It is closed with the client.

        Raises:
            ConfigurationError: The credentials can't work; `sentry_members.auth` says in which
                order they are looked for.
            InvalidArgumentError: `timeout`, `attempts` or `transport` can't be used.
        """
        own_token, own_url, own_gateway, own_key = map(
            _secret, (token, url, gateway_url, gateway_key)
        )
        extra = None if headers is None else {name: Secret(headers[name]) for name in headers}
        # From here on, no local holds them for a traceback that shows the locals.
        del token, url, gateway_url, gateway_key, headers
        credentials = resolve(own_token, own_url, region, own_gateway, own_key, extra)
        settings = Settings(credentials, _finite(timeout), _positive(attempts))
        self._use(self._make_transport(transport, settings))

    @abstractmethod
    def _make_transport(self, given: NetworkT | None, settings: Settings) -> TransportT:
        """Make what sends the requests: over the transport given, or over our own."""

    def _use(self, transport: TransportT) -> None:
        credentials, timeout, _ = transport.settings
        self._transport: TransportT = transport
        self._generated: AuthenticatedClient = AuthenticatedClient(
            base_url=str(credentials.url),
            token="",  # The transport puts the credential there.
            auth_header_name=credentials.header,
            timeout=timeout,
            headers={"User-Agent": _user_agent()},
            httpx_args={"transport": transport},
        )
        # It would make them when first asked, which is not safe across threads.
        self._generated.get_async_httpx_client()
        self._headers: httpx.Headers = self._generated.get_httpx_client().headers.copy()

    @property
    def generated(self) -> AuthenticatedClient:
        """The generated client, for the generated functions.

        What is called with it is authenticated, sent again and turned into errors as by the
        methods here. `sync_detailed` and `asyncio_detailed` give the status and the headers, too.
        What is done to it, such as other headers or closing it, does not affect the methods.
        """
        return self._generated

    @property
    def url(self) -> str:
        """The root of the Sentry, or of the gateway."""
        return str(self._transport.settings.credentials.url)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The figures of the rate limiter in the latest response to this client.

        None before the first response, and from servers that send none: self-hosted ones.
        """
        return self._transport.rate_limit

    @property
    def is_closed(self) -> bool:
        """Whether this client is closed, or the one that it was made from."""
        return self._transport.is_ended

    def with_options(
        self, *, timeout: float | httpx.Timeout | None = None, attempts: int | None = None
    ) -> Self:
        """Make a client with other settings over the same connections.

        Args:
            timeout: As for the constructor; None keeps this client's.
            attempts: As for the constructor; None keeps this client's.

        Returns:
            A sibling. Closing it leaves this client open; closing this client closes both.

        Raises:
            InvalidArgumentError: A setting can't be used.
        """
        settings = self._transport.settings
        if timeout is not None:
            settings = settings._replace(timeout=_finite(timeout))
        if attempts is not None:
            settings = settings._replace(attempts=_positive(attempts))
        sibling = object.__new__(type(self))
        sibling._use(self._transport.sibling(settings))
        return sibling

    def _request(self, operation: ModuleType, *, body: object = None, **path: str) -> httpx.Request:
        """Build the request that the generated function of an operation would send.

        Raises:
            InvalidArgumentError: An argument can't be sent.
        """
        for name, argument in path.items():
            if not isinstance(argument, str):
                raise InvalidArgumentError(f"{name} must be a text, not {type(argument).__name__}")
        # The text itself, which str() of an enum's member is not.
        arguments: dict[str, object] = {name: str.__str__(path[name]) for name in path}
        if body is not None:
            arguments["body"] = body
        try:
            kwargs = operation._get_kwargs(**arguments)
            # httpx would resolve `.` and `..`. Encoded, they are rejected like any bad argument.
            route = _DOTS.sub(lambda dots: "%2E" * len(dots[0]), kwargs["url"])
            kwargs["url"] = self.url.removesuffix("/") + route
            headers = self._headers.copy()
            headers.update(kwargs.pop("headers", None))
            # httpx.Client.build_request would parse the URL twice.
            return httpx.Request(**kwargs, headers=headers)
        except Exception as error:
            shown = ", ".join(f"{name}={reprlib.repr(arguments[name])}" for name in arguments)
            reason = f"{shown} can't be sent ({type(error).__name__}: {error})"
            model = operation._get_kwargs.__annotations__.get("body")
            if model is not None:
                fields = (f"{field.name}: {field.type}" for field in attrs.fields(model))
                reason = f"{reason}. The body is a {model.__name__} with {', '.join(fields)}"
            raise InvalidArgumentError(reason) from error

    def __repr__(self) -> str:
        # A traceback may show one whose constructor raised.
        transport = getattr(self, "_transport", None)
        if transport is None:
            return f"<{type(self).__name__}>"
        credentials = transport.settings.credentials
        return f"<{type(self).__name__} at {credentials.url} with {credentials.description}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client can't be pickled or copied: make one where it is needed")


class SentryMembers(_BaseClient[httpx.BaseTransport, SyncTransport]):
    """Adds members to Sentry organizations and to their teams. Threads may share one."""

    def add_a_member_to_an_organization(
        self, organization_id_or_slug: str, body: NewMember
    ) -> Member:
        """Add or invite a member to an organization.

        An invite that may have arrived is not sent again by itself: the error says so, and that
        repeating it is safe.

        Args:
            organization_id_or_slug: The ID or slug of the organization.
            body: Who is to be added, and as what. Sentry compares e-mail addresses case-sensitively:
                one in another letter case makes a second member.

        Returns:
            The member. Its `id` is the member ID that teams are joined with.

        Raises:
            InvalidArgumentError: An argument can't be sent; the message names it.
            ApiError: Sentry rejected it. `sentry_members.errors` has a class for each reason.
            NoAnswerError: No response arrived.
            ConfigurationError: The client is closed.

        Permissions:
            Accepted scopes, whatever the token and Open Membership: member:admin, member:write or
            member:invite.
        """
        request = self._request(
            add_member, organization_id_or_slug=organization_id_or_slug, body=body
        )
        member: Member = self._transport.handle_request(request).extensions[PARSED]
        return member

    def add_an_organization_member_to_a_team(
        self, organization_id_or_slug: str, member_id: str, team_id_or_slug: str
    ) -> Outcome:
        """Add an organization member to a team.

        Repeating it is safe, and done by itself when the response was lost: what the first attempt
        had done is then `AlreadyOnTeam`, or `AccessRequested` once more.

        Args:
            organization_id_or_slug: The ID or slug of the organization.
            member_id: The ID of the member, such as a new member's `id`; or `"me"`, the owner of
                a user auth token. A user's ID is something else, and may be another member's.
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
        request = self._request(
            add_to_team,
            organization_id_or_slug=organization_id_or_slug,
            member_id=member_id,
            team_id_or_slug=team_id_or_slug,
        )
        return _outcome(self._transport.handle_request(request))

    def _make_transport(
        self, given: httpx.BaseTransport | None, settings: Settings
    ) -> SyncTransport:
        make: Callable[[], httpx.BaseTransport]
        if given is None:
            make = connector(httpx.HTTPTransport, settings.credentials.url)
        elif isinstance(given, httpx.BaseTransport):
            make = lambda: given
        else:
            raise InvalidArgumentError("transport must be an httpx.BaseTransport")
        network = Network(make, lambda: Semaphore(MAX_CONCURRENT_CALLS))
        return SyncTransport(network, settings)

    def close(self) -> None:
        """Close the connections; of a client made by `with_options`, only that client."""
        if self._transport.end():
            self._transport.network.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncSentryMembers(_BaseClient[httpx.AsyncBaseTransport, AsyncTransport]):
    """`SentryMembers` for asyncio and trio. The tasks of one event loop may share one."""

    async def add_a_member_to_an_organization(
        self, organization_id_or_slug: str, body: NewMember
    ) -> Member:
        """Add or invite a member to an organization.

        An invite that may have arrived is not sent again by itself: the error says so, and that
        repeating it is safe.

        Args:
            organization_id_or_slug: The ID or slug of the organization.
            body: Who is to be added, and as what. Sentry compares e-mail addresses case-sensitively:
                one in another letter case makes a second member.

        Returns:
            The member. Its `id` is the member ID that teams are joined with.

        Raises:
            InvalidArgumentError: An argument can't be sent; the message names it.
            ApiError: Sentry rejected it. `sentry_members.errors` has a class for each reason.
            NoAnswerError: No response arrived.
            ConfigurationError: The client is closed.

        Permissions:
            Accepted scopes, whatever the token and Open Membership: member:admin, member:write or
            member:invite.
        """
        request = self._request(
            add_member, organization_id_or_slug=organization_id_or_slug, body=body
        )
        response = await self._transport.handle_async_request(request)
        member: Member = response.extensions[PARSED]
        return member

    async def add_an_organization_member_to_a_team(
        self, organization_id_or_slug: str, member_id: str, team_id_or_slug: str
    ) -> Outcome:
        """Add an organization member to a team.

        Repeating it is safe, and done by itself when the response was lost: what the first attempt
        had done is then `AlreadyOnTeam`, or `AccessRequested` once more.

        Args:
            organization_id_or_slug: The ID or slug of the organization.
            member_id: The ID of the member, such as a new member's `id`; or `"me"`, the owner of
                a user auth token. A user's ID is something else, and may be another member's.
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
        request = self._request(
            add_to_team,
            organization_id_or_slug=organization_id_or_slug,
            member_id=member_id,
            team_id_or_slug=team_id_or_slug,
        )
        return _outcome(await self._transport.handle_async_request(request))

    def _make_transport(
        self, given: httpx.AsyncBaseTransport | None, settings: Settings
    ) -> AsyncTransport:
        from anyio import Semaphore  # A sync client doesn't need it.

        make: Callable[[], httpx.AsyncBaseTransport]
        if given is None:
            make = connector(AsyncConnections, settings.credentials.url)
        elif isinstance(given, httpx.AsyncBaseTransport):
            make = lambda: given
        else:
            raise InvalidArgumentError("transport must be an httpx.AsyncBaseTransport")
        network = Network(make, lambda: Semaphore(MAX_CONCURRENT_CALLS, fast_acquire=True))
        return AsyncTransport(network, settings)

    async def aclose(self) -> None:
        """Close the connections; of a client made by `with_options`, only that client."""
        if self._transport.end():
            await self._transport.network.transport.aclose()

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


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


def _finite(timeout: float | httpx.Timeout | None) -> httpx.Timeout:
    if timeout is None:
        timeout = READ_TIMEOUT
    whole = timeout if isinstance(timeout, httpx.Timeout) else None
    if isinstance(timeout, int | float) and not isinstance(timeout, bool):
        whole = httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))
    if whole is None or not all(
        isinstance(part, int | float) and 0 < part <= TIMEOUT_MAX
        for part in whole.as_dict().values()
    ):
        raise InvalidArgumentError(
            "timeout must be a finite number of seconds above 0, or an httpx.Timeout of such"
        )
    return whole


def _positive(attempts: int) -> int:
    if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
        raise InvalidArgumentError("attempts must be a whole number above 0")
    return attempts


@cache
def _user_agent() -> str:
    # It takes a tenth of the time of importing this.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"sentry-members/{version('sentry-members')}"
    except PackageNotFoundError:  # The metadata was left out, to make a package smaller.
        return "sentry-members"
