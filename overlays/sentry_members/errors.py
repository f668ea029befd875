"""Everything that can go wrong, as one tree.

    SentryMembersError
    ├── ConfigurationError                the credentials or settings can't work
    ├── InvalidArgumentError              an argument can't be sent (a ValueError, too)
    ├── NoAnswerError                     no answer came
    │   ├── AnswerTimeoutError            in the time given
    │   └── ConnectionFailedError         because there was no connection, or it broke off
    └── ApiError                          an answer came, and is not the success asked for
        ├── BadRequestError               400
        │   ├── AlreadyMemberError        the e-mail address is a member's
        │   │   └── AlreadyInvitedError   whose invite is pending
        │   ├── RoleNotAllowedError       the organization role is not the caller's to give
        │   └── UnknownTeamError          a team is unknown, or named twice
        ├── UnauthorizedError             401
        ├── ForbiddenError                403
        │   ├── GatewayKeyError           the gateway's key is missing or wrong
        │   ├── MissingScopeError         the token's scopes, organization or owner don't do
        │   └── IdentityProviderTeamError the team is managed by an identity provider
        ├── RoleCannotHoldTeamsError      400 or 403, by the operation
        ├── NotFoundError                 404
        ├── TooManyRequestsError          429
        │   ├── RequestLimitError         too many requests: goes by in seconds
        │   └── InviteQuotaError          too many invites: goes by in hours
        ├── ServerError                   5xx
        │   └── SentryUnreachableError    the gateway can't reach Sentry
        └── UnreadableAnswerError         a success, but its answer can't be read

The first two come before anything is sent. No message, attribute or traceback holds a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .scopes import Operation

REPEATING_IS_SAFE = (
    "Sentry may have acted on it all the same. Repeating it is safe: what is done already is not "
    "done twice."
)


class SentryMembersError(Exception):
    """The base of every error of this package. Its attributes survive pickling."""

    def __init__(self, message: str, **attributes: Any) -> None:
        super().__init__(message)
        vars(self).update(attributes)


class ConfigurationError(SentryMembersError):
    """The credentials or settings can't work; the message says which, and what would."""


class InvalidArgumentError(SentryMembersError, ValueError):
    """An argument can't be sent as it is; the message names it and says why."""


class NoAnswerError(SentryMembersError):
    """No answer came; of this class itself where trying again would not help.

    Attributes:
        operation: The operation, by its method's name.
        may_have_arrived: Whether Sentry may have received the request, and so acted on it.
        reason: The message without the call.
    """

    operation: Operation
    may_have_arrived: bool
    reason: str


class AnswerTimeoutError(NoAnswerError):
    """No answer came in the time given."""


class ConnectionFailedError(NoAnswerError):
    """There was no connection, or it broke off before the answer was whole."""


@dataclass(frozen=True)
class RateLimit:
    """The figures of the request limiter. sentry.io sends them, self-hosted servers don't.

    Attributes:
        limit: How many requests the window allows.
        remaining: How many of them are left.
        reset: When the window ends, in seconds since the epoch by the server's clock.
        concurrent_limit: How many requests may be under way at once.
        concurrent_remaining: How many more may be.
    """

    limit: int | None
    remaining: int | None
    reset: int | None
    concurrent_limit: int | None
    concurrent_remaining: int | None


class ApiError(SentryMembersError):
    """An answer came, and is not the success asked for.

    Attributes:
        operation: The operation, by its method's name.
        status: The HTTP status, such as 400, or 520, which is in no list.
        from_gateway: Whether the gateway itself answered. Below 500, and with 502, Sentry then
            never saw the request.
        messages: What the server says is wrong, at most 500 characters each.
        field_errors: Those that are about a field of the request, by the field's name in JSON.
        request_id: The ID by which the server's operators find the failure; None if none came.
        rate_limit: The figures of the request limiter; None if none came.
        retry_after: How many seconds from the answer on the server wants no further request;
            None if it does not say.
        body: The body, its first 8,192 bytes, tokens redacted.
        advice: What to do, if anything is known.
    """

    operation: Operation
    status: int
    from_gateway: bool
    messages: tuple[str, ...]
    field_errors: Mapping[str, tuple[str, ...]]
    request_id: str | None
    rate_limit: RateLimit | None
    retry_after: float | None
    body: bytes

    advice: str = ""


class BadRequestError(ApiError):
    """400: something in the request is wrong; `field_errors` may say what."""


class AlreadyMemberError(BadRequestError):
    """The e-mail address is a member's. Servers up to 23.7.1 say so of pending invites too."""

    advice = "They are in the organization, or invited; teams of this call were not added."


class AlreadyInvitedError(AlreadyMemberError):
    """The e-mail address is a member's whose invite is pending."""

    advice = "The invite is pending; this operation can't send it again."


class RoleNotAllowedError(BadRequestError):
    """The organization role is not the caller's to give."""

    advice = (
        "Give a role that the token's owner may give. An internal integration may give the role "
        "`member` only, and on 23.7.1 none."
    )


class UnknownTeamError(BadRequestError):
    """A team of the new member is unknown, or named twice."""

    advice = "Is each team there? Name it once, by its slug, not by its ID."


class UnauthorizedError(ApiError):
    """401: the token is missing, unknown or expired, or single sign-on is wanted."""

    advice = "Is the token, or the gateway's, whole, not expired, and of this Sentry?"


class ForbiddenError(ApiError):
    """403: the token is good, but not for this."""


class GatewayKeyError(ForbiddenError):
    """The gateway's key is missing or wrong: Sentry never saw the request."""

    advice = "Is SENTRY_GATEWAY_KEY, or gateway_key, the one that the gateway was started with?"


class MissingScopeError(ForbiddenError):
    """The token lacks a scope; or it is of another organization; or its owner may not do this."""


class IdentityProviderTeamError(ForbiddenError):
    """The team is managed by an identity provider, and can't be joined through Sentry."""

    advice = "Add the person to the team in the identity provider."


class RoleCannotHoldTeamsError(ApiError):
    """The organization role, such as `billing`, can't hold teams (400 or 403, by the operation)."""

    advice = "Give another organization role, or no teams."


class NotFoundError(ApiError):
    """404: there is no such organization, member or team; the server doesn't say which."""

    advice = "Check the URL, the slugs and the IDs: which one is unknown, Sentry doesn't say."


class TooManyRequestsError(ApiError):
    """429: too much of something."""


class RequestLimitError(TooManyRequestsError):
    """Too many requests in a window of time, or at once. It goes by in seconds."""

    advice = "Send fewer at a time, or wait until the window ends."


class InviteQuotaError(TooManyRequestsError):
    """Too many invites in a day. It goes by in hours; repeating the call sooner is pointless."""

    advice = (
        "Sentry allows 100 invites a day for a user and for an organization, and 10 for an "
        "address: go on tomorrow."
    )


class ServerError(ApiError):
    """5xx: Sentry failed, or a proxy before it. It may have acted on the request all the same."""

    advice = REPEATING_IS_SAFE


class SentryUnreachableError(ServerError):
    """502 of the gateway: it can't reach Sentry, which never saw the request."""

    advice = "Is it up, and the gateway's SENTRY_URL right?"


class UnreadableAnswerError(ApiError):
    """A success, but its answer can't be read: Sentry did what was asked."""

    advice = "Sentry did what was asked. Repeating it is safe: it is not done twice."
