"""The caller of a request, and what they may do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from sentry_members_api.models import OrganizationRole, TeamRole

from .messages import Refused, Request, coded_detail, internal_error
from .state import Member, Organization, State, Team, Token

_FORBIDDEN = {"detail": "You do not have permission to perform this action."}


def _scopes(names: str) -> frozenset[str]:
    return frozenset(names.split())


_CONTRIBUTOR = _scopes(
    "org:read member:read team:read project:read project:releases event:read event:write"
    " alerts:read"
)
_TEAM_ADMIN = _CONTRIBUTOR | _scopes(
    "event:admin project:write project:admin org:integrations team:write team:admin alerts:write"
)
_MANAGER = _TEAM_ADMIN | _scopes("org:write member:invite member:write member:admin")
# From the lowest to the highest: nobody gives a role above their own.
ROLE_SCOPES: Mapping[OrganizationRole, frozenset[str]] = {
    "billing": frozenset({"org:billing"}),
    "member": _CONTRIBUTOR | {"event:admin", "alerts:write", "member:invite"},
    "admin": _TEAM_ADMIN | {"member:invite"},
    "manager": _MANAGER,
    "owner": _MANAGER | {"org:admin"},
}
_ADMINS_OF_THEIR_TEAMS = ("admin", "manager", "owner")
_ADMINS_OF_ALL_TEAMS = ("manager", "owner")

SCOPES = sorted(ROLE_SCOPES["owner"] | {"org:ci"})
# On current servers a scope includes those to the left of it.
_HIERARCHY = (
    ("org:read", "org:write", "org:admin"),
    ("team:read", "team:write", "team:admin"),
    ("member:read", "member:invite", "member:write", "member:admin"),
)


def counted_scopes(state: State, scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes that the server grants to a token with these."""
    given = frozenset(scopes)
    if not state.is_current:
        return given - {"member:invite"}
    return given.union(
        *(chain[: chain.index(scope)] for chain in _HIERARCHY for scope in given & set(chain))
    )


def roles(state: State) -> tuple[OrganizationRole, ...]:
    """Return the server's organization roles, from the lowest to the highest."""
    in_contract: tuple[OrganizationRole, ...] = get_args(OrganizationRole)
    ranks = {role: rank for rank, role in enumerate(ROLE_SCOPES)}
    # A role of the contract that ROLE_SCOPES lacks ranks lowest, so that everybody may give it.
    by_rank = sorted(in_contract, key=lambda role: ranks.get(role, -1))
    return tuple(role for role in by_rank if state.is_current or role != "billing")


@dataclass(frozen=True, slots=True)
class Access:
    """A caller in an organization: a member, or `None` for an integration."""

    organization: Organization
    caller: Member | None
    token: Token

    @property
    def scopes(self) -> frozenset[str]:
        """The token's scopes that count in the organization."""
        if self.token.owner is None:
            is_own = self.token.organization == self.organization.slug
            return self.token.scopes if is_own else frozenset()
        # A user of another organization who has a pending invite is not a member yet.
        if self.caller is None or self.caller.user_id is None:
            return frozenset()
        rights = ROLE_SCOPES.get(self.caller.org_role, ROLE_SCOPES["member"])
        return self.token.scopes & rights

    @property
    def own_teams(self) -> Mapping[str, TeamRole]:
        if self.caller is None:
            return {}
        if self.caller.org_role in _ADMINS_OF_THEIR_TEAMS:
            return dict.fromkeys(self.caller.teams, "admin")
        return self.caller.teams

    @property
    def administers_all_teams(self) -> bool:
        return self.caller is not None and self.caller.org_role in _ADMINS_OF_ALL_TEAMS

    @property
    def may_invite(self) -> bool:
        """Whether "Let Members Invite Others" is on, or the caller may manage members."""
        manages_members = not self.scopes.isdisjoint({"member:write", "member:admin"})
        return self.organization.allow_member_invite or manages_members

    def may_invite_to(self, teams: set[str]) -> bool:
        """Whether an invite of the caller may name these teams."""
        # Sentry restricts the teams only while members may invite.
        if self.organization.open_membership or not self.organization.allow_member_invite:
            return True
        return "member:admin" in self.scopes or teams <= set(self.own_teams)

    def may_add_to(self, team: Team) -> bool:
        """Whether the caller may add others to a team; otherwise the call requests access."""
        if self.organization.open_membership or self.administers_all_teams:
            return True
        if self.caller is None:
            return not self.scopes.isdisjoint({"org:write", "team:write"})
        # A team admin's organization role lacks the scope, so only the token's scopes are checked.
        return self.own_teams.get(team.slug) == "admin" and "team:write" in self.token.scopes

    def has_access_to(self, team: Team) -> bool:
        own = team.slug in self.own_teams or self.administers_all_teams
        return own or self.organization.open_membership

    def scopes_on(self, team: Team) -> frozenset[str]:
        role = self.caller.org_role if self.caller else None
        if self.own_teams.get(team.slug) == "admin" or role in _ADMINS_OF_THEIR_TEAMS:
            return _TEAM_ADMIN
        return _CONTRIBUTOR if self.has_access_to(team) else frozenset()


def authenticate(state: State, request: Request) -> Token:
    """Return the token that a request carries; raise `Refused` where it has no valid one."""
    scheme, *credentials = request.headers.get("Authorization", "").split() or [""]
    if scheme.lower() != "bearer":
        raise _unauthorized("Authentication credentials were not provided.")
    if not credentials:
        raise _unauthorized("Invalid token header. No credentials provided.")
    if len(credentials) > 1:
        raise _unauthorized("Invalid token header. Token string should not contain spaces.")
    token = state.token(credentials[0])
    if token is None:
        raise _unauthorized("Invalid token")
    if token.expired:
        raise _unauthorized("Token expired")
    return token


def caller(state: State, request: Request) -> str:
    """Return the caller under whom the rate limiter counts a request."""
    try:
        return authenticate(state, request).caller
    except Refused:
        return "anonymous"


def authorize(state: State, request: Request, accepted: frozenset[str]) -> Access:
    """Return the caller's access to the organization of the request, or raise `Refused`.

    The token needs any one of the accepted scopes.
    """
    invites = request.operation == "add_a_member_to_an_organization"
    token = authenticate(state, request)
    if origin := request.headers.get("Origin"):
        raise Refused(400, f"Invalid origin: {origin}")
    if token.kind == "organization":
        raise Refused(500, internal_error()) if invites and not state.is_current else Refused(401)
    if state.is_current and token.owner in state.suspended:
        raise Refused(403, {"detail": "Your account has been suspended."})
    if not accepted & token.scopes:
        scope = " ".join(sorted(accepted))
        named = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
        raise Refused(403, _FORBIDDEN, named if state.is_current else None)
    organization = state.find(state.organizations, request.arguments[0])
    member = organization.get(token.owner) if token.owner else None
    if state.is_current and member and member.user_id:
        _check_membership(state, organization, member)
    access = Access(organization, member, token)
    if not accepted & access.scopes:
        raise Refused(403, _FORBIDDEN)
    if state.is_current and invites and not access.may_invite:
        raise Refused(403, _FORBIDDEN)
    return access


def _check_membership(state: State, organization: Organization, member: Member) -> None:
    """Raise `Refused` where a member's token is valid but the organization locks them out."""
    if organization.require_2fa and member.email in state.without_2fa:
        message = "Organization requires two-factor authentication to be enabled"
        raise Refused(401, coded_detail("2fa-required", message))
    if not organization.has_seat(member):
        path = f"/organizations/{organization.slug}/disabled-member/"
        message = "Organization over member limit"
        raise Refused(401, coded_detail("member-disabled-over-limit", message, next=path))


def _unauthorized(detail: str) -> Refused:
    return Refused(401, {"detail": detail}, {"WWW-Authenticate": 'xBasic realm="api"'})
