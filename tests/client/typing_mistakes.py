"""Mistakes of users: every type checker finds an error in each line marked as wrong."""

from sentry_members import NewMember, Outcome, SentryMembers, TeamRoleAssignment
from sentry_members.errors import ApiError, NoAnswerError


def invite(sentry: SentryMembers, team: dict[str, str]) -> None:
    sentry.add_a_member_to_an_organization("acme")  # wrong
    sentry.add_a_member_to_an_organization("acme", "ada@example.com")  # wrong
    sentry.add_a_member_to_an_organization("acme", {"email": "ada@example.com"})  # wrong
    sentry.add_a_member_to_an_organization("acme", TeamRoleAssignment("backend", None))  # wrong
    sentry.add_a_member_to_an_organization(None, NewMember(email="ada@example.com"))  # wrong
    sentry.add_a_member_to_an_organization("acme", NewMember())  # wrong
    sentry.add_a_member_to_an_organization("acme", NewMember(emial="ada@example.com"))  # wrong
    sentry.add_a_member_to_an_organization("acme", NewMember(email=5))  # wrong
    NewMember(email="ada@example.com", org_role="god")  # wrong
    NewMember(email="ada@example.com", team_roles=None)  # wrong
    NewMember(email="ada@example.com", team_roles=[team])  # wrong
    TeamRoleAssignment(team_slug="backend")  # wrong
    TeamRoleAssignment(team_slug="backend", role="captain")  # wrong


def join(sentry: SentryMembers, outcome: Outcome) -> None:
    if outcome:
        sentry.add_an_organization_member_to_a_team("acme", 8, "backend")  # wrong
    print(outcome.team)  # wrong
    sentry.add_an_organization_member_to_a_team("acme", "8")  # wrong


def fail(error: ApiError) -> None:
    ApiError("from a test", status=404)  # wrong
    NoAnswerError("from a test", may_have_arrived="yes")  # wrong
    print(error.state)  # wrong
