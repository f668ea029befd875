"""No exception, representation or log shows a token, a key or a password."""

import copy
import logging
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.pretty import pretty_repr
from sentry_members import AsyncSentryMembers, SentryMembers, errors
from sentry_members.auth import default_organization
from sentry_members.secret import Secret
from sentry_members_api.api.teams import add_an_organization_member_to_a_team

from tests.support.client_harness import USER_TOKEN, Caller, responding

KEY = "gateway-key-0123456789"
CHALLENGE = 'Bearer error="insufficient_scope",'
TESTS = str(Path(__file__).parent.parent)


def traceback_with_locals(error: BaseException | None) -> str:
    """Return what a traceback with the locals of every frame shows, causes and contexts included.

    The frames of the tests themselves are left out: their locals hold the token.
    """
    seen: list[str] = []
    while error:
        seen += [f"{error}{error.args!r}", pretty_repr(vars(error))]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if not frame.f_code.co_filename.startswith(TESTS):
                seen += [f"{value!r}{pretty_repr(value)}" for value in frame.f_locals.values()]
        error = error.__cause__ or error.__context__
    return "".join(seen)


def check_hides_secrets(call: Callable[[], object]) -> None:
    with pytest.raises(errors.SentryMembersError) as caught:
        call()
    seen = traceback_with_locals(caught.value)
    assert USER_TOKEN[7:] not in seen
    assert KEY not in seen


BAD_ARGUMENTS: list[dict[str, Any]] = [
    {"token": USER_TOKEN, "url": "http://evil.example"},
    {"token": USER_TOKEN, "url": "https://x", "region": "de"},
    {"token": USER_TOKEN, "region": "//"},
    {"token": USER_TOKEN, "region": USER_TOKEN},
    {"token": USER_TOKEN, "url": USER_TOKEN},
    {"token": USER_TOKEN, "url": f"https://x/{USER_TOKEN}"},
    {"token": USER_TOKEN, "url": f"http://x/{USER_TOKEN}"},
    {"token": USER_TOKEN, "url": f"ftp://x/{USER_TOKEN}"},
    {"token": USER_TOKEN, "url": f"https://x/{USER_TOKEN}", "headers": {"": ""}},
    {"token": USER_TOKEN, "url": "https://x", "headers": {USER_TOKEN: "X-One"}},
    {"token": USER_TOKEN, "url": "https://x", "headers": {"X-One": "", USER_TOKEN: "X-One"}},
    {"gateway_url": KEY},
    {"gateway_url": f"https://x/{KEY}", "gateway_key": ""},
    {"token": USER_TOKEN, "gateway_url": "https://x", "gateway_key": KEY},
    {"token": f"{USER_TOKEN} {USER_TOKEN}"},
    {"token": f"sntrys_{USER_TOKEN}"},
    {"token": USER_TOKEN.encode()},
    {"token": USER_TOKEN, "timeout": 0},
    {"token": USER_TOKEN, "attempts": 0},
    {"token": USER_TOKEN, "transport": 0},
    {"gateway_key": KEY},
    {"gateway_url": "http://evil.example", "gateway_key": KEY},
    {"gateway_url": "https://x", "gateway_key": f"{KEY} {KEY}"},
]


@pytest.mark.parametrize("arguments", BAD_ARGUMENTS, ids=str)
@pytest.mark.parametrize("client_type", [SentryMembers, AsyncSentryMembers])
def test_hides_the_arguments_that_a_constructor_rejects(
    client_type: Any, arguments: dict[str, Any]
) -> None:
    check_hides_secrets(lambda: client_type(**arguments))


PASSWORD = "geheim-0123456789"


def test_hides_the_password_in_a_url_and_in_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the locals of this package's frames."""
    monkeypatch.setenv("SENTRY_URL", f"https://user:{PASSWORD}@sentry.example")
    with pytest.raises(errors.ConfigurationError) as caught:
        SentryMembers(token=USER_TOKEN)
    assert PASSWORD not in traceback_with_locals(caught.value)
    with pytest.raises(errors.ConfigurationError) as caught:
        SentryMembers(token=USER_TOKEN, url=f"https://user:{PASSWORD}@sentry.example")
    assert PASSWORD not in traceback_with_locals(caught.value)
    with pytest.raises(errors.ConfigurationError) as caught:
        SentryMembers(gateway_url=f"https://user:{PASSWORD}@gw.example", gateway_key=KEY)
    assert PASSWORD not in traceback_with_locals(caught.value)
    monkeypatch.delenv("SENTRY_URL")
    for proxy in (
        f"gopher://user:{PASSWORD}@x",
        f"socks5://user:{PASSWORD}@x",
        f"http://u:{PASSWORD}@x:port",
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setitem(sys.modules, "socksio", None)
        with pytest.raises(errors.ConfigurationError) as caught:
            SentryMembers(token=USER_TOKEN)
        assert PASSWORD not in traceback_with_locals(caught.value)


def test_hides_the_credentials_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
    monkeypatch.setenv("SENTRY_URL", "http://evil.example")
    check_hides_secrets(SentryMembers)
    monkeypatch.setenv("SENTRY_URL", f"https://sentry.example/{USER_TOKEN}")
    check_hides_secrets(SentryMembers)
    monkeypatch.setenv("SENTRY_ORG", USER_TOKEN)
    check_hides_secrets(default_organization)
    monkeypatch.setenv("SENTRY_URL", "https://sentry.example")
    monkeypatch.setenv("SENTRY_CUSTOM_HEADERS", f"X-One: 1; {USER_TOKEN}: X-Two")
    check_hides_secrets(SentryMembers)
    monkeypatch.setenv("SENTRY_GATEWAY_URL", KEY)
    check_hides_secrets(SentryMembers)
    monkeypatch.setenv("SENTRY_GATEWAY_URL", "http://evil.example")
    monkeypatch.setenv("SENTRY_GATEWAY_KEY", KEY)
    check_hides_secrets(SentryMembers)


@pytest.mark.parametrize(
    "content",
    [f"token={USER_TOKEN}", f"[auth]\n{USER_TOKEN}", f"[auth]\ntoken={USER_TOKEN}\n[defaults]\nurl=http://x"],
)  # fmt: skip
def test_hides_the_token_of_a_file_that_cannot_be_used(content: str, elsewhere: Path) -> None:
    (elsewhere / ".sentryclirc").write_text(content)
    check_hides_secrets(SentryMembers)


@pytest.mark.parametrize(
    "response",
    [
        httpx.ConnectError(f"refused {USER_TOKEN}"),
        httpx.ReadTimeout("slow"),
        httpx.Response(403, json={"detail": f"no: {USER_TOKEN}"}),
        httpx.Response(400, json={f"{USER_TOKEN}": [f"{USER_TOKEN}"]}),
        httpx.Response(500, html=f"<title>{USER_TOKEN}</title>"),
        httpx.Response(302, headers={"Location": f"https://evil.example/{USER_TOKEN}"}),
        httpx.Response(201, json={"detail": USER_TOKEN}),
        httpx.Response(201, text=USER_TOKEN),
        httpx.Response(429, text=f"too much {USER_TOKEN}", headers={"X-Request-Id": USER_TOKEN}),
        httpx.Response(403, headers={"WWW-Authenticate": f'{CHALLENGE} scope="{USER_TOKEN}"'}),
    ],
)
@pytest.mark.parametrize("operation", ["invite", "join"])
def test_hides_the_token_when_a_call_fails(
    response: httpx.Response | Exception, operation: str, caller: Caller, waits: list[float]
) -> None:
    check_hides_secrets(lambda: getattr(caller, operation)(responding(response)))


def test_hides_the_key_when_a_call_behind_a_gateway_fails(caller: Caller) -> None:
    response = httpx.Response(403, json={"detail": f"no: {KEY}"})
    options = {"token": None, "gateway_url": "https://gw.example", "gateway_key": KEY}
    check_hides_secrets(lambda: caller.join(responding(response), options=options))


def test_hides_each_part_of_a_header_that_the_server_quotes(caller: Caller) -> None:
    def quote(request: httpx.Request) -> httpx.Response:
        cookies = request.headers["Cookie"].replace(";", ",")
        return httpx.Response(403, json={"detail": cookies})

    options = {"url": "https://x", "headers": {"Cookie": f"session={PASSWORD}; other={KEY}"}}
    with pytest.raises(errors.ForbiddenError, match=r"session=\[redacted\], ") as caught:
        caller.join(quote, options=options)
    assert PASSWORD.encode() not in caught.value.body
    check_hides_secrets(lambda: caller.join(quote, options=options))


@pytest.mark.parametrize("value", ["a few short words", 'a "quoted" text', "a=1; b=2; c=3"])
def test_hides_a_header_of_short_parts_that_the_server_quotes(value: str, caller: Caller) -> None:
    def quote(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"detail": f"no: {request.headers['X-Key']}"})

    with pytest.raises(errors.ForbiddenError) as caught:
        caller.join(quote, options={"url": "https://x", "headers": {"X-Key": value}})
    assert ("no: [redacted]",) == caught.value.messages
    assert b'{"detail":"no: [redacted]"}' == caught.value.body


def test_hides_the_frames_of_a_group_of_exceptions(caller: Caller) -> None:
    """Such as those of a transport of the caller's that sends in a task group."""

    def send(request: httpx.Request) -> httpx.Response:
        try:
            raise LookupError(request.url)
        except LookupError as error:
            raise ExceptionGroup("in a group", [ExceptionGroup("in a group", [error])]) from error

    with pytest.raises(ExceptionGroup) as caught:
        caller.join(send)
    [inner] = caught.value.exceptions
    [error] = inner.exceptions
    for each in (inner, error):
        assert (None, None, None) == (each.__traceback__, each.__cause__, each.__context__)


def test_hides_the_token_when_a_real_connection_fails(waits: list[float]) -> None:
    """The frames of httpcore and h11 hold the headers, so the traceback must not include them."""
    with SentryMembers(token=USER_TOKEN, url="http://127.0.0.1:9") as members:
        check_hides_secrets(
            lambda: members.add_an_organization_member_to_a_team("acme", "8", "backend")
        )


def test_hides_the_credential_in_representations_and_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = Caller("sync").transport(responding(httpx.Response(204)))
    for options in ({"token": USER_TOKEN}, {"gateway_url": "https://x", "gateway_key": KEY}):
        members = SentryMembers(transport=transport, **options)  # type: ignore[arg-type]
        members.add_an_organization_member_to_a_team("acme", "8", "backend")
        response = add_an_organization_member_to_a_team.sync_detailed(
            "acme", "8", "backend", client=members.generated
        )
        seen = "".join(
            f"{thing!r}{thing}{pretty_repr(thing)}"
            for thing in (members, members.generated, members._transport.settings)
        )
        seen += f"{response!r}{pretty_repr(response)}{caplog.text}"
        for secret in (USER_TOKEN, KEY):
            assert secret not in seen


def test_the_representation_names_the_source_of_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
    assert "<SentryMembers at https://sentry.io/ with user token from SENTRY_AUTH_TOKEN" in repr(
        SentryMembers()
    )


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_rejects_pickling_and_copying_what_holds_a_token(
    duplicate: Callable[[object], object],
) -> None:
    members = SentryMembers(token=USER_TOKEN)
    for thing in (members, members._transport.settings.credentials.secret, Secret(USER_TOKEN)):
        with pytest.raises(TypeError, match="can't be pickled or copied"):
            duplicate(thing)


def test_never_follows_a_redirect(caller: Caller) -> None:
    elsewhere = httpx.Response(307, headers={"Location": "https://evil.example/"})
    with pytest.raises(errors.ApiError, match="A redirect is never followed"):
        caller.join(responding(elsewhere))
    assert 1 == len(caller.requests)
