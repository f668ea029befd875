"""The Python client behind the gateway has the same results and errors as without one."""

import asyncio
import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
from sentry_members import (
    AccessRequested,
    Added,
    AlreadyOnTeam,
    AsyncSentryMembers,
    Member,
    SentryMembers,
    errors,
)
from sentry_members_api.api.teams import add_an_organization_member_to_a_team
from sentry_members_testing import FakeSentry

from tests.support.gateway import Gateway, gateway
from tests.support.new_member import new_member
from tests.support.raw_server import Recorder
from tests.support.recordings import RECORDINGS, operation_of

RATE_LIMIT_HEADERS = {
    "X-Sentry-Rate-Limit-Limit": "40",
    "X-Sentry-Rate-Limit-Remaining": "0",
    "X-Sentry-Rate-Limit-Reset": "1795317040",
    "Date": "Sun, 22 Nov 2026 03:10:38 GMT",
}


def category_of(exchange: dict[str, Any]) -> tuple[str, int, str]:
    """Return the operation, the status code and the keys of the body of a recorded response."""
    response = exchange["response"]
    body = json.loads(response["body"]) if response["body"] else ""
    return operation_of(exchange) or "", response["status"], json.dumps(sorted(body))


# One recorded response of each category.
RESPONSES = {category_of(each): each["response"] for each in RECORDINGS if operation_of(each)}


@dataclass
class Caller:
    """Calls operations with the sync or the async client."""

    mode: str

    def call(self, operation: str, *arguments: Any, options: dict[str, Any]) -> Any:
        if self.mode == "sync":
            with SentryMembers(attempts=1, **options) as client:
                return getattr(client, operation)(*arguments)

        async def call() -> Any:
            async with AsyncSentryMembers(attempts=1, **options) as client:
                return await getattr(client, operation)(*arguments)

        return asyncio.run(call())

    def invite(
        self, organization: str = "acme", email: str = "ada@x.example", **options: Any
    ) -> Any:
        operation = "add_a_member_to_an_organization"
        return self.call(operation, organization, new_member(email=email), options=options)

    def join(
        self, member: str = "8", team: str = "backend", organization: str = "acme", **options: Any
    ) -> Any:
        operation = "add_an_organization_member_to_a_team"
        return self.call(operation, organization, member, team, options=options)

    def outcome(self, operation: str, **options: Any) -> tuple[object, ...]:
        """Return the result or the error of an operation, without the host, to be compared."""
        method = self.invite if operation == "addAMemberToAnOrganization" else self.join
        try:
            return (method(**options),)
        except errors.ApiError as error:
            # The gateway adds an ID of its own.
            attributes = {**vars(error), "host": "", "request_id": ""}
            message = str(error).replace(error.host, "")
            return type(error), message.replace(f", request ID {error.request_id}", ""), attributes


@pytest.fixture(params=["sync", "async"])
def caller(request: pytest.FixtureRequest) -> Caller:
    return Caller(request.param)


def behind(gate: Gateway, key: str | None = None) -> dict[str, Any]:
    return {"gateway_url": gate.url, "gateway_key": key or gate.key}


@pytest.mark.parametrize("category", RESPONSES, ids=lambda parts: " ".join(map(str, parts)))
def test_a_response_has_the_same_outcome_as_without_the_gateway(
    category: tuple[str, int, str], caller: Caller, gate: Gateway, upstream: Recorder
) -> None:
    operation, response = category[0], RESPONSES[category]
    headers = {name: value for name, value in response["headers"] if name != "Content-Length"}
    headers |= RATE_LIMIT_HEADERS
    keywords = {name.replace("-", "_"): value for name, value in headers.items()}
    upstream.respond(response["status"], response["body"].encode(), **keywords)
    direct = caller.outcome(operation, url=upstream.url(), token="0" * 64)
    assert direct == caller.outcome(operation, **behind(gate))
    assert 2 == len(upstream.requests)


@pytest.fixture(scope="module")
def sentry() -> FakeSentry:
    """A fake Sentry with a user who is a member of both of its organizations."""
    fake = FakeSentry.example()
    for organization in ("acme", "closed"):
        fake.add_member(organization, "both", email="both@x.example")
    return fake


@pytest.fixture(scope="module")
def fake_gate(sentry: FakeSentry, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    token = sentry.issue_token("acme", owner="both", scopes=["org:read", "member:invite"])
    folder = tmp_path_factory.mktemp("fake")
    with sentry.serve() as url, gateway(folder, sentry_url=url, token=token) as running:
        yield running


def test_returns_each_result(caller: Caller, sentry: FakeSentry, fake_gate: Gateway) -> None:
    options = behind(fake_gate)
    email = f"{caller.mode}@x.example"
    member = caller.invite(email=email, **options)
    assert isinstance(member, Member)
    assert (email, sentry.member_id("acme", email)) == (member.email, member.id)
    assert isinstance(caller.join(member.id, **options), Added)
    assert AlreadyOnTeam() == caller.join(member.id, **options)
    requested = caller.join(sentry.member_id("closed", "target"), organization="closed", **options)
    assert AccessRequested() == requested


def test_raises_each_error(caller: Caller, sentry: FakeSentry, fake_gate: Gateway) -> None:
    options = behind(fake_gate)
    target = sentry.member_id("acme", "target")
    with pytest.raises(errors.AlreadyMemberError):
        caller.invite(email="both@x.example", **options)
    with pytest.raises(errors.IdentityProviderTeamError):
        caller.join(target, "idp-team", **options)
    with pytest.raises(errors.NotFoundError, match="Sentry doesn't say") as caught:
        caller.join(target, "nowhere", **options)
    assert caught.value.from_gateway is False
    sentry.fail_next(502)
    with pytest.raises(errors.ServerError, match="Error 502") as failed:
        caller.join(target, **options)
    assert failed.value.from_gateway is False


def test_generated_functions_work_too(sentry: FakeSentry, fake_gate: Gateway) -> None:
    with SentryMembers(**behind(fake_gate)) as client:
        response = add_an_organization_member_to_a_team.sync_detailed(
            "acme", sentry.member_id("acme", "teamadmin"), "backend", client=client.generated
        )
    assert 204 == response.status_code


def test_a_wrong_key_raises_gateway_key_error(
    caller: Caller, gate: Gateway, upstream: Recorder
) -> None:
    with pytest.raises(
        errors.GatewayKeyError, match=r"missing or wrong\. Is SENTRY_GATEWAY_KEY"
    ) as caught:
        caller.join(**behind(gate, "another-key-0123456789"))
    assert (403, True) == (caught.value.status, caught.value.from_gateway)
    assert [] == upstream.requests


def test_a_path_that_the_gateway_rejects_raises_without_advice_about_sentry(
    caller: Caller, gate: Gateway, upstream: Recorder
) -> None:
    with pytest.raises(
        errors.NotFoundError,
        match=r"404 Not Found from [\d.:]+, request ID \w+\. The gateway [^.]+\.$",
    ) as caught:
        caller.join(organization="acme.example", **behind(gate))
    assert caught.value.from_gateway is True
    assert [] == upstream.requests


def test_the_gateway_rejects_a_body_over_64_kb(
    caller: Caller, gate: Gateway, upstream: Recorder
) -> None:
    with pytest.raises(errors.ApiError, match="The gateway accepts bodies up to 64 KB") as caught:
        caller.invite(email="a" * 70_000, **behind(gate))
    assert (413, True) == (caught.value.status, caught.value.from_gateway)
    assert [] == upstream.requests


def test_an_unreachable_sentry_raises_that_nothing_was_sent(
    caller: Caller, token: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("down")
    with (
        gateway(folder, sentry_url="http://127.0.0.1:9", token=token) as gate,
        pytest.raises(errors.SentryUnreachableError, match="the request was not sent") as caught,
    ):
        caller.invite(**behind(gate))
    assert (502, True) == (caught.value.status, caught.value.from_gateway)


def test_a_missing_response_raises_that_sentry_may_have_acted(
    caller: Caller, gate: Gateway, upstream: Recorder
) -> None:
    upstream.break_off()
    with pytest.raises(errors.ServerError, match=r"504 .*Sentry may have acted on it") as caught:
        caller.invite(**behind(gate))
    assert (504, True) == (caught.value.status, caught.value.from_gateway)
    assert 1 == len(upstream.requests)
