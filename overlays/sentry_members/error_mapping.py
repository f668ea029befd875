"""What an answer that is no success says, and so which error it is."""

import json
import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import httpx

from . import errors
from .auth import GATEWAY_KEY_HEADER
from .scopes import Operation, TokenKind, needed

# How much is kept of what a server, or whatever stands before it, may send.
_BODY_LIMIT = 8192
_JSON_LIMIT = 1024 * 1024
_MESSAGE_LIMIT = 500
_MESSAGES_LIMIT = 20

_SECRET_HEADERS = (b"authorization", GATEWAY_KEY_HEADER.lower().encode())
_SECRET_LENGTH = 8  # what is shorter may be part of any text, and its place would show it
# The brackets take in what is left of a token whose end has been redacted.
_TOKEN = re.compile(rb"sntry[a-z]_[\w+/=.\[\]-]+")

_BY_STATUS: dict[int, type[errors.ApiError]] = {
    400: errors.BadRequestError,
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    429: errors.RequestLimitError,
}

_BY_GATEWAY: dict[int, type[errors.ApiError]] = {
    403: errors.GatewayKeyError,
    502: errors.SentryUnreachableError,
}

# Where only the server's words tell one reason from another.
_BY_WORDS: tuple[tuple[int, str, type[errors.ApiError]], ...] = (
    (400, "has already been invited", errors.AlreadyInvitedError),
    (400, "is already a member", errors.AlreadyMemberError),
    (400, "do not have permission to set that org-level role", errors.RoleNotAllowedError),
    (400, "restricted to inviting new members with the member role", errors.RoleNotAllowedError),
    (400, "Invalid teams", errors.UnknownTeamError),
    (400, "cannot have team-level permissions", errors.RoleCannotHoldTeamsError),
    (403, "cannot have team-level permissions", errors.RoleCannotHoldTeamsError),
    (
        403,
        "managed through your organization's identity provider",
        errors.IdentityProviderTeamError,
    ),
    (403, "do not have permission to perform this action", errors.MissingScopeError),
)


class Call:
    """A request, as the operation that it is and the arguments that it carries."""

    def __init__(self, operation: Operation, path: tuple[str, ...], request: httpx.Request) -> None:
        self.operation: Operation = operation
        self._path = path
        self.request = request

    def __str__(self) -> str:
        arguments = [repr(argument) for argument in self._path]
        body = _json(self.request.read())
        if isinstance(body, dict):
            fields = cast(dict[str, Any], body).items()
            arguments += [f"{key}={value!r}" for key, value in fields]
        return self.told(f"{self.operation}({', '.join(arguments)})")

    def redacted(self, content: bytes) -> bytes:
        """The content without the secrets that the request carries, and without any token."""
        for name, value in self.request.headers.raw:
            # A server may show a token without its prefix, or in another letter case.
            secret = re.sub(rb".* |sntry[a-z]_", b"", value)
            if name.lower() in _SECRET_HEADERS and len(secret) >= _SECRET_LENGTH:
                content = re.sub(re.escape(secret), b"[redacted]", content, flags=re.IGNORECASE)
        return _TOKEN.sub(b"[redacted]", content)

    def told(self, text: str) -> str:
        """One line of the text, without secrets."""
        return plain(self.redacted(text.encode("utf-8", "replace")).decode())


def error_of(
    call: Call, response: httpx.Response, token_kind: TokenKind | None, note: str = ""
) -> errors.ApiError:
    """The error that an answer is, by its status, and by its words where need be."""
    status, told = response.status_code, _read(call, response)
    kind = errors.ServerError if 500 <= status < 600 else errors.ApiError
    kind = _BY_STATUS.get(status, kind)
    if told["from_gateway"]:
        kind = _BY_GATEWAY.get(status, kind)
        # Sentry, which the advice on this is about, never saw the request.
        advice = "" if kind is errors.NotFoundError else kind.advice
        return kind(_message(call, status, *told["messages"], advice), advice=advice, **told)
    if status == 429 and not _is_request_limit(call, response):
        # Without a body nothing tells which of them it is.
        kind = errors.InviteQuotaError if response.content else errors.TooManyRequestsError
    for of_status, words, meaning in _BY_WORDS:
        # Of several reasons none is the reason.
        if of_status == status and _all_hold(words, told["messages"]):
            kind = meaning
            break
    advice = _advice(kind, call.operation, token_kind)
    if response.has_redirect_location:
        advice = "A redirect is never followed: is the URL right?"
    elif response.is_success:
        advice = "Sentry does not answer so: is the URL right, and nothing else before it?"
    message = _message(call, status, *told["messages"], note, advice)
    return kind(message, advice=advice, **told)


def _advice(kind: type[errors.ApiError], operation: Operation, token_kind: TokenKind | None) -> str:
    if kind is errors.MissingScopeError:
        owner = "" if token_kind == "internal integration" else ", or its owner's role is too low"
        return (
            f"The token lacks a scope, or the organization is not its own{owner}. Accepted scopes: "
            + needed(operation, token_kind)
        )
    if kind is errors.NotFoundError and operation == "add_an_organization_member_to_a_team":
        return f"{kind.advice} A member's ID is not a user's ID, and `me` needs a user auth token."
    return kind.advice


class Reason(NamedTuple):
    """A reason for which Sentry refuses a call.

    Attributes:
        status: The HTTP status; 500 stands for every 5xx.
        words: What the server's message then holds; empty where the status alone tells.
        advice: What to do.
    """

    status: int
    words: str
    advice: str


def reasons(operation: Operation) -> Iterator[Reason]:
    """What to do about the errors of an operation, for whoever has only the answer.

    Not of a 429: which of the two limits it is, its status and words don't tell.
    """
    by_status = {**_BY_STATUS, 500: errors.ServerError}
    del by_status[429]
    for status, words, kind in (*((s, "", kind) for s, kind in by_status.items()), *_BY_WORDS):
        if advice := _advice(kind, operation, None):
            yield Reason(status, words, advice)


def unreadable(call: Call, response: httpx.Response, reason: str) -> errors.UnreadableAnswerError:
    """The error that a success is whose answer can't be read."""
    kind = errors.UnreadableAnswerError
    reason = f"the answer can't be read ({call.told(reason)})"
    message = _message(call, response.status_code, reason, kind.advice)
    return kind(message, **_read(call, response))


def _message(call: Call, status: int, *texts: str) -> str:
    phrase = f" {HTTPStatus(status).phrase}" if status in list(HTTPStatus) else ""
    return sentences(f"{call}: {status}{phrase}", *texts)


def sentences(*texts: str) -> str:
    """Texts one after the other, each with its end."""
    return " ".join(text if text[-1] in ".?!" else f"{text}." for text in texts if text)


def _read(call: Call, response: httpx.Response) -> dict[str, Any]:
    """What an answer says, as the attributes of `ApiError`."""
    content = call.redacted(response.content)
    messages: list[str] = []
    field_errors: dict[str, tuple[str, ...]] = {}
    request_id = call.told(response.headers.get("X-Request-Id", "")) or None
    from_gateway = False
    match body := _json(content):
        case {"gateway": True, "detail": str(detail)} if GATEWAY_KEY_HEADER in call.request.headers:
            from_gateway = True
            messages.append(call.told(detail))
        case dict():
            for key, value in list(cast(dict[str, Any], body).items())[:_MESSAGES_LIMIT]:
                texts = tuple(map(call.told, _texts(value)))
                if key == "errorId":
                    request_id = next(iter(texts), None)
                elif key in ("detail", "info"):
                    messages.extend(texts)
                else:
                    field_errors[call.told(key)] = texts
                    messages.extend(call.told(f"{key}: {text}") for text in texts)
        case None:
            messages.extend(map(plain, _page(content)))
        case _:
            messages.extend(map(call.told, _texts(body)))
    return {
        "operation": call.operation,
        "status": response.status_code,
        "from_gateway": from_gateway,
        "messages": tuple(dict.fromkeys(messages[:_MESSAGES_LIMIT])),
        "field_errors": field_errors,
        "request_id": request_id,
        "rate_limit": rate_limit(response.headers),
        "retry_after": _retry_after(call, response),
        "body": content[:_BODY_LIMIT],
    }


def _all_hold(words: str, messages: tuple[str, ...]) -> bool:
    return bool(messages) and all(words in message for message in messages)


def _is_request_limit(call: Call, response: httpx.Response) -> bool:
    """Whether a 429 is: the request limiter sends a bare text, the invite quota an object."""
    if call.operation == "add_a_member_to_an_organization":
        body = _json(response.content)
        return bool(response.content) and not (isinstance(body, dict) and "detail" in body)
    return True


def _json(content: bytes) -> object:
    if len(content) > _JSON_LIMIT:
        return None
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError):
        return None


def _texts(value: object, depth: int = 3) -> Iterator[str]:
    """The texts in a part of a body: one text, a list of them, or an object with a message."""
    match value:
        case str():
            yield value
        case list() if depth:
            for item in cast(list[object], value)[:_MESSAGES_LIMIT]:
                yield from _texts(item, depth - 1)
        case {"message": str(message)}:
            yield message
        case dict() | list():
            yield json.dumps(value)
        case None:
            pass
        case _:
            yield str(value)


def _page(content: bytes) -> Iterator[str]:
    """The title of a page of HTML, or the first of a text."""
    text = content[:_BODY_LIMIT].decode("utf-8", "replace")
    title = re.search(r"<title[^<>]*>([^<]*)", text, re.IGNORECASE)
    text = title[1] if title else re.sub(r"<[^<>]*>", " ", text)
    if text.strip():
        yield text


def plain(text: str) -> str:
    """One line without control characters, and not too long."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:_BODY_LIMIT]).split())
    return text if len(text) <= _MESSAGE_LIMIT else text[: _MESSAGE_LIMIT - 1] + "…"


def rate_limit(headers: httpx.Headers) -> errors.RateLimit | None:
    """The figures of the request limiter, if the answer has any."""
    names = ("Limit", "Remaining", "Reset", "ConcurrentLimit", "ConcurrentRemaining")
    texts = [headers.get(f"X-Sentry-Rate-Limit-{name}") for name in names]
    if not any(texts):
        return None
    return errors.RateLimit(*(_whole_number(text) for text in texts))


def _retry_after(call: Call, response: httpx.Response) -> float | None:
    """How many seconds to wait, counted against the answer's own date."""
    headers = response.headers
    told: str = headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", told):
        return float(told)
    end = _timestamp(told)
    if end is None and response.status_code == 429 and _is_request_limit(call, response):
        end = _whole_number(headers.get("X-Sentry-Rate-Limit-Reset"))
    date = _timestamp(headers.get("Date"))
    return None if date is None or end is None else max(0.0, end - date)


def _whole_number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,15}", text) else None


def _timestamp(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None
