"""The fake Sentry does what its documentation says."""

import asyncio
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import httpx
import pytest
import sentry_members_testing as testing
from sentry_members_testing import FakeSentry, Fault, Version

from tests.support.fake_requests import INVITES, TEAMS, Clock, add, client, invite
from tests.support.new_member import REQUIRED

FORBIDDEN = {"detail": "You do not have permission to perform this action."}
NOT_FOUND = {"detail": "The requested resource does not exist"}


def test_runs_the_examples_of_the_module() -> None:
    examples = re.findall("```python\n(.*?)```", testing.__doc__ or "", re.DOTALL)
    assert 2 == len(examples)
    exec("".join(examples), {"FakeSentry": FakeSentry, "httpx": httpx})  # noqa: S102


# Adding to a team


def test_adds_to_a_team_or_requests_access() -> None:
    fake = FakeSentry.example()
    requested = add(fake, "closed", "member")
    assert (202, b"", None) == (
        requested.status_code,
        requested.content,
        requested.headers.get("Content-Type"),
    )
    assert 202 == add(fake, "closed", "member").status_code
    (request,) = fake.access_requests
    assert ("closed", "backend", "member") == (
        request.organization,
        request.team,
        request.requester,
    )
    assert fake.member_id("closed", "target") == request.member_id
    added = add(fake, "closed", "owner")
    assert (201, "backend", False, None, 2) == (
        added.status_code,
        *(added.json()[key] for key in ("slug", "isMember", "teamRole", "memberCount")),
    )
    again = add(fake, "closed", "member")
    assert (204, b"") == (again.status_code, again.content)
    assert 204 == add(fake, "closed", "member", name="onidp", team="idp-team").status_code


def test_a_team_is_shown_as_the_caller_sees_it() -> None:
    fake = FakeSentry.example()
    team = add(fake, "acme", "teamadmin").json()
    assert (True, "admin") == (team["isMember"], team["teamRole"])
    team = add(fake, "acme", "member", name="owner").json()
    assert (False, None, True) == (team["isMember"], team["teamRole"], team["hasAccess"])
    assert "team:admin" not in team["access"]
    team = add(fake, "closed", None, ["org:write"]).json()
    assert (False, []) == (team["hasAccess"], team["access"])


def test_me_is_the_caller_of_a_user_token() -> None:
    fake = FakeSentry.example()
    team = add(fake, "acme", "member", name="me").json()
    assert (True, "contributor") == (team["isMember"], team["teamRole"])
    assert 202 == add(fake, "closed", "member", name="me").status_code
    assert None is fake.access_requests[0].requester
    integration = add(fake, "acme", None, name="me")
    assert (404, NOT_FOUND) == (integration.status_code, integration.json())


def test_a_request_to_add_the_caller_shows_as_pending() -> None:
    fake = FakeSentry.example()
    assert False is add(fake, "closed", "owner", team="frontend").json()["isPending"]
    assert 202 == add(fake, "closed", "member", name="owner", team="frontend").status_code
    assert True is add(fake, "closed", "owner", name="manager", team="frontend").json()["isPending"]


def test_checks_the_member_and_the_team_in_order() -> None:
    fake = FakeSentry.example()
    fake.add_member("closed", "payer", role="billing")
    body = {"detail": "The user with a 'billing' role cannot have team-level permissions."}
    refused = add(fake, "closed", "member", name="payer", team="idp-team")
    assert (403, body) == (refused.status_code, refused.json())
    body = {"detail": "This team is managed through your organization's identity provider."}
    refused = add(fake, "closed", "member", team="idp-team")
    assert (403, body) == (refused.status_code, refused.json())
    assert () == fake.access_requests
    unknown = add(fake, "closed", "member", team="nope")
    assert (404, NOT_FOUND) == (unknown.status_code, unknown.json())
    forbidden = add(fake, "closed", "member", ["project:read"], team="nope")
    assert (403, FORBIDDEN) == (forbidden.status_code, forbidden.json())


def test_a_token_works_in_each_organization_of_its_owner() -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("closed", owner="target", scopes=["org:read"])
    with client(fake, token) as http:
        path = TEAMS.format("acme", fake.member_id("acme", "target"), "backend")
        assert 403 == http.post(path).status_code
        assert 201 == invite(fake, email="target@closed.example").status_code
        assert 403 == http.post(path).status_code
        fake.add_organization("third")
        fake.add_team("third", "backend")
        joined = fake.add_member("third", "target", email="target@closed.example")
        assert 201 == http.post(TEAMS.format("third", "me", "backend")).status_code
    users = {member.user_id for member in fake.members if member.email == "target@closed.example"}
    assert joined == fake.members[-1].id
    assert {None, fake.members[-1].user_id} == users


def test_accepts_ids_in_the_path_on_current_servers_only() -> None:
    by_version: dict[Version, int] = {"current": 201, "23.7": 404}
    for version, expected in by_version.items():
        fake = FakeSentry.example(version)
        token = fake.issue_token("acme", owner="owner", scopes=["org:read"])
        target = fake.member_id("acme", "target")
        with client(fake, token) as http:
            assert expected == http.post(TEAMS.format("1", target, "backend")).status_code
            assert expected == http.post(TEAMS.format("acme", target, "2")).status_code


def test_a_user_id_may_be_somebody_elses_member_id() -> None:
    fake = FakeSentry.example()
    by_id = {member.id: member for member in fake.members}
    mistaken = next(each for each in fake.members if each.name == "owner")
    assert mistaken.user_id is not None
    assert by_id[mistaken.user_id].name == "member"


# Inviting


def test_an_invite_is_a_pending_member_on_the_teams() -> None:
    fake = FakeSentry.example(clock=Clock(0))
    response = invite(
        fake,
        orgRole="manager",
        teamRoles=[
            {"teamSlug": "backend", "role": "admin"},
            {"teamSlug": "frontend", "role": None},
        ],
        sendInvite=False,
    )
    member = fake.members[-1]
    assert ("ada@x.example", "manager", None, False) == (
        member.email,
        member.org_role,
        member.user_id,
        member.invite_sent,
    )
    assert {"backend": "contributor", "frontend": "contributor"} == member.teams
    body = response.json()
    assert "1970-01-01T00:00:00.000000Z" == body["dateCreated"]
    assert (member.id, "manager", True, "owner") == (
        body["id"],
        body["orgRole"],
        body["pending"],
        body["inviterName"],
    )
    assert 204 == add(fake, name="ada@x.example", team="frontend").status_code


def test_rejects_duplicates() -> None:
    fake = FakeSentry.example()
    assert 201 == invite(fake).status_code
    again = invite(fake, reinvite=True)
    assert (400, {"email": ["The user ada@x.example has already been invited"]}) == (
        again.status_code,
        again.json(),
    )
    there = invite(fake, email="member@acme.example")
    assert {"email": ["The user member@acme.example is already a member"]} == there.json()
    assert 201 == invite(fake, email="ADA@x.example").status_code
    fake.add_member("acme", "bob", email="bob@x.example", pending="requested_to_join")
    replaced = fake.member_id("acme", "bob")
    assert 201 == invite(fake, email="bob@x.example").status_code
    assert [] == [member for member in fake.members if member.id == replaced]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (
            {"email": f"{'a' * 60}@bbbbbbb.example"},
            {"email": ["Ensure this field has no more than 75 characters."]},
        ),
        ({"orgRole": None}, {"orgRole": ["This field may not be null."]}),
        ({"teams": "backend"}, {"teams": ['Expected a list of items but got type "str".']}),
        (
            {"teamRoles": [{"teamSlug": "backend", "role": "god"}]},
            {"teamRoles": ["Invalid team-role"]},
        ),
        ({"regenerate": 2}, {"regenerate": ["Must be a valid boolean."]}),
    ],
    ids=str,
)
def test_rejects_bad_fields(body: dict[str, Any], errors: dict[str, Any]) -> None:
    response = invite(FakeSentry.example(), **body)
    assert (400, errors) == (response.status_code, response.json())


@pytest.mark.parametrize(
    ("email", "status"),
    [
        ("a.b+c@localhost", 201),
        ("a@x.y-z.example", 201),
        ("a@münchen.example", 201),
        ("a@x.c", 400),
        ("a@x.example-", 400),
        ("a@-x.example", 400),
        (f"a@{'ü' * 60}.example", 400),
        ("a@ü..example", 400),
        ("ä@x.example", 400),
        ("a..b@x.example", 400),
    ],
)
def test_checks_the_syntax_of_an_email_address(email: str, status: int) -> None:
    assert status == invite(FakeSentry.example(), email=email).status_code


@pytest.mark.parametrize("team_roles", [None, [{"role": "admin"}], ["backend"], [1]], ids=str)
def test_responds_with_500_to_team_roles_of_another_shape(team_roles: Any) -> None:
    response = invite(FakeSentry.example(), teamRoles=team_roles)
    assert (500, "Internal Error") == (response.status_code, response.json()["detail"])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"[1]", "Invalid data. Expected a dictionary, but got list."),
        (b"null", "No data provided"),
    ],
)
def test_rejects_a_body_that_is_not_an_object(content: bytes, error: str) -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
    response = client(fake, token).post(
        INVITES.format("acme"), content=content, headers={"Content-Type": "application/json"}
    )
    assert (400, {"non_field_errors": [error]}) == (response.status_code, response.json())


def test_responds_to_hostile_bodies() -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
    with client(fake, token) as http:
        for content in (
            b"[" * 100_000,
            b'{"email": "\xff"}',
            b'{"email": 5, "orgRole": "\\ud800"}',
        ):
            response = http.post(
                INVITES.format("acme"),
                content=content,
                headers={"Content-Type": "application/json"},
            )
            assert 400 == response.status_code


def test_rejects_roles_above_the_owners() -> None:
    error = ["You do not have permission to set that org-level role"]
    response = invite(FakeSentry.example(), owner="manager", orgRole="owner")
    assert (400, {"orgRole": error}) == (response.status_code, response.json())
    response = invite(FakeSentry.example(), owner="manager", orgRole="manager")
    assert 201 == response.status_code


def test_internal_integrations_invite_members_only() -> None:
    error = "Integration tokens are restricted to inviting new members with the member role only."
    fake = FakeSentry.example()
    refused = invite(fake, owner=None, orgRole="manager")
    assert (400, [error]) == (refused.status_code, refused.json())
    allowed = invite(fake, owner=None)
    assert (201, None) == (allowed.status_code, allowed.json()["inviterName"])
    error = "You do not have permission to set that org-level role"
    refused = invite(FakeSentry.example("23.7"), owner=None)
    assert (400, {"role": [error], "orgRole": [error]}) == (refused.status_code, refused.json())


def test_the_billing_role_cannot_hold_teams() -> None:
    fake = FakeSentry.example()
    invited = invite(fake, orgRole="billing")
    assert 201 == invited.status_code, invited.text
    response = invite(
        fake,
        email="bob@x.example",
        orgRole="billing",
        teamRoles=[{"teamSlug": "backend", "role": None}],
    )
    error = "The user with a 'billing' role cannot have team-level permissions."
    assert (400, {"email": error}) == (response.status_code, response.json())


def test_members_invite_to_their_own_teams_only_if_open_membership_is_off() -> None:
    fake = FakeSentry.example()
    team: list[dict[str, Any]] = [{"teamSlug": "backend", "role": None}]
    error = "You cannot assign members to teams you are not a member of."
    for owner, scope in (
        ("member", "member:invite"),
        ("manager", "member:write"),
        (None, "member:write"),
    ):
        refused = invite(fake, "closed", owner, [scope], teamRoles=team)
        assert (400, {"detail": error}) == (refused.status_code, refused.json())
    allowed = invite(fake, "closed", "teamadmin", ["member:invite"], teamRoles=team)
    assert 201 == allowed.status_code
    for more in (
        {"organization": "acme", "owner": "member"},
        {"owner": "manager", "scopes": ["member:invite", "member:admin"], "email": "c@x.example"},
        {"fake": FakeSentry.example("23.7"), "owner": "manager", "scopes": ["member:admin"]},
    ):
        call: dict[str, Any] = {
            "fake": fake,
            "organization": "closed",
            "scopes": ["member:invite"],
            **more,
        }
        assert 201 == invite(**call, teamRoles=team).status_code


def test_a_plan_can_forbid_invites() -> None:
    fake = FakeSentry()
    fake.add_organization("small", allows_inviting=False)
    fake.add_member("small", "owner", role="owner")
    response = invite(fake, "small")
    error = {"organization": "Your organization is not allowed to invite members"}
    assert (403, error) == (response.status_code, response.json())


# Tokens, methods, limits


@pytest.mark.parametrize("version", ["current", "23.7"])
def test_rejects_organization_tokens(version: Version) -> None:
    fake = FakeSentry.example(version)
    token = fake.issue_token("acme", kind="organization", scopes=["org:write", "member:admin"])
    with client(fake, token) as http:
        added = http.post(TEAMS.format("acme", fake.member_id("acme", "target"), "backend"))
        invited = http.post(INVITES.format("acme"), json=REQUIRED | {"email": "ada@x.example"})
    assert (401, b"") == (added.status_code, added.content)
    assert (401 if version == "current" else 500) == invited.status_code


def test_issues_each_token_kind() -> None:
    fake = FakeSentry.example()
    assert re.fullmatch("sntryu_[0-9a-f]{64}", fake.issue_token("acme", owner="owner"))
    assert re.fullmatch("sntryi_[0-9a-f]{64}", fake.issue_token("acme"))
    assert re.fullmatch("sntrys_[^_]+_[0-9a-f]+", fake.issue_token("acme", kind="organization"))


def test_rejects_bad_tokens() -> None:
    fake = FakeSentry.example()
    expired = fake.issue_token("acme", owner="owner", scopes=["org:read"], expired=True)
    foreign = fake.issue_token("closed", scopes=["member:admin"])
    for token, status, body in (
        (expired, 401, {"detail": "Token expired"}),
        ("a b", 401, {"detail": "Invalid token header. Token string should not contain spaces."}),
        (foreign, 403, FORBIDDEN),
    ):
        response = client(fake, token).post(INVITES.format("acme"), json={})
        assert (status, body) == (response.status_code, response.json())


def test_rejects_other_methods() -> None:
    response = client(FakeSentry.example()).request("TRACE", INVITES.format("acme"))
    expected = (405, {"detail": 'Method "TRACE" not allowed.'})
    assert expected == (response.status_code, response.json())


def rate_limits(response: httpx.Response) -> dict[str, str]:
    prefix = "x-sentry-rate-limit-"
    return {k[len(prefix) :]: v for k, v in response.headers.items() if k.startswith(prefix)}


def test_has_no_limits_by_default() -> None:
    fake = FakeSentry.example()
    responses = [invite(fake, email=f"{number}@x.example") for number in range(150)]
    assert {201} == {response.status_code for response in responses}
    assert {} == rate_limits(responses[0])


def test_limits_requests_by_caller_and_second() -> None:
    clock = Clock()
    fake = FakeSentry.example(clock=clock)
    fake.limit_requests(per_second=2)
    token = fake.issue_token("acme", owner="owner", scopes=["org:read"])
    with client(fake, token) as http:
        responses = [http.post("/api/0/nothing/") for _ in range(3)]
        assert [404, 404, 429] == [response.status_code for response in responses]
        assert {"limit": "2", "remaining": "1", "reset": "1800000001"} == rate_limits(responses[0])
        text = "You are attempting to use this endpoint too frequently. Limit is "
        assert {"detail": f"{text}2 requests in 1 seconds"} == responses[2].json()
        assert "text/html; charset=utf-8" == responses[2].headers["Content-Type"]
        assert "Retry-After" not in responses[2].headers
        assert "Fri, 15 Jan 2027 08:00:00 GMT" == responses[2].headers["Date"]
        # Another token of the same user is the same caller; the integration is another one.
        assert 429 == add(fake, "acme", "owner").status_code
        assert 201 == add(fake, "acme", None).status_code
        clock.now = 1_800_000_001.0
        assert 404 == http.post("/api/0/nothing/").status_code


def test_version_23_7_shows_the_concurrency_limit() -> None:
    fake = FakeSentry.example("23.7")
    fake.limit_requests()
    shown = rate_limits(client(fake).post("/api/0/nothing/"))
    assert ("25", "24") == (shown["concurrentlimit"], shown["concurrentremaining"])


def test_a_request_with_a_response_is_no_longer_in_flight() -> None:
    fake = FakeSentry.example()
    fake.limit_requests(per_second=1000, concurrent=1)
    with client(fake) as http:
        assert [404, 404] == [http.post("/api/0/nothing/").status_code for _ in range(2)]


def test_a_served_fake_limits_the_requests_in_flight() -> None:
    fake = FakeSentry.example(clock=Clock())
    fake.limit_requests(per_second=2, concurrent=1)
    fake.fail_next("slow", seconds=30)
    token = fake.issue_token("acme", owner="owner", scopes=["org:read"])
    headers = {"Authorization": f"Bearer {token}"}
    with ThreadPoolExecutor() as pool, fake.serve() as url, httpx.Client(base_url=url) as http:
        slow = pool.submit(httpx.post, url + "/api/0/nothing/", headers=headers, timeout=60)
        while not fake.requests:
            time.sleep(0.001)
        rejected = http.post("/api/0/nothing/", headers=headers)
        assert 429 == rejected.status_code
        assert "Concurrency limit is 1" in rejected.json()["detail"]
        assert not slow.done()
    # Closing the fake ends the delay: it sends the response, or closes the connection before.
    assert slow.exception() is not None or slow.result().status_code == 404


def test_limits_invites_by_caller_organization_and_day() -> None:
    clock = Clock()
    fake = FakeSentry.example(clock=clock)
    fake.limit_requests()
    fake.limit_invites(per_day=2)
    assert [201, 400, 201, 400, 429] == [
        invite(fake, email=email).status_code
        for email in ("a@x.example", "a@x.example", "b@x.example", "bad", "c@x.example")
    ]
    refused = invite(fake, owner="manager", email="d@x.example")
    error = {"detail": "You are being rate limited for too many invitations."}
    assert (429, error) == (refused.status_code, refused.json())
    assert "application/json" == refused.headers["Content-Type"]
    assert "40" == rate_limits(refused)["limit"]
    clock.now += 24 * 60 * 60
    assert 201 == invite(fake, owner="manager", email="d@x.example").status_code


def test_limits_invites_by_address() -> None:
    fake = FakeSentry.example()
    fake.limit_invites(per_day=100, per_address=1)
    body: dict[str, Any] = {"orgRole": "billing", "teams": ["backend"]}
    first, second = (invite(fake, **body) for _ in range(2))
    assert (400, 429) == (first.status_code, second.status_code), second.text


# Faults


Send = Callable[[FakeSentry], httpx.Response | Exception]


def send_sync(fake: FakeSentry) -> httpx.Response | Exception:
    """Invite somebody; return the response, or the error that httpx raises."""
    try:
        return invite(fake)
    except httpx.HTTPError as error:
        return error


def send_async(fake: FakeSentry) -> httpx.Response | Exception:
    async def send() -> httpx.Response | Exception:
        token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
        async with httpx.AsyncClient(transport=fake.async_transport()) as http:
            try:
                return await http.post(
                    "https://sentry.example" + INVITES.format("acme"),
                    json=REQUIRED | {"email": "ada@x.example"},
                    headers={"Authorization": f"Bearer {token}"},
                )
            except httpx.HTTPError as error:
                return error

    return asyncio.run(send())


FAULTS: list[tuple[Fault, int | type[Exception], bool]] = [
    (500, 500, False),
    (502, 502, False),
    (503, 503, False),
    (504, 504, True),
    (520, 520, False),
    ("slow", httpx.ReadTimeout, True),
    ("refused", httpx.ConnectError, False),
    ("drop-before", httpx.RemoteProtocolError, False),
    ("drop-after", httpx.RemoteProtocolError, True),
]


@pytest.mark.parametrize(("fault", "expected", "takes_effect"), FAULTS)
@pytest.mark.parametrize("send", [send_sync, send_async])
def test_fails_in_process(
    send: Send, fault: Fault, expected: int | type[Exception], takes_effect: bool
) -> None:
    fake = FakeSentry.example()
    fake.fail_next(fault, seconds=3600)
    before = len(fake.members)
    outcome = send(fake)
    if isinstance(outcome, httpx.Response):
        assert expected == outcome.status_code
        media_type = "application/json" if expected == 500 else "text/html; charset=utf-8"
        assert media_type == outcome.headers["Content-Type"]
    else:
        assert expected is type(outcome)
    assert before + takes_effect == len(fake.members)
    assert (fault != "refused") == len(fake.requests)
    again = send(fake)
    assert isinstance(again, httpx.Response)
    assert (400 if takes_effect else 201) == again.status_code


@pytest.mark.parametrize("send", [send_sync, send_async])
def test_delays_a_response(send: Send) -> None:
    fake = FakeSentry.example()
    fake.fail_next("slow", seconds=0.05)
    started = time.monotonic()
    response = send(fake)
    assert isinstance(response, httpx.Response)
    assert 201 == response.status_code
    assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize("fault", ["drop-before", "drop-after", "refused"])
def test_a_served_fake_closes_the_connection(fault: Fault) -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["org:read"])
    target = fake.member_id("acme", "target")
    with fake.serve() as url, httpx.Client(base_url=url) as http:
        http.headers["Authorization"] = f"Bearer {token}"
        fake.fail_next(fault)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            http.post(TEAMS.format("acme", target, "backend"))
        again = http.post(TEAMS.format("acme", target, "backend"))
    assert (204 if fault == "drop-after" else 201) == again.status_code


def test_fails_every_third_request() -> None:
    fake = FakeSentry.example()
    fake.fail_next(502, times=2, every=3, operation="add_a_member_to_an_organization")
    assert 201 == add(fake).status_code
    statuses = [invite(fake, email=f"{n}@x.example").status_code for n in range(9)]
    assert [201, 201, 502, 201, 201, 502, 201, 201, 201] == statuses
    fake.fail_next(520, times=None)
    assert {520} == {invite(fake).status_code for _ in range(3)}


def test_records_the_requests() -> None:
    fake = FakeSentry.example()
    fake.fail_next("drop-before")
    with pytest.raises(httpx.RemoteProtocolError):
        add(fake, team="backend")
    invite(fake, email="ada@x.example")
    client(fake).post("/api/0/nothing?x=1", content=b"\xff", headers={"X-One": "1"})
    dropped, invited, other = fake.requests
    assert ("add_an_organization_member_to_a_team", None, None) == (
        dropped.operation,
        dropped.status,
        dropped.body,
    )
    assert ("POST", INVITES.format("acme"), REQUIRED | {"email": "ada@x.example"}, 201) == (
        invited.method,
        invited.path,
        invited.body,
        invited.status,
    )
    assert "authorization" not in invited.headers
    assert (None, "/api/0/nothing?x=1", "\ufffd", "1", 404) == (
        other.operation,
        other.path,
        other.body,
        other.headers["x-one"],
        other.status,
    )


def test_keeps_no_token() -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
    client(fake, token).post(INVITES.format("acme"), json={"email": "ada@x.example"})
    seen: set[int] = set()

    def walk(thing: Any) -> str:
        if id(thing) in seen:
            return ""
        seen.add(id(thing))
        inner: list[Any] = list(getattr(thing, "__dict__", {}).values())
        inner += [getattr(thing, slot, None) for slot in getattr(thing, "__slots__", ())]
        if isinstance(thing, Mapping):
            inner += thing.items()
        elif isinstance(thing, (list, tuple, set, frozenset)):
            inner += cast("Iterable[Any]", thing)
        return f"{thing!r}" + "".join(map(walk, inner))

    everything = walk(fake) + repr(fake.requests) + repr(fake.members)
    assert "ada@x.example" in everything
    assert token[8:] not in everything
    assert "FakeSentry('current', organizations=['acme', 'closed'])" == repr(fake)


# Serving


def test_serves_many_connections() -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
    barrier = threading.Barrier(40)
    context = ssl.create_default_context()

    def work(number: int) -> list[int]:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, verify=context) as http:
            barrier.wait()
            return [
                http.post(
                    INVITES.format("acme"), json=REQUIRED | {"email": f"{number}-{turn}@x.example"}
                ).status_code
                for turn in range(10)
            ]

    before = len(fake.members)
    with fake.serve() as url, ThreadPoolExecutor(40) as pool:
        statuses = Counter(status for each in pool.map(work, range(40)) for status in each)
    assert {201: 400} == statuses
    assert 400 == len(fake.members) - before
    assert 400 == len(fake.requests)
    assert len(fake.members) == len({member.id for member in fake.members})


def test_concurrent_identical_invites_make_one_member() -> None:
    def clock() -> float:
        # The other threads run whenever the fake reads the time.
        time.sleep(0.001)
        return 0

    fake = FakeSentry.example(clock=clock)
    before = len(fake.members)
    with ThreadPoolExecutor(6) as pool:
        invites = [pool.submit(invite, fake) for _ in range(6)]
    statuses = [each.result().status_code for each in invites]
    assert [201, 400, 400, 400, 400, 400] == sorted(statuses)
    assert before + 1 == len(fake.members)


def test_serves_other_clients_over_one_connection() -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["org:read", "member:admin"])
    headers = {
        "Host": "sentry.elsewhere.example",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
    }
    path = TEAMS.format("acme", fake.member_id("acme", "target"), "backend")
    with fake.serve() as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
        statuses: list[int] = []
        new_member = json.dumps(REQUIRED).encode()
        bodies: tuple[Any, ...] = (None, None, iter([new_member[:1], new_member[1:]]))
        for method, target, body in zip(
            ("POST", "POST", "POST"), (path, path, INVITES.format("acme")), bodies, strict=True
        ):
            connection.request(method, target, body=body, headers=headers)
            response = connection.getresponse()
            statuses.append(response.status)
            response.read()
        connection.close()
    assert [201, 204, 201] == statuses


def test_sends_no_body_after_head() -> None:
    with FakeSentry.example().serve() as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(b"HEAD /api HTTP/1.1\r\nConnection: close\r\n\r\n")
            received = b"".join(iter(lambda: raw.recv(4096), b""))
            assert received.startswith(b"HTTP/1.1 404 Not Found\r\n")
            assert received.endswith(b"\r\n\r\n")


def test_closes_promptly_without_output(capfd: pytest.CaptureFixture[str]) -> None:
    fake = FakeSentry.example()
    threads = threading.active_count()
    with fake.serve() as url:
        host, port = url.removeprefix("http://").split(":")
        # An idle connection, one within a request, one that resets, one that waits for a response.
        idle = socket.create_connection((host, int(port)))
        halfway = socket.create_connection((host, int(port)))
        halfway.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        gone = socket.create_connection((host, int(port)))
        gone.sendall(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        gone.close()
        fake.fail_next("slow", seconds=3600)
        waiting = socket.create_connection((host, int(port)))
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while not fake.requests:
            time.sleep(0.001)
        started = time.monotonic()
    assert time.monotonic() - started < 60  # The response that is waited for takes an hour.
    assert threads == threading.active_count()
    assert b"" == idle.recv(1)
    for each in (idle, halfway, waiting):
        each.close()
    assert ("", "") == capfd.readouterr()
    assert 1 == len(fake.requests)


def test_a_failure_of_the_fake_itself_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeSentry.example()
    monkeypatch.setattr(fake, "_handle", lambda request: 1 / 0)
    with (
        pytest.raises(ExceptionGroup, match="the fake failed to respond"),
        fake.serve() as url,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        httpx.get(url)


def test_a_port_in_use() -> None:
    with FakeSentry().serve() as url:
        again = FakeSentry().serve(port=int(url.rpartition(":")[2]))
        with pytest.raises(OSError, match="in use"), again:
            pass


# Setting up a fake


BAD_ARGUMENTS: list[tuple[Callable[[Any], object], str]] = [
    (lambda f: type(f)("24"), "unknown version '24': use one of: current, 23.7"),
    (lambda f: f.add_organization("acme"), "organization 'acme' is there already"),
    (lambda f: f.add_organization("Acme Inc"), "'Acme Inc': a slug is lower-case"),
    (
        lambda f: f.add_team("nope", "a"),
        "unknown organization 'nope': use one of: acme, closed, or add it with add_organization",
    ),
    (lambda f: f.add_team("acme", "backend"), "team 'backend' is there already"),
    (lambda f: f.add_team("acme", "12"), "'12': a slug"),
    (lambda f: f.add_member("nope", "a"), "unknown organization 'nope'"),
    (lambda f: f.add_member("acme", "owner"), "'owner' <owner@acme.example> is in 'acme' already"),
    (lambda f: f.add_member("acme", "x", email="owner@acme.example"), "is in 'acme' already"),
    (lambda f: f.add_member("acme", "x", role="god"), "unknown organization role 'god'"),
    (lambda f: f.add_member("acme", "x", teams={"nope": "admin"}), "unknown team 'nope'.*add_team"),
    (lambda f: f.add_member("acme", "x", teams={"backend": "god"}), "unknown team role 'god'"),
    (
        lambda f: f.add_member("acme", "x", role="billing", teams={"backend": "admin"}),
        "can't hold teams",
    ),
    (lambda f: f.add_member("acme", "x", pending="no"), "unknown invite status 'no'"),
    (lambda f: f.issue_token("nope"), "unknown organization 'nope': use one of: acme, closed"),
    (lambda f: f.issue_token("acme", owner="nope"), "unknown member 'nope'.*add_member"),
    (
        lambda f: f.issue_token("acme", scopes=["org:reed"]),
        "unknown scope 'org:reed': use one of: .*org:read",
    ),
    (lambda f: f.issue_token("acme", kind="god"), "unknown token kind 'god'"),
    (
        lambda f: f.issue_token("acme", kind="user"),
        "kind='user', owner=None: a user token has an owner",
    ),
    (
        lambda f: f.issue_token("acme", kind="integration", owner="owner"),
        "kind='integration', owner='owner'",
    ),
    (lambda f: f.member_id("acme", "nope"), "unknown member 'nope'"),
    (lambda f: f.fail_next("drop"), "unknown fault 'drop': use one of: 408, .*drop-after"),
    (lambda f: f.fail_next(500, operation="nope"), "unknown operation 'nope'"),
    (lambda f: f.fail_next(500, every=0), "every=0: give a number from 1 on"),
    (lambda f: f.fail_next(500, times=0), "times=0: give a number from 1 on"),
    (lambda f: f.fail_next("slow", seconds=-1), "seconds=-1: give a number from 0 on"),
    (lambda f: f.limit_requests(0), "per_second=0: give a number from 1 on"),
    (lambda f: f.limit_requests(concurrent=0), "concurrent=0: give a number from 1 on"),
    (lambda f: f.limit_invites(-1), "per_day=-1: give a number from 0 on"),
    (
        lambda f: f.add_organization("x", member_limit=-1),
        "member_limit=-1: give a number from 0 on",
    ),
]


@pytest.mark.parametrize(("set_up", "message"), BAD_ARGUMENTS, ids=[m for _, m in BAD_ARGUMENTS])
def test_rejects_bad_arguments(set_up: Callable[[Any], object], message: str) -> None:
    fake = FakeSentry.example()
    before = (fake.members, repr(fake))
    with pytest.raises(ValueError, match=message):
        set_up(fake)
    assert before == (fake.members, repr(fake))


def test_the_billing_role_is_unknown_to_23_7() -> None:
    with pytest.raises(ValueError, match="unknown organization role 'billing'"):
        FakeSentry.example("23.7").add_member("acme", "payer", role="billing")


def test_issues_no_token_to_a_pending_invite() -> None:
    fake = FakeSentry.example()
    fake.add_member("acme", "ada", pending="approved")
    with pytest.raises(ValueError, match="'ada' is a pending invite"):
        fake.issue_token("acme", owner="ada")


def test_accepts_a_single_scope_as_a_string() -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("acme", scopes="org:read")
    assert 404 == client(fake, token).post(TEAMS.format("acme", 0, "backend")).status_code


def test_the_example_has_the_documented_members() -> None:
    fake = FakeSentry.example()
    acme = [member for member in fake.members if member.organization == "acme"]
    assert ["owner", "manager", "member", "teamadmin", "onidp", "target"] == [m.name for m in acme]
    assert {"backend": "admin"} == acme[3].teams
    assert {"idp-team": "contributor"} == acme[4].teams
    assert {} == acme[5].teams
    assert fake.member_id("acme", "target") == acme[5].id


def test_the_fixture_is_the_example(fake_sentry: FakeSentry) -> None:
    assert repr(FakeSentry.example()) == repr(fake_sentry)


def test_the_plugin_imports_the_fake_only_when_it_is_used() -> None:
    script = "import sys, pytest_sentry_members; print('sentry_members_testing' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert "False\n" == ran.stdout
