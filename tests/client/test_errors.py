"""The mapping of error responses to exceptions."""

import json
import pickle
import signal
import sys
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_members import errors
from sentry_members.error_mapping import RULES, Rule, advice_of

from tests.support.client_harness import USER_TOKEN, Caller, responding
from tests.support.recordings import RECORDINGS, operation_of

LIMITS = {
    "X-Sentry-Rate-Limit-Limit": "40",
    "X-Sentry-Rate-Limit-Remaining": "0",
    "X-Sentry-Rate-Limit-Reset": "1795317040",
    "X-Sentry-Rate-Limit-ConcurrentLimit": "25",
    "X-Sentry-Rate-Limit-ConcurrentRemaining": "None",
}


def raised_error(caller: Caller, operation: str, response: httpx.Response) -> Any:
    """Return what a call raises for a response, without retries."""
    with pytest.raises(errors.SentryMembersError) as caught:
        getattr(caller, operation)(responding(response), options={"attempts": 1})
    return caught.value


def json_response(status: int, body: Any) -> httpx.Response:
    return httpx.Response(status, json=body)


def gateway_response(status: int) -> httpx.Response:
    return json_response(status, {"gateway": True, "detail": "The gateway says so."})


BEHIND_A_GATEWAY = {
    "token": None,
    "gateway_url": "https://gw.example",
    "gateway_key": "gateway-key-0123456789",
    "attempts": 1,
}


@pytest.mark.parametrize(
    ("operation", "response", "error_type", "message"),
    [
        ("invite", json_response(400, {"email": ["The user ada@example.com is already a member"]}), errors.AlreadyMemberError, "is already a member"),
        ("invite", json_response(400, {"email": ["The user ada@example.com has already been invited"]}), errors.AlreadyInvitedError, "has already been invited"),
        ("invite", json_response(400, {"email": ["This field is required."]}), errors.BadRequestError, "email: This field is required."),
        ("invite", json_response(400, {"orgRole": ['"god" is not a valid choice.']}), errors.BadRequestError, 'orgRole: "god" is not'),
        ("invite", json_response(400, {"orgRole": ["You do not have permission to set that org-level role"]}), errors.RoleNotAllowedError, "a role that the token's owner may give"),
        ("invite", json_response(400, ["Integration tokens are restricted to inviting new members with the member role only."]), errors.RoleNotAllowedError, "Integration tokens are restricted"),
        ("invite", json_response(400, {"teamRoles": ["Invalid teams"]}), errors.UnknownTeamError, "by its slug"),
        ("invite", json_response(400, {"teamRoles": ["Invalid team-role"]}), errors.BadRequestError, "Invalid team-role"),
        ("invite", json_response(400, {"email": ["Enter a valid email address."], "teamRoles": ["Invalid teams"]}), errors.BadRequestError, "Invalid teams"),
        ("invite", json_response(400, {"email": "The user with a 'billing' role cannot have team-level permissions."}), errors.RoleCannotHoldTeamsError, "another organization role"),
        ("invite", json_response(400, {"detail": "You cannot assign members to teams you are not a member of."}), errors.BadRequestError, "You cannot assign members"),
        ("invite", json_response(400, {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}), errors.BadRequestError, "Expected a dictionary"),
        ("invite", json_response(400, "Invalid origin: https://evil.example"), errors.BadRequestError, "Invalid origin"),
        ("invite", json_response(403, {"organization": "Your organization is not allowed to invite members"}), errors.ForbiddenError, "not allowed to invite"),
        ("invite", json_response(403, {"detail": "You do not have permission to perform this action."}), errors.ForbiddenError, '"Let Members Invite Others" is off'),
        ("join", json_response(403, {"detail": "You do not have permission to perform this action."}), errors.ForbiddenError, "names no missing scope. So the role of the token's owner is too low, or the"),
        ("join", httpx.Response(403, text="no JSON"), errors.ForbiddenError, "no JSON"),
        ("join", httpx.Response(403, html="<title>Access denied</title>"), errors.ForbiddenError, "Access denied. A proxy before Sentry sent this"),
        ("join", httpx.Response(401, html="<h1>Log in</h1>"), errors.UnauthorizedError, "Log in. A proxy before Sentry sent this"),
        ("join", json_response(403, {"detail": "This team is managed through your organization's identity provider."}), errors.IdentityProviderTeamError, "in the identity provider"),
        ("join", json_response(403, {"detail": "The user with a 'billing' role cannot have team-level permissions."}), errors.RoleCannotHoldTeamsError, "'billing'"),
        ("join", json_response(404, {"detail": "The requested resource does not exist"}), errors.NotFoundError, "A member's ID is not a user's ID"),
        ("join", json_response(404, {"info": "Route not found, did you forget a trailing slash?"}), errors.NotFoundError, "trailing slash"),
        ("join", httpx.Response(404, html=""), errors.NotFoundError, "404 Not Found from sentry.io. Check the slugs"),
        ("join", json_response(401, {"detail": "Token expired"}), errors.UnauthorizedError, "Token expired"),
        ("join", httpx.Response(401), errors.UnauthorizedError, "401 Unauthorized from sentry.io."),
        ("join", json_response(401, {"detail": {"code": "sso-required", "message": "Must login via SSO", "extra": {}}}), errors.UnauthorizedError, "Must login via SSO"),
        ("join", json_response(401, {"detail": {"code": "member-disabled"}}), errors.UnauthorizedError, "member-disabled"),
        ("invite", json_response(429, {"detail": "You are being rate limited for too many invitations."}), errors.InviteQuotaError, "go on tomorrow"),
        ("invite", httpx.Response(429, html='"You are attempting to use this endpoint too frequently."'), errors.RateLimitError, "too frequently"),
        ("join", httpx.Response(429, html='"You are attempting to use this endpoint too frequently."'), errors.RateLimitError, "too frequently"),
        ("join", httpx.Response(429), errors.RateLimitError, "Send fewer at a time"),
        ("invite", httpx.Response(429), errors.RateLimitError, "429 Too Many Requests from sentry.io."),
        ("invite", json_response(429, "You are being rate limited for too many invitations."), errors.RateLimitError, "Send fewer at a time"),
        ("join", json_response(429, {"detail": "You are being rate limited for too many invitations."}), errors.RateLimitError, "Send fewer at a time"),
        ("invite", json_response(500, {"detail": "Internal Error", "errorId": "2b410f7e"}), errors.ServerError, "Repeating it is safe"),
        ("join", httpx.Response(502, html="<html><head><title>502 Bad Gateway</title></head><body>x</body></html>"), errors.ServerError, "502 Bad Gateway"),
        ("join", httpx.Response(520, html="<h1>Web server is returning an unknown error</h1>"), errors.ServerError, "520 from sentry.io. Web server is returning"),
        ("join", httpx.Response(599, text=""), errors.ServerError, "599 from sentry.io."),
        ("join", httpx.Response(302, headers={"Location": "https://evil.example/"}), errors.ApiError, "A redirect is never followed"),
        ("join", json_response(406, {"detail": "Could not satisfy the request Accept header."}), errors.ApiError, "Could not satisfy"),
        ("join", json_response(418, None), errors.ApiError, "418"),
    ],
)  # fmt: skip
def test_maps_an_error_response_to_an_exception(
    operation: str, response: httpx.Response, error_type: type, message: str, caller: Caller
) -> None:
    error = raised_error(caller, operation, response)
    assert error_type is type(error)
    assert response.status_code == error.status
    assert message in str(error)
    assert str(error).endswith(error.advice)
    assert "sentry.io" == error.host
    assert "'acme'" in str(error)
    assert ("ada@example.com" if operation == "invite" else "'8', 'backend'") in str(error)
    assert 1 == len(caller.requests)


@pytest.mark.parametrize(
    ("status", "error_type", "ending"),
    [
        (400, errors.BadRequestError, "400 Bad Request from gw.example. The gateway says so."),
        (403, errors.GatewayKeyError, "the one that the gateway was started with?"),
        (404, errors.NotFoundError, "404 Not Found from gw.example. The gateway says so."),
        (405, errors.ApiError, "405 Method Not Allowed from gw.example. The gateway says so."),
        (413, errors.ApiError, " Too Large from gw.example. The gateway says so."),
        (429, errors.RateLimitError, "or wait until the window ends."),
        (500, errors.ServerError, "what is done already is not done twice."),
        (502, errors.SentryUnreachableError, "The reason is in the gateway's standard error."),
        (504, errors.ServerError, "what is done already is not done twice."),
    ],
)
@pytest.mark.parametrize("operation", ["invite", "join"])
def test_distinguishes_the_responses_of_a_gateway(
    operation: str, status: int, error_type: type, ending: str, caller: Caller
) -> None:
    with pytest.raises(errors.ApiError) as caught:
        getattr(caller, operation)(responding(gateway_response(status)), options=BEHIND_A_GATEWAY)
    error = caught.value
    assert error_type is type(error)
    assert (status, True) == (error.status, error.from_gateway)
    assert ("The gateway says so.",) == error.messages
    assert {} == error.field_errors
    assert str(error).endswith(ending)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 502])
def test_ignores_the_mark_of_a_gateway_where_none_was_asked(status: int, caller: Caller) -> None:
    error = raised_error(caller, "join", gateway_response(status))
    assert error.from_gateway is False
    assert not isinstance(error, errors.GatewayKeyError)


@pytest.mark.parametrize(
    "body",
    [{"gateway": False, "detail": "x"}, {"gateway": 1, "detail": "x"}, {"gateway": True}, []],
)
def test_takes_unmarked_responses_behind_a_gateway_for_sentrys(body: Any, caller: Caller) -> None:
    with pytest.raises(errors.ForbiddenError) as caught:
        caller.join(responding(json_response(403, body)), options=BEHIND_A_GATEWAY)
    assert caught.value.from_gateway is False
    assert not isinstance(caught.value, errors.GatewayKeyError)


@pytest.mark.parametrize(
    "exchange",
    [
        exchange
        for exchange in RECORDINGS
        if operation_of(exchange) and exchange["response"]["status"] >= 300
    ],
    ids=lambda exchange: f"{exchange['group']}: {exchange['case']}",
)
def test_maps_every_recorded_error_response(exchange: dict[str, Any], caller: Caller) -> None:
    operation = "invite" if "Member" in str(operation_of(exchange))[:10] else "join"
    response = exchange["response"]
    error = raised_error(
        caller,
        operation,
        httpx.Response(
            response["status"], headers=response["headers"], content=response["body"].encode()
        ),
    )
    assert response["status"] == error.status
    assert response["body"].encode() == error.body
    if response["body"]:
        assert error.messages
        assert all(message in str(error) for message in error.messages)


SELF_HOSTED = {"url": "https://sentry.example:8443", "attempts": 1}
FORBIDDEN = json_response(403, {"detail": "You do not have permission to perform this action."})


@pytest.mark.parametrize(
    ("operation", "causes"),
    [
        (
            "invite",
            ("scope", "owner", "Let Members Invite Others", "organization", "member:invite"),
        ),
        (
            "join",
            ("scope", "owner", "organization", "with Open Membership on org:read; with it off"),
        ),
    ],
)
def test_names_every_cause_of_a_403_where_the_version_is_not_known(
    operation: str, causes: tuple[str, ...], caller: Caller
) -> None:
    with pytest.raises(errors.MissingScopeError) as caught:
        getattr(caller, operation)(responding(FORBIDDEN), options=SELF_HOSTED)
    assert () == caught.value.accepted_scopes
    assert all(cause in caught.value.advice for cause in causes)
    assert "from sentry.example:8443." in str(caught.value)


@pytest.mark.parametrize("url", ["https://sentry.io", "https://de.sentry.io"])
@pytest.mark.parametrize("operation", ["invite", "join"])
def test_claims_no_missing_scope_where_sentry_io_names_none(
    operation: str, url: str, caller: Caller
) -> None:
    with pytest.raises(errors.ForbiddenError) as caught:
        getattr(caller, operation)(responding(FORBIDDEN), options={"url": url, "attempts": 1})
    assert errors.ForbiddenError is type(caught.value)
    assert "Accepted scopes" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://sentry.io", "https://sentry.example"])
def test_carries_the_scopes_that_a_403_names(url: str, caller: Caller) -> None:
    challenge = 'Bearer error="insufficient_scope", scope="member:admin member:invite"'
    response = httpx.Response(403, json=FORBIDDEN.json(), headers={"WWW-Authenticate": challenge})
    with pytest.raises(errors.MissingScopeError) as caught:
        caller.invite(responding(response), options={"url": url, "attempts": 1})
    assert ("member:admin", "member:invite") == caught.value.accepted_scopes
    assert "Any one of these is enough: member:admin, member:invite." in str(caught.value)


@pytest.mark.parametrize("challenge", ['xBasic realm="api"', 'Bearer error="invalid_token", scope="x"', "scope=", ""])  # fmt: skip
def test_reads_no_scopes_from_other_challenges(challenge: str, caller: Caller) -> None:
    response = httpx.Response(403, json=FORBIDDEN.json(), headers={"WWW-Authenticate": challenge})
    assert () == raised_error(caller, "invite", response).accepted_scopes


URL_HINT = "the URL of a self-hosted Sentry goes into the argument url, SENTRY_URL or .sentryclirc"


@pytest.mark.parametrize("status", [401, 404])
@pytest.mark.parametrize("operation", ["invite", "join"])
def test_says_where_to_set_the_url_when_none_is_set(
    status: int, operation: str, caller: Caller
) -> None:
    response = json_response(status, {"detail": "x"})
    assert URL_HINT in str(raised_error(caller, operation, response))
    options = {"attempts": 1, "url": "https://sentry.io"}
    with pytest.raises(errors.ApiError) as caught:
        getattr(caller, operation)(responding(response), options=options)
    assert URL_HINT not in str(caught.value)


def response_of(rule: Rule) -> httpx.Response:
    body: dict[str, Any] = {"detail": rule.words or "Something else"}
    if rule.code:
        body = {"detail": {"code": rule.code, "message": "x"}}
    if rule.sender == "proxy":
        return httpx.Response(rule.status, html="<h1>Log in</h1>")
    if rule.sender:
        body |= {"gateway": True} if rule.sender == "gateway" else {"error": rule.sender}
    challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope", scope="a b"'}
    return httpx.Response(rule.status, json=body, headers=challenge if rule.names_scopes else {})


def test_every_rule_is_reached_and_gives_its_own_advice() -> None:
    """A rule behind a wider one would never be used."""

    def fits(rule: Rule, operation: str) -> bool:
        options: dict[str, Any] = SELF_HOSTED | {"token": "0" * 64}
        if rule.sender == "gateway":
            options = BEHIND_A_GATEWAY
        elif rule.on_sentry_io:
            options |= {"url": "https://sentry.io"}
        with pytest.raises(errors.ApiError) as caught:
            getattr(Caller("sync"), operation)(responding(response_of(rule)), options=options)
        error = caught.value
        advice = advice_of(rule, error.operation, None, error.accepted_scopes)
        return (rule.error, advice) == (type(error), error.advice)

    assert [] == [rule for rule in RULES if not (fits(rule, "invite") or fits(rule, "join"))]


def test_groups_field_errors_by_field(caller: Caller) -> None:
    body = {"email": ["One.", "One.", "Two."], "orgRole": "Three.", "detail": "Four."}
    error = raised_error(caller, "invite", json_response(400, body))
    assert {"email": ("One.", "One.", "Two."), "orgRole": ("Three.",)} == error.field_errors
    assert ("email: One.", "email: Two.", "orgRole: Three.", "Four.") == error.messages


def test_reads_the_id_of_a_server_error(caller: Caller) -> None:
    error = raised_error(
        caller, "invite", json_response(500, {"detail": "Internal Error", "errorId": "2b41"})
    )
    assert "2b41" == error.request_id
    assert ("Internal Error",) == error.messages


def test_reads_the_figures_of_the_rate_limiter(caller: Caller) -> None:
    error = raised_error(caller, "invite", httpx.Response(400, headers=LIMITS))
    assert errors.RateLimit(40, 0, 1795317040, 25, None) == error.rate_limit
    assert error.retry_after is None
    assert raised_error(caller, "invite", httpx.Response(400)).rate_limit is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "Sun, 22 Nov 2026 03:10:42 GMT"}, 4),
        ({"X-Sentry-Rate-Limit-Reset": "1795317040"}, 2),
        ({"X-Sentry-Rate-Limit-Reset": "1795317030"}, 0),
        ({"X-Sentry-Rate-Limit-Reset": "soon", "Retry-After": "-1"}, None),
        ({"Retry-After": "9" * 400}, None),
    ],
)
def test_counts_retry_after_by_the_servers_clock(
    headers: dict[str, str], seconds: float | None, caller: Caller
) -> None:
    date = {"Date": "Sun, 22 Nov 2026 03:10:38 GMT"}
    error = raised_error(caller, "join", httpx.Response(429, headers={**date, **headers}))
    assert seconds == error.retry_after


def test_ignores_the_end_of_the_window_for_the_invite_quota(caller: Caller) -> None:
    headers = {"Date": "Sun, 22 Nov 2026 03:10:38 GMT", **LIMITS}
    response = httpx.Response(429, headers=headers, json={"detail": "too many invitations"})
    assert raised_error(caller, "invite", response).retry_after is None


def test_ignores_the_end_of_the_window_without_a_date(caller: Caller) -> None:
    assert raised_error(caller, "join", httpx.Response(429, headers=LIMITS)).retry_after is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe broken \x1b[31m text",
        b"x" * 10_000_000,
        json.dumps(["y" * 1000] * 5000).encode(),
        b"[" * 100_000,
        b'{"detail": ' + b"9" * 5000 + b"}",
        b"{}",
        b"null",
        b'{"email": null, "x": {"y": [1]}, "detail": 5}',
        b"[" * 1200 + b"]" * 1200,
        b"<" * 32_000,
        '{"detail": "UTF-16"}'.encode("utf-16"),
        json.dumps({str(key): "z" * 600 for key in range(1000)}).encode(),
    ],
    ids=[
        *("not UTF-8", "10 MB", "5 MB of JSON", "deep", "huge number", "empty", "null", "odd"),
        *("nested", "angles", "UTF-16", "many keys"),
    ],
)
def test_any_body_gives_a_short_readable_message(content: bytes, caller: Caller) -> None:
    error = raised_error(caller, "invite", httpx.Response(400, content=content))
    assert isinstance(error, errors.BadRequestError)
    assert len(str(error)) < 12_000
    assert str(error).isprintable()
    assert len(error.body) <= 8192
    assert all(len(message) <= 500 for message in error.messages)
    assert len(error.field_errors) <= 20


def test_any_depth_of_a_body_gives_an_error_of_this_package() -> None:
    """Some are too deep to be written as JSON, but not to be read."""
    limit = sys.getrecursionlimit()
    for depth in range(limit - 200, limit):
        content = b"[" * depth + b"]" * depth
        error = raised_error(Caller("sync"), "join", httpx.Response(400, content=content))
        assert isinstance(error, errors.BadRequestError)


@pytest.mark.parametrize("status", [201, 400, 403, 502])
@pytest.mark.parametrize("operation", ["invite", "join"])
def test_classifies_a_response_whose_body_breaks_by_its_status_code(
    status: int, operation: str, caller: Caller
) -> None:
    def garbled(request: httpx.Request) -> httpx.Response:
        headers = httpx.Headers(
            [(b"Content-Encoding", b"gzip"), (b"X-Request-Id", b"7"), (b"X-Reason", b"\xdcber")]
        )
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(b"no gzip"))

    with pytest.raises(errors.ApiError, match="its body broke") as caught:
        getattr(caller, operation)(garbled, options={"attempts": 1})
    assert (status, "7") == (caught.value.status, caught.value.request_id)
    assert (status == 201) == isinstance(caught.value, errors.UnreadableAnswerError)


@given(st.binary(), st.integers(300, 999))
def test_maps_any_response_to_an_exception_of_this_package(content: bytes, status: int) -> None:
    error = raised_error(Caller("sync"), "join", httpx.Response(status, content=content))
    assert status == error.status
    assert str(error).isprintable()


def test_cuts_a_long_list_of_scopes(caller: Caller) -> None:
    challenge = f'Bearer error="insufficient_scope", scope="{"org:read " * 5000}"'
    response = httpx.Response(403, headers={"WWW-Authenticate": challenge})
    assert len(str(raised_error(caller, "join", response))) < 2000


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"sntry" * 200_000, {}), (b"eyJ" * 200_000, {}), (b"no", {"Cookie": "x" * 200_000})],
    ids=["sntry", "eyJ", "a long header"],
)
def test_redacts_in_linear_time(content: bytes, headers: dict[str, str]) -> None:
    """A search that looks at the rest of a text from each place in it takes minutes."""

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    try:
        options = {"url": "https://x", "headers": headers}
        with pytest.raises(errors.ForbiddenError):
            Caller("sync").join(responding(httpx.Response(403, content=content)), options=options)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_errors_survive_pickling(caller: Caller) -> None:
    error = raised_error(caller, "invite", json_response(400, {"email": ["x is already a member"]}))
    again = pickle.loads(pickle.dumps(error))
    assert (str(error), error.status) == (str(again), again.status)
    lost = errors.AnswerTimeoutError(
        "lost", operation="x", host="sentry.io", may_have_arrived=True, reason="lost"
    )
    assert vars(lost) == vars(pickle.loads(pickle.dumps(lost)))


def test_the_docstring_draws_every_exception() -> None:
    drawn = errors.__doc__ or ""
    classes = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert classes == {word for word in drawn.split() if word.endswith("Error")} - {"ValueError"}


def test_redacts_tokens_in_a_message(caller: Caller) -> None:
    secrets = [
        "sntrys_" + "eyJpYXQiOjE3MDB9" * 3,
        "sntryag_" + "0a" * 20,
        "eyJhbGciOi.eyJzdWIi.c2ln",
    ]
    body = {"detail": f"the tokens {USER_TOKEN}, {', '.join(secrets)} are no good"}
    error = raised_error(caller, "join", json_response(403, body))
    redacted = ", ".join(["[redacted]"] * 4)
    assert (f"the tokens {redacted} are no good",) == error.messages
    for secret in secrets:
        assert secret not in repr(vars(error))
    assert USER_TOKEN.encode() not in error.body


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({"detail": USER_TOKEN}).replace("0", "\\u0030"),
        json.dumps({USER_TOKEN: USER_TOKEN[7:].upper()}),
        json.dumps([[USER_TOKEN]]),
        f"<title>{USER_TOKEN[7:]}</title>",
    ],
    ids=["escaped", "without its prefix", "nested", "a page"],
)
def test_redacts_a_token_that_is_escaped_or_altered(content: str, caller: Caller) -> None:
    error = raised_error(caller, "join", httpx.Response(400, text=content))
    seen = f"{error}{error.messages}{error.field_errors}{error.body!r}".lower()
    assert USER_TOKEN[7:] not in seen
    assert "[redacted]" in str(error)


def test_takes_a_429_without_a_readable_body_for_the_rate_limiters(
    caller: Caller, waits: list[float]
) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": "gzip"}
        return httpx.Response(429, headers=headers, stream=httpx.ByteStream(b"no gzip"))

    with pytest.raises(errors.RateLimitError):
        caller.invite(broken)
    assert 3 == len(caller.requests)
