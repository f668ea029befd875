"""The fake Sentry accepts the scopes that a real one accepts."""

import pytest
from sentry_members_testing import FakeSentry, Version
from sentry_members_testing.permissions import SCOPES

from tests.support.fake_requests import add, invite

# The status codes by the scopes of the token: of an internal integration, an owner or manager, a
# member, and a team admin who acts on their own team.
Row = tuple[str, str, str, str]
CALLERS: list[list[str | None]] = [[None], ["owner", "manager"], ["member"], ["teamadmin"]]

INVITING: dict[Version, dict[str, Row]] = {
    "23.7": {
        **dict.fromkeys(SCOPES, ("403",) * 4),
        "member:admin": ("400", "201", "403", "403"),
        "member:write": ("400", "400", "403", "403"),
        "member:write member:invite": ("400", "400", "403", "403"),
        "member:write member:admin": ("400", "201", "403", "403"),
        "member:invite member:admin": ("400", "201", "403", "403"),
    },
    "current": {
        **dict.fromkeys(SCOPES, ("403",) * 4),
        "member:admin": ("201",) * 4,
        "member:write": ("201",) * 4,
        "member:invite": ("201",) * 4,
        "member:read org:admin team:admin": ("403",) * 4,
    },
}

# With Open Membership on, and with it off.
ADDING: dict[Version, dict[str, Row]] = {
    "23.7": {
        **dict.fromkeys(SCOPES, ("403 403",) * 4),
        "org:read": ("201 202", "201 201", "201 202", "201 202"),
        "org:write": ("201 201", "201 201", "403 403", "403 403"),
        "team:write": ("201 201", "201 201", "403 403", "403 403"),
        "org:read team:write": ("201 201", "201 201", "201 202", "201 201"),
    },
    "current": {
        **dict.fromkeys(SCOPES, ("403 403",) * 4),
        "org:read": ("201 202", "201 201", "201 202", "201 202"),
        "org:write": ("201 201", "201 201", "201 202", "201 202"),
        "org:admin": ("201 201", "201 201", "201 202", "201 202"),
        "team:write": ("201 201", "201 201", "403 403", "403 403"),
        "team:admin": ("201 201", "201 201", "403 403", "403 403"),
        "org:read team:write": ("201 201", "201 201", "201 202", "201 201"),
        "org:write team:admin": ("201 201", "201 201", "201 202", "201 201"),
    },
}


@pytest.mark.parametrize(
    ("version", "scopes"),
    [(version, scopes) for version in INVITING for scopes in INVITING[version]],
)
@pytest.mark.parametrize("organization", ["acme", "closed"])
def test_scopes_that_invite(organization: str, version: Version, scopes: str) -> None:
    for expected, callers in zip(INVITING[version][scopes], CALLERS, strict=True):
        for caller in callers:
            response = invite(FakeSentry.example(version), organization, caller, scopes.split())
            assert int(expected) == response.status_code, caller
            if expected == "400":
                error = ["You do not have permission to set that org-level role"]
                assert {"role": error, "orgRole": error} == response.json()


@pytest.mark.parametrize(
    ("version", "scopes"), [(version, scopes) for version in ADDING for scopes in ADDING[version]]
)
def test_scopes_that_add_to_a_team(version: Version, scopes: str) -> None:
    for expected, callers in zip(ADDING[version][scopes], CALLERS, strict=True):
        for caller in callers:
            statuses = [
                add(FakeSentry.example(version), organization, caller, scopes.split()).status_code
                for organization in ("acme", "closed")
            ]
            assert expected == "{} {}".format(*statuses), caller


@pytest.mark.parametrize("version", ["current", "23.7"])
def test_a_team_admin_requests_access_to_another_team(version: Version) -> None:
    fake = FakeSentry.example(version)
    scopes = ["org:read", "team:write"]
    assert 202 == add(fake, "closed", "teamadmin", scopes, team="frontend").status_code
    assert 201 == add(fake, "acme", "teamadmin", scopes, team="frontend").status_code


def test_a_billing_member_may_neither_invite_nor_add() -> None:
    fake = FakeSentry.example()
    fake.add_member("acme", "payer", role="billing")
    assert 403 == invite(fake, owner="payer").status_code
    assert 403 == add(fake, owner="payer").status_code


def test_names_only_the_scopes_that_the_token_lacks() -> None:
    fake = FakeSentry.example()
    fake.add_member("acme", "payer", role="billing")
    missing = 'Bearer error="insufficient_scope", scope="{}"'
    for response, expected in (
        (
            invite(fake, scopes=["org:read"]),
            missing.format("member:admin member:invite member:write"),
        ),
        (add(fake, scopes=["project:read"]), missing.format("org:read org:write team:write")),
        # The owner's role lacks the scope.
        (invite(fake, owner="payer"), None),
        (add(fake, owner="payer"), None),
        (add(FakeSentry.example("23.7"), scopes=["project:read"]), None),
    ):
        assert 403 == response.status_code
        assert expected == response.headers.get("WWW-Authenticate")
