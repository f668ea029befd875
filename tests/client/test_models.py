"""The generated models tolerate what servers of any version send, and are strict in requests."""

import datetime
from typing import Any

import pytest
from sentry_members_api.models import (
    Member,
    Problem,
    ProblemDetail,
    Team,
    TeamRoleAssignment,
)

from tests.support.new_member import REQUIRED, new_member
from tests.support.recordings import bodies

MEMBER: dict[str, Any] = bodies("addAMemberToAnOrganization", 201)[0]
TEAM: dict[str, Any] = bodies("addAnOrganizationMemberToATeam", 201)[0]


@pytest.mark.parametrize(
    "body", bodies("addAMemberToAnOrganization", 201), ids=lambda b: b["email"]
)
def test_reads_every_recorded_member_completely(body: dict[str, Any]) -> None:
    member = Member.from_dict(body)
    assert body["id"] == member.id
    assert isinstance(member.date_created, datetime.datetime)
    assert body.keys() == member.to_dict().keys()


@pytest.mark.parametrize("body", bodies("addAnOrganizationMemberToATeam", 201))
def test_reads_every_recorded_team_completely(body: dict[str, Any]) -> None:
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
def test_reads_members_of_other_server_versions(key: str, value: Any) -> None:
    assert value == Member.from_dict({**MEMBER, key: value}).to_dict()[key]


@pytest.mark.parametrize("key", ["role", "roleName", "groupOrgRoles"])
def test_reads_members_without_the_keys_of_old_servers(key: str) -> None:
    body = {name: value for name, value in MEMBER.items() if name != key}
    assert key not in Member.from_dict(body)


@pytest.mark.parametrize(
    ("key", "value"),
    [("teamRole", "captain"), ("teamRole", None), ("dateCreated", ""), ("orgRole", "owner")],
)
def test_reads_teams_of_other_server_versions(key: str, value: Any) -> None:
    assert value == Team.from_dict({**TEAM, key: value}).to_dict()[key]


def test_distinguishes_the_sender_of_a_problem_from_a_field() -> None:
    problem = Problem.from_dict({"error": "apigateway", "detail": "Too many requests"})
    assert ("apigateway", "Too many requests") == (problem.error, problem.detail)
    assert [] == problem.additional_keys


def test_reads_the_code_of_a_problem() -> None:
    detail = {"code": "2fa-required", "message": "Enable it", "extra": {}}
    problem = Problem.from_dict({"detail": detail})
    assert isinstance(problem.detail, ProblemDetail)
    assert detail == problem.detail.to_dict()


def test_sends_only_the_fields_that_are_set() -> None:
    assert REQUIRED == new_member().to_dict()


def test_sends_a_team_role_with_both_keys() -> None:
    assignment = TeamRoleAssignment(team_slug="backend", role=None)
    assert {"teamSlug": "backend", "role": None} == assignment.to_dict()
