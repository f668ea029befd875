"""The generated models: tolerant of what servers send, strict in what they send."""

import datetime
from typing import Any

import pytest
from sentry_members_api.models import Member, NewMember, Team, TeamRoleAssignment

from tests.support.recordings import bodies

MEMBER: dict[str, Any] = bodies("addAMemberToAnOrganization", 201)[0]
TEAM: dict[str, Any] = bodies("addAnOrganizationMemberToATeam", 201)[0]


@pytest.mark.parametrize(
    "body", bodies("addAMemberToAnOrganization", 201), ids=lambda b: b["email"]
)
def test_every_recorded_member_is_read_whole(body: dict[str, Any]) -> None:
    member = Member.from_dict(body)
    assert body["id"] == member.id
    assert isinstance(member.date_created, datetime.datetime)
    assert body.keys() == member.to_dict().keys()


@pytest.mark.parametrize("body", bodies("addAnOrganizationMemberToATeam", 201))
def test_every_recorded_team_is_read_whole(body: dict[str, Any]) -> None:
    team = Team.from_dict(body)
    assert body["slug"] == team.slug
    assert body.keys() == team.to_dict().keys()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("orgRole", "archivist"),
        ("inviteStatus", "lost"),
        ("dateCreated", "yesterday"),
        ("user", {"id": "3", "name": "Ada"}),
        ("flags", {"new:flag": True}),
        ("inviterName", None),
        ("aNewKey", {"anything": [1, 2]}),
    ],
)
def test_a_member_of_another_server_version_is_read(key: str, value: Any) -> None:
    assert value == Member.from_dict({**MEMBER, key: value}).to_dict()[key]


@pytest.mark.parametrize("key", ["role", "roleName", "groupOrgRoles"])
def test_keys_that_only_old_servers_send_may_be_missing(key: str) -> None:
    body = {name: value for name, value in MEMBER.items() if name != key}
    assert key not in Member.from_dict(body)


@pytest.mark.parametrize(
    ("key", "value"),
    [("teamRole", "captain"), ("teamRole", None), ("dateCreated", ""), ("orgRole", "owner")],
)
def test_a_team_of_another_server_version_is_read(key: str, value: Any) -> None:
    assert value == Team.from_dict({**TEAM, key: value}).to_dict()[key]


def test_only_what_is_said_is_sent() -> None:
    assert {"email": "ada@example.com"} == NewMember(email="ada@example.com").to_dict()


def test_a_team_role_is_sent_with_both_keys() -> None:
    assignment = TeamRoleAssignment(team_slug="backend", role=None)
    assert {"teamSlug": "backend", "role": None} == assignment.to_dict()
