"""Correct uses of the client, for the type checkers. It is never run."""

from typing import assert_never, assert_type

from sentry_members import (
    AccessRequested,
    Added,
    AlreadyOnTeam,
    AsyncSentryMembers,
    Member,
    NewMember,
    Outcome,
    SentryMembers,
    TeamRoleAssignment,
)
from sentry_members_api.api.organizations import add_a_member_to_an_organization
from sentry_members_api.models import OrganizationRole


def invite(sentry: SentryMembers) -> Member:
    member = sentry.add_a_member_to_an_organization(
        "acme",
        NewMember(
            email="ada@example.com",
            org_role="member",
            team_roles=[TeamRoleAssignment(team_slug="backend", role="contributor")],
            send_invite=False,
        ),
    )
    assert_type(member.id, str)
    assert_type(member.org_role, OrganizationRole | str)
    return member


def join(sentry: SentryMembers, member: Member) -> str:
    outcome = sentry.add_an_organization_member_to_a_team("acme", member.id, "frontend")
    assert_type(outcome, Outcome)
    match outcome:
        case Added(team=team):
            return team.slug
        case AccessRequested():
            return "requested"
        case AlreadyOnTeam():
            return "already"
        case _:
            assert_never(outcome)


async def both() -> None:
    async with AsyncSentryMembers(region="de", timeout=5) as sentry:
        body = NewMember(email="ada@example.com")
        member = await sentry.add_a_member_to_an_organization("acme", body)
        assert_type(member, Member)
        outcome = await sentry.add_an_organization_member_to_a_team("acme", member.id, "frontend")
        assert_type(outcome, Outcome)
        assert_type(sentry.with_options(attempts=1), AsyncSentryMembers)


def generated(sentry: SentryMembers) -> None:
    response = add_a_member_to_an_organization.sync_detailed(
        "acme", client=sentry.generated, body=NewMember(email="ada@example.com")
    )
    if isinstance(response.parsed, Member):
        assert_type(response.parsed.pending, bool)


def after_a_truth_test(outcome: Outcome) -> None:
    """Testing an outcome for truth raises, but type checkers still check the code after it."""
    if outcome:
        print("never")
    assert_type(outcome, Outcome)
