"""The exceptions that this package raises, as one tree.

    SentryMembersError
    ├── ConfigurationError                the credentials or settings can't work
    ├── InvalidArgumentError              an argument can't be sent (a ValueError, too)
    ├── NoAnswerError                     no response arrived
    │   ├── AnswerTimeoutError            in time
    │   └── ConnectionFailedError         because there was no connection, or it broke off
    └── ApiError                          a response arrived that is not a success
        ├── BadRequestError               400
        │   ├── AlreadyMemberError        the e-mail address is a member's
        │   │   └── AlreadyInvitedError   whose invite is pending
        │   ├── RoleNotAllowedError       the organization role can't be given by this caller
        │   └── UnknownTeamError          a team is unknown, or named twice
        ├── UnauthorizedError             401
        │   ├── TwoFactorRequiredError    the token's owner has to switch on two-factor
        │   └── OverMemberLimitError      the token's owner has no seat in the plan
        ├── ForbiddenError                403
        │   ├── GatewayKeyError           the gateway's key is missing or wrong
        │   ├── MissingScopeError         the token lacks a scope, or its owner a right
        │   └── IdentityProviderTeamError the team is managed by an identity provider
        ├── RoleCannotHoldTeamsError      400 or 403, by the operation
        ├── NotFoundError                 404
        ├── TooManyRequestsError          429
        │   ├── RateLimitError            too many requests: ends in seconds
        │   └── InviteQuotaError          too many invites: ends in hours
        ├── ServerError                   5xx, or Sentry's own 408
        │   └── SentryUnreachableError    a gateway can't reach Sentry
        └── UnreadableAnswerError         a success whose body can't be read

ConfigurationError and InvalidArgumentError are raised before anything is sent. No message,
attribute or traceback holds a token.
"""

import copyreg
from collections.abc import Mapping
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import Any

REPEATING_IS_SAFE = (
    "Sentry may have acted on it all the same. Repeating it is safe: what is done already is not "
    "done twice."
)


class SentryMembersError(Exception):
    """The base of every error of this package. Its attributes survive pickling.

    Attributes:
        is_transient: Whether the same request may succeed a little later.
        may_have_acted: Whether Sentry may have done what was asked, despite the error.
    """

    is_transient: bool = False
    may_have_acted: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # By default an exception is rebuilt by its constructor, from the message alone.
        return copyreg.__newobj__, (type(self), *self.args), vars(self)  # type: ignore[attr-defined]


class ConfigurationError(SentryMembersError):
    """The credentials or settings can't work; the message says why, and what to do."""


class InvalidArgumentError(SentryMembersError, ValueError):
    """An argument can't be sent as it is; the message names it and says why."""


@dataclass(eq=False, repr=False)
class NoAnswerError(SentryMembersError):
    """No response arrived. Retrying helps only with the subclasses.

    Attributes:
        operation: The operation, named like its method.
        host: The host of the request, with the port if it is not the default one.
        may_have_arrived: Whether Sentry may have received the request, and acted on it.
        reason: The message without the call.
    """

    message: InitVar[str]
    _: KW_ONLY
    operation: str
    host: str
    may_have_arrived: bool
    reason: str

    def __post_init__(self, message: str) -> None:
        super().__init__(message)
        self.may_have_acted = self.may_have_arrived


class AnswerTimeoutError(NoAnswerError):
    """No response arrived in time."""

    is_transient = True


class ConnectionFailedError(NoAnswerError):
    """No connection could be made, or it broke before a response arrived."""

    is_transient = True


@dataclass(frozen=True)
class RateLimit:
    """The figures of the rate limiter. sentry.io sends them, self-hosted servers don't.

    Attributes:
        limit: How many requests the window allows.
        remaining: How many of them are left.
        reset: When the window ends, in seconds since the epoch by the server's clock.
        concurrent_limit: How many requests may be in flight; None from current servers.
        concurrent_remaining: How many more requests may be in flight; None from current servers.
    """

    limit: int | None
    remaining: int | None
    reset: int | None
    concurrent_limit: int | None
    concurrent_remaining: int | None


@dataclass(eq=False, repr=False)
class ApiError(SentryMembersError):
    """A response arrived that is not a success of the operation.

    Attributes:
        operation: The operation, named like its method.
        host: The host of the request, with the port if it is not the default one.
        status: The status code; also one that HTTP does not define, such as 520.
        advice: What to do, if anything is known.
        from_gateway: Whether this project's gateway responded. Sentry then never received the
            request if the status code is below 500, or 502.
        messages: What the server says is wrong, at most 500 characters each.
        field_errors: The messages about a field of the request, by the field's name in JSON.
        accepted_scopes: The scopes of which the token needs any one, as Sentry names them in a
            403; empty if it names none.
        request_id: The ID by which the server's operators find the failure, if the server sent one.
        rate_limit: The figures of the rate limiter, if the server sent any.
        retry_after: For how many seconds after the response the server wants no further request, if
            it says so.
        body: The body, its first 8,192 bytes, tokens redacted.
    """

    message: InitVar[str]
    _: KW_ONLY
    operation: str
    host: str
    status: int
    advice: str = ""
    from_gateway: bool = False
    messages: tuple[str, ...] = ()
    field_errors: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    accepted_scopes: tuple[str, ...] = ()
    request_id: str | None = None
    rate_limit: RateLimit | None = None
    retry_after: float | None = None
    body: bytes = b""

    def __post_init__(self, message: str) -> None:
        super().__init__(message)


class BadRequestError(ApiError):
    """400: the request is wrong; `field_errors` may say where."""


class AlreadyMemberError(BadRequestError):
    """The e-mail address is a member's. Servers up to 23.7.1 say this of pending invites, too."""


class AlreadyInvitedError(AlreadyMemberError):
    """The e-mail address is a member's whose invite is pending."""


class RoleNotAllowedError(BadRequestError):
    """The organization role can't be given by this caller, or no longer by anybody."""


class UnknownTeamError(BadRequestError):
    """A team of the new member is unknown, or named twice."""


class UnauthorizedError(ApiError):
    """401: the token is missing, unknown or expired; in the subclasses it is valid."""


class TwoFactorRequiredError(UnauthorizedError):
    """The organization requires two-factor authentication, and the token's owner has none."""


class OverMemberLimitError(UnauthorizedError):
    """The organization's plan has too few seats, and none for the token's owner."""


class ForbiddenError(ApiError):
    """403: the token is valid, but may not do this."""


class GatewayKeyError(ForbiddenError):
    """The gateway's key is missing or wrong: Sentry never received the request."""


class MissingScopeError(ForbiddenError):
    """The token lacks a scope.

    A server that does not name the scopes in a header (self-hosted before June 2026) may also mean
    that the token is another organization's, or that its owner may not do this.
    """


class IdentityProviderTeamError(ForbiddenError):
    """The team is managed by an identity provider, and can't be joined through Sentry."""


class RoleCannotHoldTeamsError(ApiError):
    """400 or 403, by the operation: the organization role, such as `billing`, can't hold teams."""


class NotFoundError(ApiError):
    """404: there is no such organization, member or team; the server doesn't say which."""


class TooManyRequestsError(ApiError):
    """429: too many requests, or too many invites."""


class RateLimitError(TooManyRequestsError):
    """Too many requests in a window of time, or in flight. It ends in seconds."""

    is_transient = True


class InviteQuotaError(TooManyRequestsError):
    """Too many invites in a day. It ends in hours; repeating the call sooner is pointless."""


class ServerError(ApiError):
    """5xx, or Sentry's own 408: Sentry or a proxy before it failed. Sentry may have acted."""

    is_transient = True
    may_have_acted = True


class SentryUnreachableError(ServerError):
    """A gateway, ours or sentry.io's, can't reach Sentry, which never received the request."""

    may_have_acted = False


class UnreadableAnswerError(ApiError):
    """A success whose body can't be read: Sentry did what was asked."""

    is_transient = True
    may_have_acted = True
