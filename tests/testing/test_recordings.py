"""The fake Sentry responds as a real one was recorded to."""

import asyncio
import json
import re
from collections.abc import Iterable
from typing import Any, cast

import httpx
import pytest
from sentry_members_api.models import TeamRole
from sentry_members_testing import NOT_IMITATED, FakeSentry

from tests.support.fake_requests import Clock, client, invite
from tests.support.new_member import BESIDES_EMAIL
from tests.support.recordings import RECORDINGS


def name(exchange: dict[str, Any]) -> str:
    return f"{exchange['group']}: {exchange['case']}"


EXCHANGES = [each for each in RECORDINGS if each["request"]["method"] == "POST"]
OUTSIDERS_SCOPES = ("org:read", "org:write", "team:write", "member:admin")
# An invite was recorded without the fields that the contract may have come to require.
BEGINNING = json.dumps({**BESIDES_EMAIL, "email": ""}).removesuffix(': ""}')
# The members whose IDs appear in the recordings.
RECORDED_IDS = {
    "6": ("acme", "Member"),
    "8": ("acme", "Target"),
    "49": ("acme", "Requested"),
    "50": ("acme", "Joining"),
    "58": ("closed", "Target"),
    "98": ("closed", "Invited"),
}


def recorded_server(clock: Clock) -> FakeSentry:
    """Return a fake with the organizations and members of the recorded server."""
    fake = FakeSentry("23.7", clock=clock)
    for organization, open_membership in (("other", True), ("acme", True), ("closed", False)):
        fake.add_organization(organization, open_membership=open_membership)
        for team in ("backend", "frontend"):
            fake.add_team(organization, team)
        fake.add_team(organization, "idp-team", idp_provisioned=True)

        def member(name: str, organization: str = organization, **more: Any) -> str:
            email = f"{name.lower()}@{organization}.example"
            return fake.add_member(organization, name, email=email, **more)

        member("Owner", role="owner")
        contributor: dict[str, TeamRole] = {"backend": "contributor"}
        member("Member", teams=contributor)
        member("Contributor", teams=contributor)
        member("Teamadmin", teams={"backend": "admin"})
        member("Target")
        member("Invited", pending="approved")
        member("Requested", pending="requested_to_be_invited")
        member("Joining", pending="requested_to_join")
        fake.add_member(
            organization,
            "joinrequested",
            email=f"joinrequested@{organization}.example",
            pending="requested_to_join",
        )
    return fake


def authorization(fake: FakeSentry, exchange: dict[str, Any]) -> dict[str, str]:
    """Return the header `Authorization` for the name of a token in a recording."""
    named = exchange["request"]["token"]
    if named is None:
        return {}
    if named == "Bearer":
        return {"Authorization": "Bearer"}
    if "HTTP Basic" in exchange["case"]:
        return {"Authorization": f"Basic {named}"}
    outsiders = {"outsider_token": "Member", "superuser_token": "Owner"}
    scheme = "Bearer "
    if named == "invalid_token":
        token = "0" * 64
    elif named in outsiders:
        token = fake.issue_token("other", owner=outsiders[named], scopes=OUTSIDERS_SCOPES)
    else:
        _, organization, token_type, subject, *scopes = named.split("/")
        if token_type == "user_tokens":
            token = fake.issue_token(
                organization, owner=subject.capitalize(), scopes=scopes[0].split("+")
            )
        elif token_type == "internal_integrations":
            token = fake.issue_token(organization, scopes=[subject])
        else:
            token = fake.issue_token(organization, kind="organization", scopes=["org:write"])
    if "lower case" in exchange["case"]:
        scheme = "bearer "
    elif "without scheme" in exchange["case"]:
        scheme = ""
    return {"Authorization": scheme + token}


def request_of(fake: FakeSentry, exchange: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `httpx.Client.request` for a recorded request."""
    request = exchange["request"]
    body = request["body"]

    def translate(match: re.Match[str]) -> str:
        known = RECORDED_IDS.get(match[2])
        return match[1] + (fake.member_id(*known) if known else match[2])

    return {
        "method": request["method"],
        "url": re.sub(r"(/members/(?:%20)?)(\d+)(?=/)", translate, request["path"]),
        "headers": {**request["headers"], **authorization(fake, exchange)},
        # A body that breaks off keeps its length, which the response tells.
        "content": body and re.sub(r'^\{"email"(?=.*\}$)', BEGINNING, body),
    }


def normalized(value: Any, key: str = "") -> Any:
    """Return a body with IDs and dates replaced by their types, and sorted scopes."""
    if isinstance(value, dict):
        return {k: normalized(v, k) for k, v in cast("dict[str, Any]", value).items()}
    if key == "errorId":
        assert re.fullmatch("[0-9a-f]{32}", value)
    if key == "dateCreated":
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", value)
    if key == "id":
        assert value.isdigit()
    if key in ("id", "errorId", "dateCreated"):
        return str
    return sorted(value) if key == "access" else value


def parsed(body: str) -> Any:
    return normalized(json.loads(body)) if body else ""


def headers_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    varying = ("content-length", "date", "x-sentry-rate-limit-reset")
    return {name.lower(): value for name, value in pairs if name.lower() not in varying}


def assert_as_recorded(exchange: dict[str, Any], response: httpx.Response) -> None:
    recorded = exchange["response"]
    assert recorded["status"] == response.status_code, f"recorded, but {response.text}"
    assert parsed(recorded["body"]) == parsed(response.text)
    assert headers_of(recorded["headers"]) == headers_of(response.headers.items())


@pytest.mark.parametrize(
    "exchange", [e for e in EXCHANGES if name(e) not in NOT_IMITATED], ids=name
)
def test_responds_as_recorded(exchange: dict[str, Any]) -> None:
    fake = recorded_server(Clock())
    with client(fake) as http:
        if exchange["group"] == "op1-duplicate":
            for earlier in EXCHANGES[: EXCHANGES.index(exchange)]:
                if earlier["group"] == "op1-duplicate":
                    http.request(**request_of(fake, earlier))
        elif exchange["group"] == "ratelimit-invites":
            fake.limit_invites()
            for number in range(100):
                assert invite(fake, owner="Owner", email=f"q{number}@q.example").is_success
        elif exchange["group"] == "ratelimit-middleware":
            fake.limit_requests(per_second=3, concurrent=2)
            for _ in range(3):
                http.request(**request_of(fake, exchange))
        elif exchange["group"] == "ratelimit-concurrent":
            fake.limit_requests(per_second=1000, concurrent=1)
            assert_as_recorded(exchange, asyncio.run(second_of_two(fake, exchange)))
            return
        response = http.request(**request_of(fake, exchange))
    assert_as_recorded(exchange, response)


async def second_of_two(fake: FakeSentry, exchange: dict[str, Any]) -> httpx.Response:
    fake.fail_next("slow", seconds=0.05)
    transport = fake.async_transport()
    async with httpx.AsyncClient(transport=transport, base_url="https://sentry.example") as http:
        first = asyncio.create_task(http.request(**request_of(fake, exchange)))
        await asyncio.sleep(0.01)
        second = await http.request(**request_of(fake, exchange))
        await first
        return second


def test_imitates_all_recordings_but_a_few() -> None:
    recorded = {name(exchange) for exchange in EXCHANGES}
    listed = {case for case in NOT_IMITATED if ": " in case}
    assert set() == listed - recorded
    assert 5 >= len(listed)
    assert 100 <= len(EXCHANGES)


@pytest.mark.parametrize("case", [case for case in NOT_IMITATED if ": " in case])
def test_lists_only_what_is_not_imitated(case: str) -> None:
    fake = recorded_server(Clock())
    exchange = next(each for each in EXCHANGES if case == name(each))
    response = client(fake).request(**request_of(fake, exchange))
    assert (exchange["response"]["status"], exchange["response"]["body"]) != (
        response.status_code,
        response.text,
    )
