"""Maps an error response to an exception, by a table of what is known of Sentry's responses."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import httpx

from . import errors
from .auth import GATEWAY_KEY_HEADER, is_sentry_io
from .routes import TEXT_LIMIT, OperationRequest, parse_json, single_line
from .scopes import TokenKind, needed

_MESSAGES_LIMIT = 20

_INVITE = "add_a_member_to_an_organization"
_JOIN = "add_an_organization_member_to_a_team"

_WHERE_A_URL_GOES = (
    "No URL is configured, so sentry.io was asked: the URL of a self-hosted Sentry goes into the "
    "argument url, SENTRY_URL or .sentryclirc."
)
_A_PAGE = (
    "A proxy before Sentry sent this, not Sentry. SENTRY_CUSTOM_HEADERS is for the headers that a "
    "proxy before your own Sentry requires."
)


class Rule(NamedTuple):
    """Matches error responses, and says which exception they map to.

    An attribute that is left out matches any response.

    Attributes:
        status: The status code; 500 matches every 5xx.
        error: The class of the exception, which also decides whether the request is retried.
        advice: What to do. `{scopes}` is replaced by the scopes that the operation accepts,
            `{accepted}` by those that the response names.
        words: Words that each message of a JSON object or list contains.
        code: The `code` of a `detail` that is an object.
        operation: The operation of the request.
        sender: `"gateway"` for this project's gateway, `"apigateway"` for sentry.io's, `"proxy"` for
            what sends a page in place of JSON.
        names_scopes: Whether the response must name scopes of which the token lacks one.
        on_sentry_io: Whether the request must have gone to sentry.io.
        is_elsewhere: Whether the advice mentions that the wrong Sentry may have been asked.
    """

    status: int
    error: type[errors.ApiError]
    advice: str = ""
    words: str = ""
    code: str = ""
    operation: str = ""
    sender: str = ""
    names_scopes: bool = False
    on_sentry_io: bool = False
    is_elsewhere: bool = False


_FORBIDDEN = "do not have permission to perform this action"
_NO_TEAMS = "cannot have team-level permissions"
_GIVE_NO_TEAMS = "Give another organization role, or no teams."
_WHICH_IS_UNKNOWN = "Check the slugs and the IDs: which one is unknown, Sentry doesn't say."

# The first rule that matches is used.
RULES: tuple[Rule, ...] = (
    Rule(403, errors.GatewayKeyError, "Is SENTRY_GATEWAY_KEY, or gateway_key, the one that the gateway was started with?", sender="gateway"),
    Rule(404, errors.NotFoundError, sender="gateway"),
    Rule(502, errors.SentryUnreachableError, "Is Sentry up, the gateway's SENTRY_URL right, and Sentry's certificate trusted? The reason is in the gateway's standard error.", sender="gateway"),
    Rule(503, errors.SentryUnreachableError, "The region of the organization can't be reached, and nothing was done: try again later.", sender="apigateway"),
    Rule(401, errors.UnauthorizedError, _A_PAGE, sender="proxy"),
    Rule(403, errors.ForbiddenError, _A_PAGE, sender="proxy"),

    Rule(400, errors.AlreadyInvitedError, "The invite is pending; this operation can't send it again.", "has already been invited"),
    Rule(400, errors.AlreadyMemberError, "They are in the organization, or invited; teams of this call were not added.", "is already a member"),
    Rule(400, errors.RoleNotAllowedError, "Give another organization role, and the team role `admin`.", "may no longer be assigned"),
    Rule(400, errors.RoleNotAllowedError, "Give a role that the token's owner may give. An internal integration may give the role `member` only, and on 23.7.1 none.", "do not have permission to set that org-level role"),
    Rule(400, errors.RoleNotAllowedError, "Give the role `member`, or use a user auth token.", "restricted to inviting new members with the member role"),
    Rule(400, errors.UnknownTeamError, "Is each team there? Name it once, by its slug, not by its ID.", "Invalid teams"),
    Rule(400, errors.RoleCannotHoldTeamsError, _GIVE_NO_TEAMS, _NO_TEAMS),
    Rule(400, errors.BadRequestError, "Open Membership is off: name teams that the token's owner is on, or let a manager invite.", "cannot assign members to teams you are not a member of"),
    Rule(400, errors.BadRequestError, "Is the address complete? sentry.io also rejects some providers, such as qq.com.", "Enter a valid email address"),
    Rule(400, errors.BadRequestError),

    Rule(401, errors.TwoFactorRequiredError, "The token is good: its owner has to switch on two-factor authentication in their account. An internal integration's token needs none.", code="2fa-required"),
    Rule(401, errors.OverMemberLimitError, "The token is good: the organization's plan has too few seats, and none for the token's owner. Add seats, or remove members.", code="member-disabled-over-limit"),
    Rule(401, errors.UnauthorizedError, "Is the token, or the gateway's, complete, not expired, and of this Sentry?", is_elsewhere=True),

    Rule(403, errors.IdentityProviderTeamError, "Add the person to the team in the identity provider.", "managed through your organization's identity provider"),
    Rule(403, errors.RoleCannotHoldTeamsError, _GIVE_NO_TEAMS, _NO_TEAMS),
    Rule(403, errors.ForbiddenError, "An administrator of this Sentry has suspended the token's owner: ask them, or use the token of somebody else.", "account has been suspended"),
    Rule(403, errors.ForbiddenError, "The organization's plan allows no invites.", "not allowed to invite members"),
    Rule(403, errors.MissingScopeError, "The token lacks a scope. Any one of these is enough: {accepted}.", names_scopes=True),
    Rule(403, errors.ForbiddenError, "Sentry names no missing scope. So the role of the token's owner is too low, \"Let Members Invite Others\" is off, or the organization is not the token's.", _FORBIDDEN, operation=_INVITE, on_sentry_io=True),
    Rule(403, errors.ForbiddenError, "Sentry names no missing scope. So the role of the token's owner is too low, or the organization is not the token's.", _FORBIDDEN, on_sentry_io=True),
    Rule(403, errors.MissingScopeError, "The token lacks a scope, the role of its owner is too low, \"Let Members Invite Others\" is off, or the organization is not the token's. {scopes}", _FORBIDDEN, operation=_INVITE),
    Rule(403, errors.MissingScopeError, "The token lacks a scope, the role of its owner is too low, or the organization is not the token's. {scopes}", _FORBIDDEN),
    Rule(403, errors.ForbiddenError),

    Rule(404, errors.NotFoundError, f"{_WHICH_IS_UNKNOWN} A member's ID is not a user's ID, and `me` needs a user auth token. An invite that was not accepted within 30 days is deleted: invite again.", operation=_JOIN, is_elsewhere=True),
    Rule(404, errors.NotFoundError, _WHICH_IS_UNKNOWN, is_elsewhere=True),

    Rule(408, errors.ServerError, errors.REPEATING_IS_SAFE, code="request-timeout"),
    Rule(429, errors.InviteQuotaError, "Sentry allows 100 invites a day for a user and for an organization, and 10 for an address: go on tomorrow.", "too many invitations", operation=_INVITE),
    Rule(429, errors.RateLimitError, "Send fewer at a time, or wait until the window ends."),
    Rule(500, errors.ServerError, errors.REPEATING_IS_SAFE),
)  # fmt: skip


class _Details(NamedTuple):
    """The readable parts of an error response.

    Attributes:
        reasons: The messages, if the body is JSON and has any; otherwise one empty reason.
        accepted: The scopes that it names, of which the token lacks one.
    """

    sender: str = ""
    code: str = ""
    reasons: tuple[str, ...] = ("",)
    messages: tuple[str, ...] = ()
    field_errors: dict[str, tuple[str, ...]] | None = None
    accepted: tuple[str, ...] = ()
    request_id: str | None = None


def map_error(call: OperationRequest, response: httpx.Response, note: str = "") -> errors.ApiError:
    """Map an error response to an exception, by the first rule that matches.

    Args:
        call: The request.
        response: The response, its body read.
        note: What else is wrong with the response, for the message.
    """
    details, status = _read(call, response), response.status_code
    unexpected = Rule(0, errors.ApiError, _unexpected(response))
    rule = next((rule for rule in RULES if _matches(rule, call, status, details)), unexpected)
    advice = advice_of(rule, call.route.name, call.credentials.token_kind, details.accepted)
    if rule.is_elsewhere and call.credentials.is_default_url:
        advice = f"{advice} {_WHERE_A_URL_GOES}"
    return _build(rule.error, call, response, details, note, advice)


def advice_of(
    rule: Rule, operation: str, token_kind: TokenKind | None = None, accepted: tuple[str, ...] = ()
) -> str:
    """Return the advice of a rule, with the scopes filled in."""
    scopes = needed(operation, token_kind)
    return rule.advice.format(scopes=scopes, accepted=", ".join(accepted)).rstrip()


def unreadable(call: OperationRequest, response: httpx.Response, reason: str) -> errors.ApiError:
    """Build the error for a success whose body can't be read or parsed."""
    note = f"the response can't be read ({call.redacted_line(reason)})"
    advice = "Sentry did what was asked. Repeating it is safe: it is not done twice."
    details = _Details(request_id=_read(call, response).request_id)
    return _build(errors.UnreadableAnswerError, call, response, details, note, advice)


def _matches(rule: Rule, call: OperationRequest, status: int, details: _Details) -> bool:
    return (
        (rule.status == status or (rule.status == 500 and 500 <= status < 600))
        and rule.operation in ("", call.route.name)
        and rule.sender in ("", details.sender)
        and rule.code in ("", details.code)
        # A response with several reasons does not mean any one of them.
        and all(rule.words in reason for reason in details.reasons)
        and not (rule.names_scopes and not details.accepted)
        and not (rule.on_sentry_io and not is_sentry_io(call.request.url.host))
    )


def _unexpected(response: httpx.Response) -> str:
    if response.has_redirect_location:
        return "A redirect is never followed: is the URL right?"
    if response.is_success:
        return "Sentry does not respond like this: is the URL right, and nothing else before it?"
    return ""


def _scopes(challenge: str) -> tuple[str, ...]:
    """Return the scopes that a `WWW-Authenticate` header names in OAuth's format (RFC 6750)."""
    found = re.match(r'(?=.*insufficient_scope).*?\bscope="([^"]*)"', challenge)
    return tuple(found[1].split()) if found else ()


def _build(
    error: type[errors.ApiError],
    call: OperationRequest,
    response: httpx.Response,
    details: _Details,
    note: str,
    advice: str,
) -> errors.ApiError:
    status = response.status_code
    phrase = f" {HTTPStatus(status).phrase}" if status in list(HTTPStatus) else ""
    title = f"{call}: {status}{phrase} from {call.host}"
    if details.request_id:
        title += f", request ID {details.request_id}"
    return error(
        join_sentences(title, *details.messages, note, advice),
        operation=call.route.name,
        host=call.host,
        status=status,
        advice=advice,
        from_gateway=details.sender == "gateway",
        messages=details.messages,
        field_errors=details.field_errors or {},
        accepted_scopes=details.accepted,
        request_id=details.request_id,
        rate_limit=rate_limit(response.headers),
        retry_after=_retry_after(response, counts_windows=issubclass(error, errors.RateLimitError)),
        body=call.redacted(response.content)[:TEXT_LIMIT],
    )


def _read(call: OperationRequest, response: httpx.Response) -> _Details:
    """Read the messages and IDs of an error response, whatever its body is."""
    content = call.redacted(response.content)
    messages: list[str] = []
    field_errors: dict[str, tuple[str, ...]] = {}
    request_id = call.redacted_line(response.headers.get("X-Request-Id", "")) or None
    body = parse_json(content)
    fields = cast(dict[str, Any], body) if isinstance(body, dict) else {}
    sender, detail = "", fields.get("detail")
    if fields.get("gateway") is True and isinstance(detail, str):
        # Only a request to a gateway can have a response of the gateway.
        sender = "gateway" if GATEWAY_KEY_HEADER in call.request.headers else ""
    elif fields.get("error") == "apigateway":
        sender = "apigateway"
    for key, value in list(fields.items())[:_MESSAGES_LIMIT]:
        texts = tuple(map(call.redacted_line, _texts(value)))
        if key == "errorId":
            request_id = next(iter(texts), None)
        elif key in ("detail", "info"):
            messages.extend(texts)
        elif not sender:
            field_errors[call.redacted_line(key)] = texts
            messages.extend(call.redacted_line(f"{key}: {text}") for text in texts)
    if body is None:
        messages.extend(map(single_line, _page(content)))
        sender = "proxy" if messages else ""
    elif not isinstance(body, dict):
        messages.extend(map(call.redacted_line, _texts(body)))
    readable = tuple(dict.fromkeys(messages[:_MESSAGES_LIMIT]))
    return _Details(
        sender=sender,
        code=cast(dict[str, Any], detail).get("code", "") if isinstance(detail, dict) else "",
        reasons=readable if readable and isinstance(body, dict | list) else ("",),
        messages=readable,
        field_errors=field_errors,
        accepted=_scopes(call.redacted_line(response.headers.get("WWW-Authenticate", ""))),
        request_id=request_id,
    )


def _texts(value: object, depth: int = 3) -> Iterator[str]:
    """Yield the texts in a value of a JSON body: a text, a list, or an object with a message."""
    match value:
        case str(text) | {"message": str(text)}:
            yield text
        case list() if depth:
            for item in cast(list[object], value)[:_MESSAGES_LIMIT]:
                yield from _texts(item, depth - 1)
        case dict() | list():
            with suppress(RecursionError):  # It may be nested more deeply than can be written.
                yield json.dumps(value)
        case None:
            pass
        case _:
            yield str(value)


def _page(content: bytes) -> Iterator[str]:
    """Yield the title of an HTML page, or the beginning of any other text."""
    text = content[:TEXT_LIMIT].decode("utf-8", "replace")
    title = re.search(r"<title[^<>]*>([^<]*)", text, re.IGNORECASE)
    text = title[1] if title else re.sub(r"<[^<>]*>", " ", text)
    if text.strip():
        yield text


def join_sentences(*texts: str) -> str:
    """Join the texts that are not empty, with a full stop after each that ends without one."""
    return " ".join(text if text[-1] in ".?!" else f"{text}." for text in texts if text)


def rate_limit(headers: httpx.Headers) -> errors.RateLimit | None:
    """Read the figures of the rate limiter; return None if there are none."""
    names = ("Limit", "Remaining", "Reset", "ConcurrentLimit", "ConcurrentRemaining")
    texts = [headers.get(f"X-Sentry-Rate-Limit-{name}") for name in names]
    return errors.RateLimit(*map(_whole_number, texts)) if any(texts) else None


def _retry_after(response: httpx.Response, *, counts_windows: bool) -> float | None:
    """Read how many seconds to wait after the date of the response."""
    text: str = response.headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", text):
        return float(text)
    end = _timestamp(text)
    if end is None and counts_windows:
        end = _whole_number(response.headers.get("X-Sentry-Rate-Limit-Reset"))
    date = _timestamp(response.headers.get("Date"))
    return None if date is None or end is None else max(0.0, end - date)


def _whole_number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,15}", text) else None


def _timestamp(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None
