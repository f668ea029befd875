"""Recognizes a request as an operation of the generated package, and describes it."""

import inspect
import json
import pkgutil
import re
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from importlib import import_module
from signal import getsignal, valid_signals
from traceback import walk_tb
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote

import httpx
from sentry_members_api import Client, api
from sentry_members_api.errors import UnexpectedStatus

from .auth import Credentials
from .errors import InvalidArgumentError

TEXT_LIMIT = 8192
"""How many characters of a text from a server are read."""

BAD_DATA = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What generated code raises for data that it can't use, or that another thread changes meanwhile.
A signal handler may raise it, too."""

_JSON_LIMIT = 1024 * 1024
_LINE_LIMIT = 500

# A repetition of these has no further effect: by the rules of HTTP, or because Sentry responds to
# the second request with 204, or with 202 once more.
_REPEATABLE_METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
_REPEATABLE_OPERATIONS = ("add_an_organization_member_to_a_team",)

# A shorter secret may occur in any text by chance, and a redaction there would reveal it.
_SECRET_LENGTH = 8
# Sentry's tokens, and JWTs. The brackets match a token that has been redacted in part. What begins
# like a JWT is matched, too: without a match, each beginning would cost a search of the rest.
_TOKEN = re.compile(rb"sntry[a-z]{1,16}_[\w+/=.\[\]-]+|eyJ[\w-]+(?:\.[\w-]+\.[\w-]*)?")


class Route(NamedTuple):
    """An operation of the generated package: how to recognize its requests and successes.

    Attributes:
        name: The name of the generated module, and of the client's method.
        method: The HTTP method.
        path: The pattern of the path, with a group for each argument.
        successes: The status codes of a success. Another 2xx is not Sentry's: it may be that of a
            login page, for example.
        is_repeatable: Whether a repetition has no further effect.
        parse: The generated parser, called as `parse(response=…)`.
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
            arguments[name] = SimpleNamespace(to_dict=dict)  # A stub: no path depends on the body.
    kwargs = module._get_kwargs(**arguments)
    path = re.escape(kwargs["url"])
    for name in arguments:
        path = path.replace(re.escape(quote(f"{{{name}}}")), f"(?P<{name}>[^/]*)")
    name, method = module.__name__.rpartition(".")[2], kwargs["method"].upper()
    client = Client(base_url="", raise_on_unexpected_status=True)
    parse = partial(module._parse_response, client=client)
    successes = frozenset(
        code for code in HTTPStatus if 200 <= code < 300 and _expects(parse, code)
    )
    is_repeatable = method in _REPEATABLE_METHODS or name in _REPEATABLE_OPERATIONS
    return Route(name, method, re.compile(path), successes, is_repeatable, parse)


def _expects(parse: Callable[..., Any], status: int) -> bool:
    """Return whether a generated parser expects a status code."""
    try:
        parse(response=httpx.Response(status))
    except (UnexpectedStatus, *BAD_DATA) as error:
        # For an expected status code, the parser misses the body.
        return not isinstance(error, UnexpectedStatus)
    return True


class OperationRequest(NamedTuple):
    """A request of an operation of the contract.

    Attributes:
        request: The request.
        credentials: The credentials that it is sent with.
        route: The operation.
        arguments: The arguments in its path.
    """

    request: httpx.Request
    credentials: Credentials
    route: Route
    arguments: tuple[str, ...]

    @property
    def host(self) -> str:
        """The host, with the port if it is not the default one."""
        return self.request.url.netloc.decode()

    def __str__(self) -> str:
        arguments = [repr(argument) for argument in self.arguments]
        body = parse_json(self.request.read())
        if isinstance(body, dict):
            fields = cast(dict[str, Any], body).items()
            arguments += [f"{key}={value!r}" for key, value in fields]
        return self.redacted_line(f"{self.route.name}({', '.join(arguments)})")

    def redacted(self, content: bytes) -> bytes:
        """Return the content without the secrets of this request, and without any other token."""
        lowered = content.lower()
        for secret in (self.credentials.secret, *self.credentials.headers.values()):
            # A server may quote a token without its prefix, one cookie of several, or either in
            # another letter case. JSON escapes quotes.
            value = secret.reveal().lower()
            text = re.sub("sntry[a-z]{1,16}_", "", value.rpartition(" ")[2])
            parts = re.split(r'[ ,;="\\]+', value)
            for part in map(str.encode, (value, json.dumps(value)[1:-1], text, *parts)):
                # Searched for first: a pattern that ignores the case takes forty times as long.
                if len(part) >= _SECRET_LENGTH and part in lowered:
                    content = re.sub(re.escape(part), b"[redacted]", content, flags=re.IGNORECASE)
        return _TOKEN.sub(b"[redacted]", content)

    def redacted_line(self, text: str) -> str:
        """Return a text without secrets, as one line of at most 500 characters."""
        return single_line(self.redacted(text.encode("utf-8", "replace")).decode())


def identify(request: httpx.Request, credentials: Credentials) -> OperationRequest:
    """Find the operation of a request.

    Raises:
        InvalidArgumentError: The request is not an operation of the contract, or an argument in its
            path can't be an ID or a slug.
    """
    root = credentials.url.raw_path.decode().rstrip("/")
    path = request.url.raw_path.decode().partition("?")[0]
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
            return OperationRequest(request, credentials, route, arguments)
    # httpx has resolved `.` and `..` in the path, so the argument can't be named any more.
    names = sorted({name for route in routes() for name in route.path.groupindex})
    raise InvalidArgumentError(
        f"{request.method} {single_line(path)} is not an operation of the contract: is one of "
        f"{', '.join(names)} `.` or `..`?"
    )


def single_line(text: str) -> str:
    """Return a text as one line of at most 500 characters, without control characters."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:TEXT_LIMIT]).split())
    return text if len(text) <= _LINE_LIMIT else text[: _LINE_LIMIT - 1] + "…"


def parse_json(content: bytes) -> object:
    """Parse a JSON body of at most 1 MiB; return None if that fails."""
    if len(content) > _JSON_LIMIT:
        return None
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError):
        return None


def is_of_signal_handler(error: BaseException) -> bool:
    """Return whether a signal handler raised an error. Many raise TimeoutError, as networks do."""
    handlers = [getattr(getsignal(number), "__code__", None) for number in valid_signals()]
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(frame.f_code in handlers or _is_given_a_frame(frame) for frame in frames)


def _is_given_a_frame(frame: FrameType) -> bool:
    """Return whether an argument of a call is a frame, as every signal handler gets one.

    This also finds a handler that is an object, or is no longer installed.
    """
    names, rest, _, values = inspect.getargvalues(frame)
    others = values.get(str(rest))
    further = cast(tuple[object, ...], others) if isinstance(others, tuple) else ()
    return FrameType in map(type, [*map(values.get, names), *further])
