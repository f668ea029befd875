"""The mapping of every response that current servers are known to send."""

import json
from typing import Any, NamedTuple

import httpx
import pytest
from sentry_members import errors

from tests.support.client_harness import Caller, responding
from tests.support.recordings import CURRENT_RESPONSES

INVITE, JOIN = "invite", "join"
OPERATIONS = {"add member": (INVITE,), "add to team": (JOIN,), "both": (INVITE, JOIN)}
REPEATED, NOT_REPEATED, IF_SAFE = "repeated", "not repeated", "repeated if safe"


class Expected(NamedTuple):
    """The error that a response is mapped to, a part of its advice, and whether it is retried."""

    error: type[errors.ApiError]
    advice: str
    decision: str = NOT_REPEATED


WAIT = Expected(errors.RateLimitError, "Send fewer at a time", REPEATED)
MAY_HAVE_ACTED = Expected(errors.ServerError, "Repeating it is safe", IF_SAFE)
NOT_FORWARDED = Expected(errors.SentryUnreachableError, "nothing was done", REPEATED)
EXPECTED = {
    "rate limit, since 2025-10": WAIT,
    "rate limit, before": WAIT,
    "concurrency limit": WAIT,
    "sentry.io's API gateway limits": WAIT,
    "the invite quota": Expected(errors.InviteQuotaError, "go on tomorrow"),
    "the organization requires two-factor": Expected(
        errors.TwoFactorRequiredError, "The token is good: its owner has to switch on two-factor"
    ),
    "the token's owner is over the organization's member limit": Expected(
        errors.OverMemberLimitError, "The token is good: the organization's plan has too few seats"
    ),
    "missing scope, since 2026-06": Expected(
        errors.MissingScopeError, "is enough: member:admin, member:invite, member:write."
    ),
    "'Let Members Invite Others' is off": Expected(
        errors.ForbiddenError, '"Let Members Invite Others" is off'
    ),
    "the role admin": Expected(
        errors.RoleNotAllowedError, "Give another organization role, and the team role `admin`."
    ),
    "an address at qq.com": Expected(errors.BadRequestError, "rejects some providers"),
    "the account of the token's owner is suspended": Expected(
        errors.ForbiddenError, "has suspended the token's owner"
    ),
    "sentry.io's API gateway: the organization is unknown": Expected(
        errors.NotFoundError, "which one is unknown, Sentry doesn't say"
    ),
    "sentry.io's API gateway: the region can't be reached": NOT_FORWARDED,
    "the same, breaker open": NOT_FORWARDED,
    "sentry.io's API gateway: the region broke off": MAY_HAVE_ACTED,
    "sentry.io's API gateway: no answer in time": MAY_HAVE_ACTED,
    "the control silo waited too long": MAY_HAVE_ACTED,
    "the stored member id of an invite that expired": Expected(
        errors.NotFoundError, "within 30 days is deleted: invite again"
    ),
}


def expected_of(line: dict[str, Any]) -> Expected:
    [found] = [value for case, value in EXPECTED.items() if line["case"].startswith(case)]
    return found


def response_of(line: dict[str, Any]) -> httpx.Response:
    headers = {
        name: text.replace("<epoch seconds>", "1795317040")
        for name, text in line["headers"].items()
    }
    return httpx.Response(line["status"], headers=headers, content=json.dumps(line["body"]))


def test_expects_an_error_for_every_known_response() -> None:
    assert len(EXPECTED) == len({expected_of(line) and line["case"] for line in CURRENT_RESPONSES})


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        pytest.param(operation, line, id=f"{operation}: {line['case']}")
        for line in CURRENT_RESPONSES
        for operation in OPERATIONS[line["operation"]]
    ],
)
def test_maps_a_response_of_a_current_server(
    operation: str, line: dict[str, Any], caller: Caller, waits: list[float]
) -> None:
    expected, response = expected_of(line), response_of(line)
    with pytest.raises(errors.ApiError) as caught:
        getattr(caller, operation)(responding(response))
    error = caught.value
    assert expected.error is type(error)
    assert expected.advice in error.advice
    assert str(error).endswith(error.advice)
    assert "error" not in error.field_errors
    assert all("apigateway" not in message for message in error.messages)
    is_repeated = expected.decision == REPEATED or (expected.decision, operation) == (IF_SAFE, JOIN)
    assert (3 if is_repeated else 1) == len(caller.requests)
    assert (operation, expected.decision) not in [(INVITE, IF_SAFE)] or error.may_have_acted


@pytest.mark.parametrize("case", ["the organization requires two-factor", "the token's owner is over"])  # fmt: skip
def test_does_not_doubt_a_valid_token(case: str, caller: Caller) -> None:
    [line] = [line for line in CURRENT_RESPONSES if line["case"].startswith(case)]
    with pytest.raises(errors.UnauthorizedError) as caught:
        caller.join(responding(response_of(line)))
    assert "not expired" not in str(caught.value)
    assert "self-hosted" not in str(caught.value)
