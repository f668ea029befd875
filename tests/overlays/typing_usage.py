"""What users write, for the type checkers: it is never run."""

from typing import assert_type

from sentry_members_api import AuthenticatedClient
from sentry_members_api.api.organizations import add_a_member_to_an_organization
from sentry_members_api.models import Member, NewMember, OrganizationRole, TeamRoleAssignment

client = AuthenticatedClient(base_url="https://sentry.io", token="")
response = add_a_member_to_an_organization.sync_detailed(
    "acme",
    client=client,
    body=NewMember(
        email="ada@example.com",
        org_role="member",
        team_roles=[TeamRoleAssignment(team_slug="backend", role=None)],
    ),
)
if isinstance(response.parsed, Member):
    assert_type(response.parsed.id, str)
    assert_type(response.parsed.org_role, OrganizationRole | str)
