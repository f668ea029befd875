"""What users write, for the type checkers: it is never run."""

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
        email="ada@example.com",
        org_role="member",
        team_roles=[TeamRoleAssignment(team_slug="backend", role="contributor")],
        send_invite=False,
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
        member = await sentry.add_a_member_to_an_organization("acme", email="ada@example.com")
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


def mistakes(sentry: SentryMembers) -> None:
    """Each of these is an error, or the checkers would complain of a needless comment."""
    sentry.add_a_member_to_an_organization("acme")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    sentry.add_a_member_to_an_organization("acme", emial="a@b.example")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    sentry.add_a_member_to_an_organization("acme", email="a@b.example", org_role="god")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    sentry.add_a_member_to_an_organization("acme", email="a@b.example", team_roles=None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    team: dict[str, str] = {"teamSlug": "backend", "role": "admin"}
    sentry.add_a_member_to_an_organization("acme", email="a@b.example", team_roles=[team])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    TeamRoleAssignment(team_slug="backend")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    TeamRoleAssignment(team_slug="backend", role="captain")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
