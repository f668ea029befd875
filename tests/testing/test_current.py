"""The fake Sentry responds as current servers do."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sentry_members_testing import FakeSentry, Fault

from tests.support.fake_requests import INVITES, TEAMS, Clock, add, invite
from tests.support.recordings import CURRENT_RESPONSES

Send = Callable[..., httpx.Response]
SENDERS: dict[str, list[Send]] = {
    "add member": [invite],
    "add to team": [add],
    "both": [invite, add],
}
FORBIDDEN = {"detail": "You do not have permission to perform this action."}
NOT_FOUND = {"detail": "The requested resource does not exist"}
DAY = 24 * 60 * 60


def sentry(clock: Clock | None = None, owner: dict[str, Any] | None = None, **settings: Any) -> Any:
    """Return a fake with an organization with these settings, and an owner with these arguments."""
    fake = FakeSentry(clock=clock or Clock())
    fake.add_organization("acme", **settings)
    fake.add_team("acme", "backend")
    fake.add_team("acme", "idp-team", idp_provisioned=True)
    fake.add_member("acme", "target")
    fake.add_member("acme", "owner", role="owner", **(owner or {}))
    return fake


def after_40_requests(send: Send, version: Any = "current") -> httpx.Response:
    fake = FakeSentry.example(version, clock=Clock())
    fake.limit_requests()
    for _ in range(40):
        assert 429 != send(fake).status_code
    return send(fake)


def with_25_in_flight(send: Send) -> httpx.Response:
    fake = FakeSentry.example(clock=Clock())
    fake.limit_requests()
    for _ in range(2):
        assert 429 != send(fake).status_code
    path = INVITES.format("acme")
    if send is add:
        path = TEAMS.format("acme", fake.member_id("acme", "target"), "backend")
    scopes = ["member:admin", "org:read"]
    headers = {"Authorization": f"Bearer {fake.issue_token('acme', owner='owner', scopes=scopes)}"}

    async def run() -> httpx.Response:
        fake.fail_next("slow", seconds=3600, times=25)
        transport = fake.async_transport()
        async with httpx.AsyncClient(
            transport=transport, base_url="https://sentry.example", headers=headers, timeout=None
        ) as http:
            in_flight = [asyncio.create_task(http.post(path, json={})) for _ in range(25)]
            while len(fake.requests) < 27:
                await asyncio.sleep(0)
            try:
                return await http.post(path, json={})
            finally:
                for task in in_flight:
                    task.cancel()
                await asyncio.gather(*in_flight, return_exceptions=True)

    return asyncio.run(run())


def above_the_quota(send: Send) -> httpx.Response:
    fake = sentry()
    fake.limit_requests()
    fake.limit_invites(per_day=1)
    assert 201 == send(fake, email="first@x.example").status_code
    return send(fake)


def failing(fault: Fault) -> Callable[[Send], httpx.Response]:
    def case(send: Send) -> httpx.Response:
        fake = sentry()
        fake.limit_requests()
        fake.fail_next(fault)
        return send(fake)

    return case


def deleted_invite(send: Send) -> httpx.Response:
    clock = Clock()
    fake = sentry(clock)
    assert 201 == invite(fake).status_code
    member_id = fake.member_id("acme", "ada@x.example")
    clock.now += 60 * DAY
    token = fake.issue_token("acme", owner="owner", scopes=["org:read"])
    return httpx.Client(transport=fake.transport(), base_url="https://sentry.example").post(
        TEAMS.format("acme", member_id, "backend"), headers={"Authorization": f"Bearer {token}"}
    )


CASES: dict[str, Callable[[Send], httpx.Response]] = {
    "rate limit, since 2025-10: an object, not a string": after_40_requests,
    "rate limit, before: a bare JSON string": lambda send: after_40_requests(send, "23.7"),
    "concurrency limit": with_25_in_flight,
    "sentry.io's API gateway limits": failing("apigateway-429"),
    "the invite quota": above_the_quota,
    "the organization requires two-factor authentication, the token's owner has none (members only;"
    " integrations are exempt)": lambda send: send(
        sentry(require_2fa=True, owner={"has_2fa": False})
    ),
    "the token's owner is over the organization's member limit": lambda send: send(
        sentry(member_limit=1)
    ),
    "missing scope, since 2026-06": lambda send: send(sentry(), scopes=["project:read"]),
    "'Let Members Invite Others' is off (2024-08 on), and the caller effectively holds neither"
    " member:write nor member:admin": lambda send: send(
        sentry(allow_member_invite=False), owner="target"
    ),
    "the role admin where the organization has team roles": lambda send: send(
        sentry(team_roles=True), orgRole="admin"
    ),
    "an address at qq.com": lambda send: send(sentry(), email="ada@qq.com"),
    "the account of the token's owner is suspended": lambda send: send(
        sentry(owner={"is_suspended": True})
    ),
    "sentry.io's API gateway: the organization is unknown": failing("apigateway-404"),
    "sentry.io's API gateway: the region can't be reached, or its breaker is open": failing(
        "apigateway-503"
    ),
    "the same, breaker open": failing("apigateway-503-breaker"),
    "sentry.io's API gateway: the region broke off": failing("apigateway-502"),
    "sentry.io's API gateway: no answer in time": failing("apigateway-504"),
    "the control silo waited too long for the region": failing(408),
    "the stored member id of an invite that expired (30 days) and was deleted": deleted_invite,
}


def expected_headers(line: dict[str, Any], send: Send) -> dict[str, str]:
    headers = {name.lower(): value for name, value in line["headers"].items()}
    if "www-authenticate" in headers and send is add:
        # The recorded response names the scopes of the other operation.
        headers["www-authenticate"] = headers["www-authenticate"].replace(
            "member:admin member:invite member:write", "org:read org:write team:write"
        )
    return headers


def relevant_headers(response: httpx.Response) -> dict[str, str]:
    relevant = re.compile("content-type|www-authenticate|retry-after|x-sentry-rate-limit-.*")
    found = {name: value for name, value in response.headers.items() if relevant.fullmatch(name)}
    if reset := found.get("x-sentry-rate-limit-reset"):
        assert str(int(Clock().now) + 1) == reset
        found["x-sentry-rate-limit-reset"] = "<epoch seconds>"
    return found


@pytest.mark.parametrize(
    ("line", "send"),
    [
        pytest.param(line, send, id=f"{send.__name__}: {line['case']}")
        for line in CURRENT_RESPONSES
        for send in SENDERS[line["operation"]]
    ],
)
def test_responds_as_a_current_server(line: dict[str, Any], send: Send) -> None:
    response = CASES[line["case"]](send)
    assert (line["status"], line["body"]) == (response.status_code, response.json())
    found = relevant_headers(response)
    if line["case"] == "rate limit, before: a bare JSON string":
        # Version 23.7 sends two more headers, as its recordings show.
        found = {name: value for name, value in found.items() if "concurrent" not in name}
    assert expected_headers(line, send) == found


def test_covers_every_known_response() -> None:
    assert list(CASES) == [line["case"] for line in CURRENT_RESPONSES]


# The order of the checks


def test_checks_in_the_order_of_the_server() -> None:
    clock = Clock()
    fake = FakeSentry(clock=clock)
    fake.add_organization("acme", require_2fa=True, member_limit=2, open_membership=False)
    fake.add_team("acme", "idp-team", idp_provisioned=True)
    fake.add_team("acme", "backend")
    fake.add_member("acme", "target", teams={"idp-team": "contributor"})
    fake.add_member("acme", "billed", role="billing")
    fake.add_member("acme", "late", role="billing", has_2fa=False)
    fake.add_member("acme", "later", role="billing")
    fake.add_member("acme", "suspended", role="owner", is_suspended=True)

    def add_unknown_member(
        owner: str, scope: str = "org:read", organization: str = "acme"
    ) -> tuple[int, Any]:
        token = fake.issue_token("acme", owner=owner, scopes=[scope])
        response = httpx.Client(transport=fake.transport(), base_url="https://sentry.example").post(
            TEAMS.format(organization, "999", "idp-team"),
            headers={"Authorization": f"Bearer {token}"},
        )
        detail = response.json()["detail"]
        return response.status_code, detail["code"] if isinstance(detail, dict) else detail

    forbidden, not_found = FORBIDDEN["detail"], NOT_FOUND["detail"]
    assert (403, "Your account has been suspended.") == add_unknown_member(
        "suspended", "project:read"
    )
    assert (403, forbidden) == add_unknown_member("late", "project:read", "unknown")
    assert (404, not_found) == add_unknown_member("late", organization="unknown")
    assert (401, "2fa-required") == add_unknown_member("late")
    assert (401, "member-disabled-over-limit") == add_unknown_member("later")
    assert (403, forbidden) == add_unknown_member("billed")
    assert (404, not_found) == add_unknown_member("target")
    # The role, whether the member is on the team, the identity provider, the access request.
    target: dict[str, Any] = {"organization": "acme", "owner": "target"}
    assert 403 == add(fake, **target, name="billed", team="idp-team").status_code
    assert 204 == add(fake, **target, name="target", team="idp-team").status_code
    assert 202 == add(fake, **target, name="target", team="backend").status_code


# Settings


def test_requires_two_factor_of_members_only() -> None:
    fake = sentry(require_2fa=True, owner={"has_2fa": False})
    assert 201 == add(fake, owner="target").status_code
    assert 201 == invite(fake, owner=None).status_code
    # A user who is not a member of the organization gets 403, not 401.
    fake.add_organization("other")
    fake.add_member("other", "outsider", email="outsider@x.example", has_2fa=False)
    assert 201 == invite(fake, owner=None, email="outsider@x.example").status_code
    token = fake.issue_token("other", owner="outsider", scopes=["member:admin"])
    response = httpx.Client(transport=fake.transport(), base_url="https://sentry.example").post(
        INVITES.format("acme"), headers={"Authorization": f"Bearer {token}"}
    )
    assert (403, FORBIDDEN) == (response.status_code, response.json())


def test_a_suspended_account_is_suspended_in_every_organization() -> None:
    fake = FakeSentry()
    fake.add_organization("acme")
    fake.add_organization("other")
    fake.add_member("acme", "ada", role="owner", email="ada@x.example")
    fake.add_member("other", "ada", email="ada@x.example", is_suspended=True)
    assert 403 == invite(fake, owner="ada", email="bob@x.example").status_code


def test_pending_invites_take_no_seat() -> None:
    fake = FakeSentry()
    fake.add_organization("acme", member_limit=1)
    fake.add_member("acme", "invited", pending="approved")
    fake.add_member("acme", "owner", role="owner")
    assert 201 == invite(fake).status_code


def test_version_23_7_ignores_the_settings_of_current_servers() -> None:
    fake = FakeSentry("23.7")
    fake.add_organization("acme", require_2fa=True, member_limit=0, allow_member_invite=False)
    fake.add_member("acme", "owner", role="owner", has_2fa=False, is_suspended=True)
    assert 201 == invite(fake).status_code


@pytest.mark.parametrize(
    ("owner", "scope", "status"),
    [
        ("owner", "member:invite", 403),
        ("owner", "member:write", 201),
        ("owner", "member:admin", 201),
        (None, "member:invite", 403),
        (None, "member:write", 201),
        ("target", "member:admin", 403),
    ],
)
def test_who_may_invite_while_members_may_not(owner: str | None, scope: str, status: int) -> None:
    fake = sentry(allow_member_invite=False)
    assert status == invite(fake, owner=owner, scopes=[scope]).status_code


def test_members_may_add_to_teams_while_they_may_not_invite() -> None:
    assert 201 == add(sentry(allow_member_invite=False), owner="target", name="owner").status_code


def test_managers_may_invite_to_all_teams_while_members_may_not_invite() -> None:
    fake = sentry(allow_member_invite=False, open_membership=False)
    assert 201 == invite(fake, scopes=["member:write"], teams=["backend"]).status_code


def test_team_roles_retire_the_role_admin_in_the_deprecated_field() -> None:
    response = invite(sentry(team_roles=True), role="admin")
    error = "The role 'admin' is deprecated and may no longer be assigned."
    assert (400, {"role": [error]}) == (response.status_code, response.json())
    assert 201 == invite(sentry(), orgRole="admin").status_code


def test_rejects_addresses_at_qq_com_in_any_letter_case() -> None:
    assert 400 == invite(sentry(), email="ada@QQ.com").status_code
    assert 201 == invite(sentry(), email="ada@notqq.com").status_code
    assert 201 == invite(FakeSentry.example("23.7"), email="ada@qq.com").status_code


# The rate limiter


def test_limits_invites_separately_from_other_requests() -> None:
    fake = FakeSentry.example(clock=Clock())
    fake.limit_requests(per_second=1)
    assert [201, 201] == [invite(fake).status_code, add(fake).status_code]
    assert [429, 429] == [invite(fake).status_code, add(fake).status_code]


def test_limits_additions_together_with_every_other_post() -> None:
    fake = FakeSentry.example(clock=Clock())
    fake.limit_requests(per_second=1)
    token = fake.issue_token("acme", owner="owner", scopes=["org:read"])
    with httpx.Client(
        transport=fake.transport(),
        base_url="https://sentry.example",
        headers={"Authorization": f"Bearer {token}"},
    ) as http:
        assert 404 == http.post("/api/0/other/").status_code
        assert 429 == add(fake).status_code
        assert 404 == http.get("/api/0/other/").status_code
        assert 429 == http.get(INVITES.format("acme")).status_code


def test_only_sentry_itself_sends_rate_limit_headers() -> None:
    fake = sentry()
    fake.limit_requests()
    for fault, sends in (
        (500, True),
        ("slow", True),
        (502, False),
        (504, False),
        ("apigateway-502", False),
    ):
        fake.fail_next(fault, seconds=0)
        assert sends == ("X-Sentry-Rate-Limit-Limit" in add(fake).headers), fault


# The invite quota


def test_the_invite_quota_counts_an_address_in_any_letter_case() -> None:
    fake = sentry()
    fake.limit_invites(per_address=1)
    assert 201 == invite(fake, email="ada@x.example").status_code
    assert 429 == invite(fake, email="ADA@x.example").status_code


# The API gateway


@pytest.mark.parametrize(
    ("fault", "takes_effect"),
    [
        ("apigateway-404", False),
        ("apigateway-429", False),
        ("apigateway-502", True),
        ("apigateway-503", False),
        ("apigateway-503-breaker", False),
        ("apigateway-504", True),
        (408, True),
    ],
)
def test_faults_of_the_api_gateway_that_take_effect(fault: Fault, takes_effect: bool) -> None:
    fake = sentry()
    before = len(fake.members)
    fake.fail_next(fault)
    assert invite(fake).is_error
    assert before + takes_effect == len(fake.members)


# Expiry


def test_an_invite_expires_after_30_days_and_is_deleted_after_60() -> None:
    clock = Clock()
    fake = sentry(clock)
    fake.add_member("acme", "joining", email="joining@x.example", pending="requested_to_join")
    assert False is invite(fake, teams=["backend"]).json()["expired"]
    counted = add(fake, name="target").json()["memberCount"]

    def invited() -> list[bool]:
        return [each.expired for each in fake.members if each.email == "ada@x.example"]

    clock.now += 30 * DAY - 1
    assert [False] == invited()
    clock.now += 1
    assert [True] == invited()
    again = invite(fake)
    assert {"email": ["The user ada@x.example has already been invited"]} == again.json()
    clock.now += 30 * DAY - 1
    assert [True] == invited()
    assert 204 == add(fake, name="ada@x.example").status_code
    clock.now += 1
    assert [] == invited()
    with pytest.raises(ValueError, match=r"unknown member 'ada@x\.example'"):
        fake.member_id("acme", "ada@x.example")
    # Members and requests to join are not deleted.
    assert ["target", "owner", "joining"] == [each.name for each in fake.members]
    assert counted == add(fake, name="owner").json()["memberCount"]
    assert 201 == invite(fake).status_code


def test_deletes_the_access_requests_of_a_deleted_invite() -> None:
    clock = Clock()
    fake = sentry(clock, open_membership=False)
    assert 201 == invite(fake).status_code
    assert 202 == add(fake, owner="target", name="ada@x.example").status_code
    clock.now += 60 * DAY
    assert () == fake.access_requests


# Bodies


def test_a_member_has_the_role_in_both_fields() -> None:
    body = invite(sentry(), orgRole="manager").json()
    assert ("manager", "manager", "Manager") == (body["orgRole"], body["role"], body["roleName"])
    assert "groupOrgRoles" not in body
