"""The facade: one method an operation, and a result that can't be misread."""

import inspect
import json
import re
import reprlib
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from threading import TIMEOUT_MAX
from typing import (
    Any,
    ClassVar,
    Concatenate,
    Generic,
    Literal,
    NoReturn,
    ParamSpec,
    Self,
    TypeVar,
    cast,
)

import attrs
import httpx
from sentry_members_api import AuthenticatedClient, models
from sentry_members_api.api.organizations import add_a_member_to_an_organization as add_member
from sentry_members_api.api.teams import add_an_organization_member_to_a_team as add_to_team
from sentry_members_api.models import Member, NewMember
from sentry_members_api.types import UNSET

from .auth import Secret, resolve
from .connections import async_kind, connections, sync_kind
from .error_mapping import Call, unreadable
from .errors import InvalidArgumentError, RateLimit
from .results import AccessRequested, Added, AlreadyOnTeam, Outcome
from .scopes import Operation, permissions
from .transport import AsyncTransport, SyncTransport

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
GuardT = TypeVar("GuardT", SyncTransport, AsyncTransport)
TransportT = TypeVar("TransportT")

_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _fields_of(
    model: Callable[P, object],
) -> Callable[[Callable[Concatenate[S, str, ...], R]], Callable[Concatenate[S, str, P], R]]:
    """Type and document a method's `**fields` as the fields of a generated model."""

    def typed(method: Any) -> Any:
        fields = inspect.signature(model).parameters.values()
        signature = inspect.signature(method)
        own = [
            p
            for p in signature.parameters.values()
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        method.__signature__ = signature.replace(
            parameters=[*own, *(_keyword(field) for field in fields)]
        )
        told = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
        _extend(method, f"Fields:\n{told}")
        return method

    return typed


class _LeftOut:
    """Shows in a signature what UNSET means."""

    def __repr__(self) -> str:
        return "<left out>"


def _keyword(field: inspect.Parameter) -> inspect.Parameter:
    default = _LeftOut() if field.default is UNSET else field.default
    return field.replace(kind=field.KEYWORD_ONLY, default=default)


def _with_permissions(operation: Operation) -> Callable[[R], R]:
    """Document the scopes that an operation accepts."""

    def documented(method: R) -> R:
        _extend(method, f"Permissions:\n\n{permissions(operation)}")
        return method

    return documented


def _extend(method: Any, section: str) -> None:
    method.__doc__ = f"{inspect.cleandoc(method.__doc__ or '')}\n\n{section.rstrip()}\n"


class _Members(Generic[GuardT, TransportT]):
    """What the sync and the async client share: everything but the sending."""

    # The sync or the async one of each.
    _kind: ClassVar[Any]
    _connections: ClassVar[Any]
    _guard: ClassVar[Any]
    _prepare: ClassVar[Any]

    def __init__(
        self,
        *,
        token: str | None = None,
        url: str | None = None,
        region: str | None = None,
        gateway_url: str | None = None,
        gateway_key: str | None = None,
        timeout: float | httpx.Timeout | None = None,
        attempts: int = 3,
        transport: TransportT | None = None,
    ) -> None:
        """Find the credentials; nothing is sent yet.

        Args:
            token: A user auth token, or an internal integration's. Else `SENTRY_AUTH_TOKEN`, else
                that of `.sentryclirc`.
            url: The root of a Sentry, or its host. Else `SENTRY_URL`, else that of
                `.sentryclirc`, else `https://sentry.io`.
            region: In place of `url`, a region of sentry.io: `"us"` or `"de"`.
            gateway_url: In place of all of these, a gateway that holds the token. Else
                `SENTRY_GATEWAY_URL`.
            gateway_key: The key that the gateway asks for. Else `SENTRY_GATEWAY_KEY`.
            timeout: How many seconds to wait for each part of an answer: 30 if None, and never
                more than 5 for the connection. Or an `httpx.Timeout`, finite in each part.
            attempts: How many times a call is tried at the most, where trying again is safe:
                after the request limiter's 429; after a connection that was never made; and to
                add to a team, after a 5xx or a connection that broke, too. The waits between
                them take 60 seconds at the most.
            transport: What sends the requests, in place of connections by way of the
                environment's proxy: an httpx transport with a proxy or TLS settings of its own,
                or one for tests. It is closed with the client. For `AsyncSentryMembers` on
                asyncio also `"aiohttp"`, for connections that take less time where many are in
                use at once; it needs the extra `aiohttp`.

        Raises:
            ConfigurationError: The credentials can't work; `sentry_members.auth` says in which
                order they are looked for. Or the extra `aiohttp` is not installed.
            InvalidArgumentError: `timeout`, `attempts` or `transport` can't be used.
        """
        secret = None if token is None else Secret(token)
        key = None if gateway_key is None else Secret(gateway_key)
        # Now no local holds them any more, for a traceback that shows the locals.
        del token, gateway_key
        own = None if isinstance(transport, self._kind) else self._connections(transport)
        self._credentials = resolve(secret, url, region, gateway_url, key)
        self._inner: Any = transport if own is None else connections(own, self._credentials.url)
        self._parent: Self | None = None
        self._set_options(_finite(timeout), _positive(attempts))

    def _set_options(self, timeout: httpx.Timeout, attempts: int) -> None:
        self._timeout: httpx.Timeout = timeout
        self._attempts: int = attempts
        self._closed: bool = False
        settings: dict[str, Any] = {
            "base_url": str(self._credentials.url),
            "timeout": timeout,
            "headers": {"User-Agent": _user_agent()},
        }
        self._transport: GuardT = self._guard(
            self._inner, self._credentials, timeout, attempts, lambda: self.is_closed
        )
        secured = {"auth": self._credentials.auth, "transport": self._transport}
        self._generated: AuthenticatedClient = AuthenticatedClient(
            token="", **settings, httpx_args=secured
        )
        # It would make its own when first asked, which is not safe across threads.
        client: httpx.Client | httpx.AsyncClient = self._prepare(self._generated)
        host = self._credentials.url.netloc.decode()
        self._headers: list[tuple[str, str]] = [("Host", host), *client.headers.items()]
        self._extensions: dict[str, Any] = {"timeout": timeout.as_dict()}

    @property
    def generated(self) -> AuthenticatedClient:
        """The generated client, for the generated functions.

        What is called with it is authenticated, tried again and turned into errors as by the
        methods here. `sync_detailed` and `asyncio_detailed` give the status and the headers, too.
        What is done to it, such as other headers or closing it, leaves the methods alone.
        """
        return self._generated

    @property
    def url(self) -> str:
        """The root of the Sentry, or of the gateway."""
        return str(self._credentials.url)

    @property
    def rate_limit(self) -> RateLimit | None:
        """The figures of the request limiter in the latest answer to this client.

        None before the first answer, and where servers send none: self-hosted ones.
        """
        return self._transport.rate_limit

    @property
    def is_closed(self) -> bool:
        """Whether this client is closed, or the one that it was made from."""
        return self._closed or (self._parent is not None and self._parent.is_closed)

    def with_options(
        self, *, timeout: float | httpx.Timeout | None = None, attempts: int | None = None
    ) -> Self:
        """A client with other settings over the same connections.

        Args:
            timeout: As for the constructor; None keeps this client's.
            attempts: As for the constructor; None keeps this client's.

        Returns:
            A sibling. Closing it leaves this client open; closing this client closes both.

        Raises:
            InvalidArgumentError: A setting can't be used.
        """
        sibling = object.__new__(type(self))
        sibling._credentials = self._credentials
        sibling._inner = self._inner
        sibling._parent = self
        sibling._set_options(
            self._timeout if timeout is None else _finite(timeout),
            self._attempts if attempts is None else _positive(attempts),
        )
        return sibling

    def _member_call(
        self, organization_id_or_slug: str, positional: tuple[Any, ...], fields: dict[str, Any]
    ) -> Call:
        path = {"organization_id_or_slug": organization_id_or_slug}
        # A type checker takes the model's fields for positional: their order is the generator's.
        if positional:
            raise InvalidArgumentError("only the organization is positional: name the fields")
        body = _new_member(fields)
        return self._call(
            "add_a_member_to_an_organization", path, add_member._get_kwargs, body=body
        )

    def _team_call(
        self, organization_id_or_slug: str, member_id: str, team_id_or_slug: str
    ) -> Call:
        path = {
            "organization_id_or_slug": organization_id_or_slug,
            "member_id": member_id,
            "team_id_or_slug": team_id_or_slug,
        }
        return self._call("add_an_organization_member_to_a_team", path, add_to_team._get_kwargs)

    def _call(
        self,
        operation: Operation,
        path: dict[str, str],
        get_kwargs: Callable[..., dict[str, Any]],
        **body: NewMember,
    ) -> Call:
        check_path(path)
        request = self._request(**get_kwargs(**path, **body))
        self._credentials.auth.add_to(request)
        return Call(operation, tuple(path.values()), request)

    def _request(
        self, url: str, headers: dict[str, str] | None = None, json: object = None, **others: Any
    ) -> httpx.Request:
        """The request that `httpx.Client.build_request` makes, which parses its URL twice."""
        content = b"" if json is None else _dumps(json).encode()
        own: dict[str, str] = {"Content-Length": str(len(content)), **(headers or {})}
        return httpx.Request(
            url=self.url.removesuffix("/") + url,
            headers=[*self._headers, *own.items()],
            stream=httpx.ByteStream(content),
            extensions=self._extensions,
            **others,
        )

    def _member(self, call: Call, response: httpx.Response) -> Member:
        member: Member = self._parsed(call, response, add_member._parse_response)
        return member

    def _outcome(self, call: Call, response: httpx.Response) -> Outcome:
        if response.status_code == HTTPStatus.ACCEPTED:
            return AccessRequested()
        if response.status_code == HTTPStatus.NO_CONTENT:
            return AlreadyOnTeam()
        return Added(self._parsed(call, response, add_to_team._parse_response))

    def _parsed(self, call: Call, response: httpx.Response, parse: Callable[..., Any]) -> Any:
        """What the generated parser makes of a success with a body."""
        try:
            return parse(client=self._generated, response=response)
        except Exception as error:  # noqa: BLE001 - whatever a parser comes by
            reason = f"{type(error).__name__}: {error}"
        # Out here the parser's error, whose frames hold the answer as it came, is not the context.
        raise unreadable(call, response, reason)

    def __repr__(self) -> str:
        # A traceback may show one whose constructor refused.
        credentials = getattr(self, "_credentials", None)
        told = f" at {credentials.url} with {credentials.told}" if credentials else ""
        return f"<{type(self).__name__}{told}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client can't be pickled or copied: make one where it is needed")


class SentryMembers(_Members[SyncTransport, httpx.BaseTransport]):
    """Adds members to Sentry organizations and to their teams. Threads may share one."""

    _kind = httpx.BaseTransport
    _connections = staticmethod(sync_kind)
    _guard = SyncTransport
    _prepare = staticmethod(AuthenticatedClient.get_httpx_client)

    @_fields_of(NewMember)
    @_with_permissions("add_a_member_to_an_organization")
    def add_a_member_to_an_organization(
        self, organization_id_or_slug: str, /, *positional: Any, **fields: Any
    ) -> Member:
        """Add or invite a member to an organization.

        An invite that may have arrived is not sent again by itself: the error says so, and that
        repeating it is safe.

        Args:
            organization_id_or_slug: The ID or slug of the organization.
            fields: Who is to be added, and as what, by keywords: see below. Sentry compares
                e-mail addresses letter by letter: one in another letter case makes a second
                member.

        Returns:
            The member. Its `id` is the member ID that teams are joined with.

        Raises:
            InvalidArgumentError: An argument can't be sent; the message names it.
            ApiError: Sentry refused it. `sentry_members.errors` has a class for each reason.
            NoAnswerError: No answer came.
            ConfigurationError: The client is closed.
        """
        call = self._member_call(organization_id_or_slug, positional, fields)
        return self._member(call, self._transport.send(call))

    @_with_permissions("add_an_organization_member_to_a_team")
    def add_an_organization_member_to_a_team(
        self, organization_id_or_slug: str, member_id: str, team_id_or_slug: str
    ) -> Outcome:
        """Add an organization member to a team.

        Repeating it is safe, and done by itself when the answer was lost: what the first attempt
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
            ApiError: Sentry refused it. `sentry_members.errors` has a class for each reason.
            NoAnswerError: No answer came.
            ConfigurationError: The client is closed.
        """
        call = self._team_call(organization_id_or_slug, member_id, team_id_or_slug)
        return self._outcome(call, self._transport.send(call))

    def close(self) -> None:
        """Close the connections; of a client made by `with_options`, only that client."""
        self._closed = True
        if self._parent is None:
            self._inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _documented_as(like: Any) -> Callable[[R], R]:
    def documented(method: R) -> R:
        method.__doc__ = like.__doc__
        return method

    return documented


class AsyncSentryMembers(_Members[AsyncTransport, httpx.AsyncBaseTransport | Literal["aiohttp"]]):
    """`SentryMembers` for asyncio and trio. The tasks of one event loop may share one."""

    _kind = httpx.AsyncBaseTransport
    _connections = staticmethod(async_kind)
    _guard = AsyncTransport
    _prepare = staticmethod(AuthenticatedClient.get_async_httpx_client)

    @_documented_as(SentryMembers.add_a_member_to_an_organization)
    @_fields_of(NewMember)
    async def add_a_member_to_an_organization(
        self, organization_id_or_slug: str, /, *positional: Any, **fields: Any
    ) -> Member:
        """As `SentryMembers.add_a_member_to_an_organization`, awaited."""
        # Nothing is made before its turn: thousands of waiting calls would slow each other down.
        async with self._transport.turn:
            call = self._member_call(organization_id_or_slug, positional, fields)
            return self._member(call, await self._transport.send(call))

    @_documented_as(SentryMembers.add_an_organization_member_to_a_team)
    async def add_an_organization_member_to_a_team(
        self, organization_id_or_slug: str, member_id: str, team_id_or_slug: str
    ) -> Outcome:
        """As `SentryMembers.add_an_organization_member_to_a_team`, awaited."""
        async with self._transport.turn:
            call = self._team_call(organization_id_or_slug, member_id, team_id_or_slug)
            return self._outcome(call, await self._transport.send(call))

    async def aclose(self) -> None:
        """Close the connections; of a client made by `with_options`, only that client."""
        self._closed = True
        if self._parent is None:
            await self._inner.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def check_path(path: dict[str, str]) -> None:
    """Refuse what would lead to another endpoint, or to none."""
    for name, argument in path.items():
        # str() of an enum's member is not its value.
        if not isinstance(argument, str) or str(argument) != argument:
            raise InvalidArgumentError(f"{name} must be a text, not {type(argument).__name__}")
        if argument in ("", ".", "..") or "/" in argument or not argument.isprintable():
            raise InvalidArgumentError(
                f"{name} is {argument!r}: an ID or a slug can't be empty, `.` or `..`, nor hold a "
                "slash or an unprintable character"
            )


def _new_member(fields: dict[str, Any]) -> NewMember:
    """The model of these fields, if it can be sent as it is."""
    try:
        member = NewMember(**fields)
    except TypeError as error:
        problem = str(error).rpartition("__init__() ")[2].replace(" positional", "")
        known = ", ".join(field.name for field in attrs.fields(NewMember))
        raise InvalidArgumentError(f"{problem}; the fields are {known}") from error
    for field in attrs.fields(NewMember):
        value, taken = getattr(member, field.name), str(field.type)
        if not _fits(value, taken):
            taken = taken.replace(" | Unset", " (or leave it out)")
            raise InvalidArgumentError(f"{field.name} takes {taken}, not {reprlib.repr(value)}")
    return member


def _fits(value: object, taken: str) -> bool:
    """Whether the generated code sends a value as it is, by a field's type as the model has it."""
    return any(_is(value, kind) for kind in _kinds(taken))


@cache
def _kinds(taken: str) -> list[str]:
    return re.split(r" \| (?![^[]*\])", taken)


def _is(value: object, kind: str) -> bool:
    if kind == "Unset":
        return value is UNSET
    if kind.startswith("list["):
        items = cast(list[object], value)
        return isinstance(value, list) and all(_fits(item, kind[5:-1]) for item in items)
    model = getattr(models, kind, None)
    if isinstance(model, type):
        return isinstance(value, model) and all(
            _fits(getattr(value, field.name), str(field.type)) for field in attrs.fields(model)
        )
    if isinstance(value, str | int | float):
        # One of another type the server refuses, and says why.
        return _is_json(value)
    return type(value).__name__ == kind.rpartition(".")[2].replace("None", "NoneType")


def _is_json(value: object) -> bool:
    try:
        return bool(_dumps(value).encode())
    except ValueError:
        return False


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
    from importlib.metadata import version  # a tenth of the time that importing this takes

    return f"sentry-members/{version('sentry-members')}"
