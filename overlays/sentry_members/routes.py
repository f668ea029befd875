"""Recognizes a request as an operation of the generated package, and describes it."""

import inspect
import json
import pkgutil
import re
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote

import httpx
from sentry_members_api import Client, api
from sentry_members_api.errors import UnexpectedStatus

from .errors import InvalidArgumentError

TEXT_LIMIT = 8192
"""How many characters of a text from a server are read."""

_JSON_LIMIT = 1024 * 1024
_LINE_LIMIT = 500

# Doing these twice has the effect of doing them once: by the rules of HTTP, or since Sentry
# responds to the second request with 204, or with 202 once more.
_REPEATABLE_METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
_REPEATABLE_OPERATIONS = ("add_an_organization_member_to_a_team",)

_SECRET_LENGTH = 8  # A shorter text may be part of any other, and its place would reveal it.
# Sentry's tokens, and JWTs. The brackets include the rest of a token whose end has been redacted.
_TOKEN = re.compile(rb"sntry[a-z]+_[\w+/=.\[\]-]+|eyJ[\w-]+\.[\w-]+\.[\w-]*")


class Route(NamedTuple):
    """An operation of the generated package, as its requests and responses are recognized.

    Attributes:
        name: The name of its module and of the client's method.
        method: The HTTP method.
        path: The path, with a group for each argument.
        successes: The status codes of its successes; any other 2xx is not Sentry's, but that of a
            login page, for example.
        is_repeatable: Whether doing it twice has the effect of doing it once.
        parse: The generated parser, for `parse(response=…)`.
    """

    name: str
    method: str
    path: re.Pattern[str]
    successes: frozenset[int]
    is_repeatable: bool
    parse: Callable[..., Any]


@cache
def routes() -> tuple[Route, ...]:
    """Return the operations of the generated package."""
    modules = pkgutil.walk_packages(api.__path__, f"{api.__name__}.")
    return tuple(_route(import_module(name)) for _, name, is_folder in modules if not is_folder)


def _route(module: ModuleType) -> Route:
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(module._get_kwargs).parameters.items():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            arguments[name] = f"{{{name}}}"
        elif parameter.default is parameter.empty:
            arguments[name] = SimpleNamespace(to_dict=dict)  # No path depends on the body.
    kwargs = module._get_kwargs(**arguments)
    path = re.escape(kwargs["url"])
    for name in arguments:
        path = path.replace(re.escape(quote(f"{{{name}}}")), f"(?P<{name}>[^/]*)")
    name, method = module.__name__.rpartition(".")[2], kwargs["method"].upper()
    strict = partial(
        module._parse_response, client=Client(base_url="", raise_on_unexpected_status=True)
    )
    return Route(
        name,
        method,
        re.compile(path),
        frozenset(
            status for status in HTTPStatus if 200 <= status < 300 and _takes(strict, status)
        ),
        method in _REPEATABLE_METHODS or name in _REPEATABLE_OPERATIONS,
        strict,
    )


def _takes(parse: Callable[..., Any], status: int) -> bool:
    """Return whether a generated parser knows a status code."""
    try:
        parse(response=httpx.Response(status))
    except UnexpectedStatus:
        return False
    except Exception:  # noqa: BLE001 - a body was expected
        return True
    return True


class OperationRequest:
    """A request of the contract: its operation, and the arguments in its path."""

    def __init__(
        self,
        route: Route,
        arguments: tuple[str, ...],
        request: httpx.Request,
        secret_headers: tuple[str, ...],
    ) -> None:
        self.route = route
        self.request = request
        self._arguments = arguments
        self._secret_headers = secret_headers

    @property
    def operation(self) -> str:
        """The operation, by its method's name."""
        return self.route.name

    @property
    def host(self) -> str:
        """The host, with its port where that is not the usual one."""
        return self.request.url.netloc.decode()

    def __str__(self) -> str:
        arguments = [repr(argument) for argument in self._arguments]
        body = parse_json(self.request.read())
        if isinstance(body, dict):
            fields = cast(dict[str, Any], body).items()
            arguments += [f"{key}={value!r}" for key, value in fields]
        return self.redacted_line(f"{self.operation}({', '.join(arguments)})")

    def redacted(self, content: bytes) -> bytes:
        """Return the content without the secrets of the request, and without any token."""
        for name in self._secret_headers:
            # A server may echo a token without its prefix, or in another letter case.
            value = self.request.headers.get(name, "").encode()
            secret = re.sub(rb".* |sntry[a-z]+_", b"", value)
            if len(secret) >= _SECRET_LENGTH:
                content = re.sub(re.escape(secret), b"[redacted]", content, flags=re.IGNORECASE)
        return _TOKEN.sub(b"[redacted]", content)

    def redacted_line(self, text: str) -> str:
        """Return a text as one line without secrets."""
        return single_line(self.redacted(text.encode("utf-8", "replace")).decode())


def identify(
    request: httpx.Request, root: str, secret_headers: tuple[str, ...]
) -> OperationRequest:
    """Find the operation that a request is.

    Args:
        request: The request.
        root: The path that the server's own paths are below, without a slash at its end.
        secret_headers: The headers whose values must not be shown.

    Raises:
        InvalidArgumentError: It is not an operation of the contract.
    """
    path = request.url.raw_path.decode("ascii").partition("?")[0]
    for route in routes():
        found = route.path.fullmatch(path, len(root)) if path.startswith(root) else None
        if found and route.method == request.method:
            arguments = tuple(map(unquote, found.groups()))
            for name, argument in zip(route.path.groupindex, arguments, strict=True):
                if argument in ("", ".", "..") or "/" in argument or not argument.isprintable():
                    raise InvalidArgumentError(
                        f"{name} is {argument!r}: an ID or a slug can't be empty, `.` or `..`, nor "
                        "hold a slash or an unprintable character"
                    )
            return OperationRequest(route, arguments, request, secret_headers)
    # httpx has resolved these in the path, so which argument it was can't be seen any more.
    names = sorted({name for route in routes() for name in route.path.groupindex})
    raise InvalidArgumentError(
        f"{request.method} {single_line(path)} is not an operation of the contract: is one of "
        f"{', '.join(names)} `.` or `..`?"
    )


def single_line(text: str) -> str:
    """Return a text as one line without control characters, cut to 500 characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:TEXT_LIMIT]).split())
    return text if len(text) <= _LINE_LIMIT else text[: _LINE_LIMIT - 1] + "…"


def parse_json(content: bytes) -> object:
    """Parse a body of at most 1 MiB; None where that fails."""
    if len(content) > _JSON_LIMIT:
        return None
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError):
        return None
