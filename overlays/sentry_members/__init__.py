"""Bring people into a Sentry organization and onto its teams.

`SentryMembers` and `AsyncSentryMembers` have one method for each operation of `openapi.yaml`;
`sentry_members.errors` draws the tree of what they raise, `sentry_members.auth` says where the
credentials come from, `sentry_members.scopes` which permission scopes a token needs.
"""

from sentry_members_api.models import (
    Member,
    NewMember,
    OrganizationRole,
    Team,
    TeamRole,
    TeamRoleAssignment,
)
from sentry_members_api.types import UNSET, Unset

from .client import AsyncSentryMembers, SentryMembers
from .errors import ApiError, SentryMembersError
from .results import AccessRequested, Added, AlreadyOnTeam, Outcome
from .scopes import accepted_scopes, asking_scopes

__all__ = [
    "UNSET",
    "AccessRequested",
    "Added",
    "AlreadyOnTeam",
    "ApiError",
    "AsyncSentryMembers",
    "Member",
    "NewMember",
    "OrganizationRole",
    "Outcome",
    "SentryMembers",
    "SentryMembersError",
    "Team",
    "TeamRole",
    "TeamRoleAssignment",
    "Unset",
    "accepted_scopes",
    "asking_scopes",
]
