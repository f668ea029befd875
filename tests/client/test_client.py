"""The clients: arguments, results, settings, and closing."""

import asyncio
import inspect
import json
import math
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import attrs
import httpx
import pytest
from sentry_members import (
    AccessRequested,
    Added,
    AlreadyOnTeam,
    AsyncSentryMembers,
    Member,
    NewMember,
    SentryMembers,
    Team,
    TeamRoleAssignment,
    errors,
)
from sentry_members.connections import _ssl_context
from sentry_members_api.api.organizations import add_a_member_to_an_organization
from sentry_members_api.api.teams import add_an_organization_member_to_a_team
from sentry_members_api.types import UNSET

from tests.support.client_harness import USER_TOKEN, Caller, responding
from tests.support.new_member import new_member
from tests.support.recordings import bodies
from tests.support.serving import serving

MEMBER = httpx.Response(201, json=bodies("addAMemberToAnOrganization", 201)[0])
TEAM = httpx.Response(201, json=bodies("addAnOrganizationMemberToATeam", 201)[0])
NO_CONTENT = httpx.Response(204)


def client(response: httpx.Response = NO_CONTENT, **options: Any) -> SentryMembers:
    transport = options.pop("transport", None) or Caller("sync").transport(responding(response))
    return SentryMembers(token=USER_TOKEN, transport=transport, **options)


def test_invites_a_member(caller: Caller) -> None:
    member = caller.invite(
        responding(MEMBER),
        org_role="member",
        team_roles=[TeamRoleAssignment(team_slug="backend", role="contributor")],
        send_invite=False,
    )
    assert isinstance(member, Member)
    assert "101" == member.id
    [request] = caller.requests
    assert "https://sentry.io/api/0/organizations/acme/members/" == str(request.url)
    assert "POST" == request.method
    assert {
        "email": "ada@example.com",
        "orgRole": "member",
        "teamRoles": [{"teamSlug": "backend", "role": "contributor"}],
        "sendInvite": False,
    } == json.loads(request.content)
    assert "application/json" == request.headers["Content-Type"]
    assert request.headers["User-Agent"].startswith("sentry-members/")
    assert "Accept-Language" not in request.headers


def test_sends_what_the_generated_functions_send() -> None:
    sent: list[httpx.Request] = []

    class Network(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert len(request.content) == int(request.headers["Content-Length"])
            sent.append(request)
            return responding(TEAM if "/teams/" in request.url.path else MEMBER)(request)

    body = new_member(email="adé@example.com")
    with client(transport=Network()) as members:
        members.add_a_member_to_an_organization("acmé", body)
        add_a_member_to_an_organization.sync("acmé", client=members.generated, body=body)
        members.add_an_organization_member_to_a_team("acmé", "8", "é")
        add_an_organization_member_to_a_team.sync("acmé", "8", "é", client=members.generated)
    for method, function in zip(sent[::2], sent[1::2], strict=True):
        for part in ("method", "url", "headers", "content"):
            assert getattr(function, part) == getattr(method, part)


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (TEAM, Added(Team.from_dict(TEAM.json()))),
        (httpx.Response(202), AccessRequested()),
        (httpx.Response(204), AlreadyOnTeam()),
    ],
)
def test_returns_one_of_three_outcomes(
    response: httpx.Response, outcome: Any, caller: Caller
) -> None:
    assert outcome == caller.join(responding(response))
    [request] = caller.requests
    path = "/api/0/organizations/acme/members/8/teams/backend/"
    assert (path, b"") == (request.url.path, request.content)


@pytest.mark.parametrize("outcome", [AccessRequested(), AlreadyOnTeam()])
def test_raises_when_an_outcome_is_tested_for_truth(outcome: object) -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        assert outcome


def test_results_have_a_readable_repr() -> None:
    assert repr(Member.from_dict(MEMBER.json())).startswith("Member(id='101', email=")
    assert repr(Added(Team.from_dict(TEAM.json()))).startswith("Added(team=Team(id='2', slug=")
    assert "AccessRequested()" == repr(AccessRequested())


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (httpx.Response(201, json={"slug": "x"}), "KeyError: 'id'"),
        (httpx.Response(201, html="<html>"), "JSONDecodeError"),
        (httpx.Response(201, json=[]), "Error"),
    ],
)
@pytest.mark.parametrize("operation", ["invite", "join"])
def test_raises_for_a_success_that_cannot_be_read(
    response: httpx.Response, reason: str, operation: str, caller: Caller, waits: list[float]
) -> None:
    with pytest.raises(errors.UnreadableAnswerError) as caught:
        getattr(caller, operation)(responding(response))
    assert response.status_code == caught.value.status
    assert reason in str(caught.value)
    assert "Sentry did what was asked" in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("status", [200, 203, 206, 299])
@pytest.mark.parametrize("operation", ["invite", "join"])
def test_raises_for_a_2xx_that_sentry_does_not_send(
    status: int, operation: str, caller: Caller
) -> None:
    """A proxy before Sentry may show a login page, for example."""
    with pytest.raises(errors.ApiError, match="nothing else before it") as caught:
        getattr(caller, operation)(responding(httpx.Response(status, html="<title>Log in</title>")))
    assert (errors.ApiError, status) == (type(caught.value), caught.value.status)
    assert ("Log in",) == caught.value.messages


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "/", "a\x00b", "a\nb", "a\x7f", "\ud800", "\u2028"])  # fmt: skip
@pytest.mark.parametrize("place", [0, 1, 2])
def test_names_the_id_that_it_rejects(bad: str, place: int) -> None:
    names = ["organization_id_or_slug", "member_id", "team_id_or_slug"]
    arguments = ["acme", "8", "backend"]
    arguments[place] = bad
    caller = Caller("sync")
    members = client(transport=caller.transport(responding(NO_CONTENT)))
    with pytest.raises(errors.InvalidArgumentError, match=rf"{names[place]}( is |='.ud800')"):
        members.add_an_organization_member_to_a_team(*arguments)
    assert [] == caller.requests


class Slug(str, Enum):  # noqa: UP042 - many programs have such a class
    """A text whose str() is not its value."""

    ACME = "acme"


def test_sends_the_value_of_an_enums_member(caller: Caller) -> None:
    operation = "add_an_organization_member_to_a_team"
    caller.call(responding(NO_CONTENT), operation, Slug.ACME, "8", "backend")
    assert "/organizations/acme/" in caller.requests[0].url.path


@pytest.mark.parametrize("bad", [None, 8, b"7"])
def test_names_the_id_that_is_not_a_text(bad: Any, caller: Caller) -> None:
    operation = "add_an_organization_member_to_a_team"
    with pytest.raises(errors.InvalidArgumentError, match=r"^member_id must be a text, not "):
        caller.call(responding(NO_CONTENT), operation, "acme", bad, "backend")


@pytest.mark.parametrize("slug", ["acme", "ac me", "ünïcode", "a%2Fb", "a?b", "a#b", "...", "a\\b"])
def test_sends_any_other_slug_unaltered(slug: str) -> None:
    caller = Caller("sync")
    members = client(transport=caller.transport(responding(NO_CONTENT)))
    members.add_an_organization_member_to_a_team(slug, "8", "backend")
    [request] = caller.requests
    assert f"/api/0/organizations/{slug}/members/8/teams/backend/" == request.url.path


class Changing(list[TeamRoleAssignment]):
    """What another thread changes while it is read."""

    def __iter__(self) -> Iterator[TeamRoleAssignment]:
        raise RuntimeError("list changed during iteration")


class Lazy(list[TeamRoleAssignment]):
    """What is read from elsewhere when it is needed."""

    def __iter__(self) -> Iterator[TeamRoleAssignment]:
        raise OSError("can't be fetched")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"team_roles": [{"teamSlug": "backend", "role": None}]}, "'dict' object has no attribute"),
        ({"team_roles": ["backend"]}, "'str' object has no attribute"),
        ({"team_roles": "backend"}, "'str' object has no attribute"),
        ({"team_roles": None}, "'NoneType' object is not iterable"),
        ({"team_roles": [TeamRoleAssignment("backend", UNSET)]}, "not JSON serializable"),  # type: ignore[arg-type]
        ({"org_role": {"member"}}, "not JSON serializable"),
        ({"send_invite": math.nan}, "not JSON compliant"),
        ({"email": b"ada@example.com"}, "not JSON serializable"),
        ({"email": "\ud800@example.com"}, "surrogates not allowed"),
        ({"team_roles": Changing()}, "list changed during iteration"),
        ({"team_roles": Lazy()}, "can't be fetched"),
    ],
)
def test_rejects_a_body_that_cannot_be_sent_and_names_what_it_takes(
    fields: dict[str, Any], reason: str, caller: Caller
) -> None:
    with pytest.raises(errors.InvalidArgumentError, match=reason) as caught:
        caller.invite(responding(MEMBER), **fields)
    for field in attrs.fields(NewMember):
        assert f"{field.name}: {field.type}" in str(caught.value)
    assert [] == caller.requests


@pytest.mark.parametrize("body", [{}, "ada@example.com", 10**5000], ids=type)
def test_rejects_a_body_that_is_not_a_model(body: Any, caller: Caller) -> None:
    operation = "add_a_member_to_an_organization"
    with pytest.raises(errors.InvalidArgumentError, match="body must be a NewMember with email"):
        caller.call(responding(MEMBER), operation, "acme", body)
    assert [] == caller.requests


def test_rejects_a_path_that_is_too_long(caller: Caller) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="too long"):
        caller.join(responding(NO_CONTENT), team="x" * 70_000)
    assert [] == caller.requests


def test_sends_what_the_server_rejects_clearly(caller: Caller) -> None:
    caller.invite(responding(MEMBER), email="", org_role="god", send_invite="no", team_roles=[])
    assert {"email": "", "orgRole": "god", "sendInvite": "no", "teamRoles": []} == json.loads(
        caller.requests[0].content
    )


@pytest.mark.parametrize("client_type", [SentryMembers, AsyncSentryMembers])
def test_the_signature_has_the_path_arguments_and_the_body(client_type: type) -> None:
    method = client_type.add_a_member_to_an_organization  # type: ignore[attr-defined]
    parameters = inspect.signature(method).parameters
    assert ["self", "organization_id_or_slug", "body"] == list(parameters)
    assert NewMember is parameters["body"].annotation
    assert Member is inspect.signature(method).return_annotation


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan, 1e10, 10**400, "30", True, httpx.Timeout(None), httpx.Timeout(5, read=None)])  # fmt: skip
def test_rejects_a_timeout_that_is_not_finite(timeout: Any) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="timeout must be a finite number"):
        client(timeout=timeout)
    with pytest.raises(errors.InvalidArgumentError, match="timeout must be a finite number"):
        client().with_options(timeout=timeout)


@pytest.mark.parametrize("attempts", [0, -1, 1.5, True, None])
def test_rejects_attempts_that_are_not_a_whole_number_above_0(attempts: Any) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="attempts must be a whole number"):
        client(attempts=attempts)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"connect": 5, "read": 30, "write": 30, "pool": 30}),
        (2, {"connect": 2, "read": 2, "write": 2, "pool": 2}),
        (60, {"connect": 5, "read": 60, "write": 60, "pool": 60}),
        (httpx.Timeout(9), {"connect": 9, "read": 9, "write": 9, "pool": 9}),
    ],
)
def test_sets_the_timeouts_of_each_request(given: Any, expected: dict[str, float]) -> None:
    caller = Caller("sync")
    members = client(transport=caller.transport(responding(NO_CONTENT)), timeout=given)
    for each_client in (
        members,
        members.with_options(attempts=1),
        members.with_options(timeout=None),
    ):
        each_client.add_an_organization_member_to_a_team("acme", "8", "backend")
    assert [expected] * 3 == [request.extensions["timeout"] for request in caller.requests]


def test_rejects_a_transport_of_the_wrong_type() -> None:
    with pytest.raises(
        errors.InvalidArgumentError, match=r"transport must be an httpx\.BaseTransport"
    ):
        SentryMembers(token=USER_TOKEN, transport=httpx.AsyncHTTPTransport())  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidArgumentError, match=r"must be an httpx\.AsyncBaseTransport"):
        AsyncSentryMembers(token=USER_TOKEN, transport=httpx.HTTPTransport())  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidArgumentError, match="or a function that wraps one"):
        SentryMembers(token=USER_TOKEN, transport=lambda _: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(errors.InvalidArgumentError, match="or a function that wraps one"):
        SentryMembers(token=USER_TOKEN, transport=httpx.HTTPTransport)  # type: ignore[arg-type]


class CountingTransport(httpx.MockTransport):
    """Counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def test_closing_a_sibling_leaves_the_parent_open() -> None:
    transport = CountingTransport(responding(NO_CONTENT))
    members = client(transport=transport)
    with members.with_options(timeout=1) as sibling:
        assert AlreadyOnTeam() == sibling.add_an_organization_member_to_a_team("acme", "8", "b")
    assert (True, False, 0) == (sibling.is_closed, members.is_closed, transport.closed)
    assert AlreadyOnTeam() == members.add_an_organization_member_to_a_team("acme", "8", "b")
    with pytest.raises(errors.ConfigurationError, match="closed"):
        sibling.add_an_organization_member_to_a_team("acme", "8", "b")


def test_closing_the_parent_closes_every_sibling() -> None:
    transport = CountingTransport(responding(NO_CONTENT))
    with client(transport=transport) as members:
        sibling = members.with_options(attempts=1).with_options(timeout=1)
    assert (True, 1) == (sibling.is_closed, transport.closed)
    for each_client in (members, sibling):
        with pytest.raises(errors.ConfigurationError, match="closed"):
            each_client.add_an_organization_member_to_a_team("acme", "8", "b")


def test_changes_to_the_generated_client_do_not_affect_the_methods() -> None:
    caller = Caller("sync")
    members = client(transport=caller.transport(responding(NO_CONTENT)))
    with members.generated.with_headers({"X-A": "1"}).with_timeout(httpx.Timeout(None)):
        pass
    assert AlreadyOnTeam() == members.add_an_organization_member_to_a_team("acme", "8", "b")
    [request] = caller.requests
    assert "X-A" not in request.headers
    assert 30 == request.extensions["timeout"]["read"]


def test_a_generated_client_keeps_finite_timeouts_and_its_host() -> None:
    caller = Caller("sync")
    members = client(transport=caller.transport(responding(NO_CONTENT)))
    join = add_an_organization_member_to_a_team.sync_detailed
    patient = members.generated.with_timeout(httpx.Timeout(None, read=50))
    join("acme", "8", "backend", client=patient)
    timeout = {"connect": 5, "read": 50, "write": 30, "pool": 30}
    assert timeout == caller.requests[0].extensions["timeout"]
    astray = attrs.evolve(members.generated, base_url="https://evil.example")
    with pytest.raises(errors.ConfigurationError, match=r"for https://sentry\.io.*, not for evil"):
        join("acme", "8", "backend", client=astray)
    assert 1 == len(caller.requests)


@pytest.mark.parametrize("status", [201, 403])
def test_rate_limit_has_the_figures_of_the_latest_response(status: int) -> None:
    headers = {"X-Sentry-Rate-Limit-Limit": "40", "X-Sentry-Rate-Limit-Remaining": "39"}
    response = httpx.Response(status, headers=headers, content=TEAM.content)
    members = client(
        transport=Caller("sync").transport(responding(NO_CONTENT, response, NO_CONTENT))
    )
    figures: list[errors.RateLimit | None] = [members.rate_limit]
    for _ in range(3):
        with suppress(errors.ForbiddenError):
            members.add_an_organization_member_to_a_team("acme", "8", "backend")
        figures.append(members.rate_limit)
    assert [None, None, errors.RateLimit(40, 39, None, None, None), None] == figures


def test_does_not_retry_after_closing(caller: Caller, waits: list[float]) -> None:
    members: Any = None

    def closing(request: httpx.Request) -> httpx.Response:
        members._transport.end()
        return httpx.Response(500)

    transport = caller.transport(closing)
    arguments = ("acme", "8", "backend")

    async def run() -> None:
        nonlocal members
        async with AsyncSentryMembers(token=USER_TOKEN, transport=transport) as members:
            await members.add_an_organization_member_to_a_team(*arguments)

    def run_sync() -> None:
        nonlocal members
        with SentryMembers(token=USER_TOKEN, transport=transport) as members:
            members.add_an_organization_member_to_a_team(*arguments)

    with pytest.raises(errors.ConfigurationError, match="closed"):
        run_sync() if caller.mode == "sync" else asyncio.run(run())
    assert 1 == len(caller.requests)


def test_closing_an_async_client_and_its_sibling() -> None:
    async def run() -> None:
        transport = CountingTransport(responding(NO_CONTENT))
        members = AsyncSentryMembers(token=USER_TOKEN, transport=transport)
        async with members.with_options(attempts=1) as sibling:
            await sibling.add_an_organization_member_to_a_team("acme", "8", "b")
        assert 0 == transport.closed
        await members.aclose()
        assert 1 == transport.closed
        with pytest.raises(errors.ConfigurationError, match="closed"):
            await members.add_an_organization_member_to_a_team("acme", "8", "b")

    asyncio.run(run())


def test_works_under_trio() -> None:
    import trio

    async def run() -> None:
        transport = Caller("async").transport(responding(httpx.Response(500), NO_CONTENT))
        async with AsyncSentryMembers(token=USER_TOKEN, transport=transport) as members:
            outcome = await members.add_an_organization_member_to_a_team("acme", "8", "backend")
            assert AlreadyOnTeam() == outcome

    clock: Any = trio.testing.MockClock(autojump_threshold=0)
    trio.run(run, clock=clock)


class Echo(BaseHTTPRequestHandler):
    """Responds with 404 and the member ID of the request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.dumps({"detail": self.path.split("/")[6]}).encode()
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 64  # A client that finds the queue full waits a second.


@contextmanager
def served(handler: type[Echo]) -> Iterator[str]:
    """Serve on a free port of loopback; yield the host with the port."""
    server = Server(("127.0.0.1", 0), handler)
    with serving(server):
        yield f"127.0.0.1:{server.server_port}"


@pytest.fixture
def echo() -> Iterator[str]:
    with served(Echo) as host:
        yield f"http://{host}"


def test_threads_share_a_client_over_real_connections(echo: str) -> None:
    wrong: list[str] = []

    def work(members: SentryMembers, number: int) -> None:
        for member_id in (f"{number}{count}" for count in range(20)):
            try:
                members.add_an_organization_member_to_a_team("acme", member_id, "backend")
            except errors.NotFoundError as error:
                if error.messages != (member_id,):
                    wrong.append(member_id)

    with SentryMembers(token=USER_TOKEN, url=echo) as members:
        threads = [
            threading.Thread(target=work, args=(members, number)) for number in range(10, 18)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [] == wrong


def test_tasks_share_a_client_over_real_connections(echo: str) -> None:
    async def run() -> list[str]:
        async with AsyncSentryMembers(token=USER_TOKEN, url=echo) as members:

            async def call(member_id: str) -> str:
                try:
                    await members.add_an_organization_member_to_a_team("acme", member_id, "b")
                except errors.NotFoundError as error:
                    return error.messages[0]
                return "no error"

            return list(await asyncio.gather(*(call(str(number)) for number in range(50))))

    assert [str(number) for number in range(50)] == asyncio.run(run())


def test_raises_where_no_server_listens(caller: Caller, waits: list[float]) -> None:
    options = {"transport": None, "url": "http://127.0.0.1:9"}
    with pytest.raises(errors.ConnectionFailedError) as caught:
        caller.join(responding(NO_CONTENT), options=options)
    assert not caught.value.may_have_arrived
    assert 2 == len(waits)


class RejectingProxy(Echo):
    """A forward proxy that rejects every target, and records it."""

    targets: ClassVar[list[str]] = []

    def do_CONNECT(self) -> None:
        self.targets.append(self.path)
        self.send_error(403)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    RejectingProxy.targets.clear()
    with served(RejectingProxy) as host:
        monkeypatch.setenv("HTTPS_PROXY", host)
        monkeypatch.setenv("HTTP_PROXY", host)
        yield RejectingProxy.targets


def connection_error(caller: Caller, url: str) -> str:
    """Return the message of what a call over real connections raises."""
    arguments = ("add_an_organization_member_to_a_team", "acme", "8", "backend")
    options = {"transport": None, "url": url, "attempts": 1}
    with pytest.raises(errors.ConnectionFailedError) as caught:
        caller.call(responding(NO_CONTENT), *arguments, options=options)
    return str(caught.value)


def test_uses_the_environments_proxy(proxy: list[str], caller: Caller) -> None:
    assert "ProxyError" in connection_error(caller, "https://sentry.localhost:9")
    assert ["sentry.localhost:9"] == proxy


@pytest.mark.parametrize("excepted", ["sentry.localhost", "sentry.localhost:9", "*"])
def test_reaches_the_hosts_of_no_proxy_directly(
    excepted: str, proxy: list[str], caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", excepted)
    assert "ConnectError" in connection_error(caller, "https://sentry.localhost:9")
    assert [] == proxy


def test_sends_nothing_to_a_proxy_without_tls(proxy: list[str], caller: Caller) -> None:
    assert "ConnectError" in connection_error(caller, "http://127.0.0.1:9")
    assert [] == proxy


def test_names_the_variable_of_a_bad_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:geheim@proxy.example")
    with pytest.raises(errors.ConfigurationError, match="HTTPS_PROXY") as caught:
        SentryMembers(token=USER_TOKEN)
    assert "geheim" not in str(caught.value)


def test_names_the_variable_of_missing_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _ssl_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(errors.ConfigurationError, match="SSL_CERT_FILE"):
        SentryMembers(token=USER_TOKEN)


@pytest.mark.parametrize("network_error", [OSError("pipe"), UnicodeError("idna")])
def test_does_not_retry_after_an_unknown_network_error(
    network_error: Exception, caller: Caller
) -> None:
    with pytest.raises(errors.NoAnswerError, match=type(network_error).__name__) as caught:
        caller.join(responding(network_error))
    assert errors.NoAnswerError is type(caught.value)
    assert caught.value.__context__ is None
    assert 1 == len(caller.requests)


def test_repeats_a_call_whose_tls_breaks(caller: Caller, waits: list[float]) -> None:
    """In asyncio, httpcore passes the exception of the standard library through."""
    with pytest.raises(errors.ConnectionFailedError, match="certificate required"):
        caller.join(responding(ssl.SSLError("alert certificate required")))
    assert (2, 3) == (len(waits), len(caller.requests))


def test_blames_no_failure_on_an_exception_that_the_caller_handles(caller: Caller) -> None:
    try:
        raise ssl.SSLCertVerificationError("of another host")
    except ssl.SSLCertVerificationError:
        with pytest.raises(errors.ConnectionFailedError, match="ReadError: no reason") as caught:
            caller.invite(responding(httpx.ReadError("")))
    assert caught.value.may_have_arrived


def test_a_long_chain_of_siblings_can_be_used_and_closed() -> None:
    parent = sibling = client()
    for _ in range(1500):
        sibling = sibling.with_options(timeout=3)
    assert AlreadyOnTeam() == sibling.add_an_organization_member_to_a_team("acme", "8", "b")
    parent.close()
    assert sibling.is_closed


@pytest.mark.parametrize("endless", [math.inf, math.nan, -1, 1e300])
def test_replaces_a_timeout_of_the_generated_client_that_never_ends(endless: float) -> None:
    caller = Caller("sync")
    members = client(transport=caller.transport(responding(NO_CONTENT)))
    patient = members.generated.with_timeout(httpx.Timeout(endless))
    add_an_organization_member_to_a_team.sync_detailed("acme", "8", "backend", client=patient)
    timeout = {"connect": 5, "read": 30, "write": 30, "pool": 30}
    assert timeout == caller.requests[0].extensions["timeout"]


@pytest.mark.parametrize("headers", [[("X-One", "1")], "X-One: 1", {10**5000: "1"}], ids=type)
def test_rejects_headers_that_are_not_a_mapping_of_names(headers: Any) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="headers must map"):
        client(headers=headers)
