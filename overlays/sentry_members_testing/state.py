"""The data of a fake: organizations with teams and members, tokens, access requests."""

import base64
import hashlib
import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal, TypeVar

from sentry_members_api.models import InviteStatus, OrganizationRole, TeamRole

from .arguments import check
from .messages import Refused

Version = Literal["current", "23.7"]
TokenKind = Literal["user", "integration", "organization"]
NOT_FOUND = {"detail": "The requested resource does not exist"}
_INVITE_LIFETIME = timedelta(days=30)
# Sentry's clean-up keeps expired invites for 30 more days, unless it is configured otherwise.
_EXPIRED_INVITE_RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Member:
    """A member or pending invite of an organization, as it was when `FakeSentry.members` was read.

    Attributes:
        id: The member ID, which the operations take.
        organization: The organization's slug.
        name: The name that the member was added by; of an invite the e-mail address.
        email: The e-mail address.
        user_id: The user's ID, which may be the member ID of somebody else; None while the invite
            is pending.
        org_role: The organization role.
        teams: The team roles by team slug.
        date_created: When the member was added or invited.
        invite_status: "approved", or that of a request to be invited or to join.
        inviter_name: The name of the member who sent the invite; None for an integration.
        invite_sent: Whether an e-mail was sent with the invite.
        expired: Whether the invite was not accepted in time.
    """

    id: str
    organization: str
    name: str
    email: str
    user_id: str | None
    org_role: OrganizationRole
    teams: Mapping[str, TeamRole]
    date_created: datetime
    invite_status: InviteStatus = "approved"
    inviter_name: str | None = None
    invite_sent: bool = False
    expired: bool = False

    @property
    def is_invite(self) -> bool:
        """Whether this is an invite that nobody has accepted yet."""
        return self.user_id is None and self.invite_status == "approved"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request to join a team, which a call with the response 202 creates.

    Attributes:
        organization: The organization's slug.
        member_id: The ID of the member who is to join.
        team: The team's slug.
        requester: The name of the member who made the request for somebody else, or None.
    """

    organization: str
    member_id: str
    team: str
    requester: str | None


@dataclass(slots=True)
class Team:
    """A team of an organization; `member_count` is the number that responses show."""

    id: str
    slug: str
    idp_provisioned: bool
    date_created: datetime
    member_count: int = 0


@dataclass(slots=True)
class Organization:
    """An organization with its settings, teams and members."""

    id: str
    slug: str
    open_membership: bool
    allows_inviting: bool
    allow_member_invite: bool
    require_2fa: bool
    team_roles: bool
    member_limit: int | None
    teams: dict[str, Team] = field(default_factory=dict[str, Team])
    members: dict[str, Member] = field(default_factory=dict[str, Member])
    # Member IDs by name and by e-mail address.
    ids: dict[str, str] = field(default_factory=dict[str, str])

    def get(self, email: str) -> Member | None:
        """Return the member or invite with an e-mail address, if there is one."""
        return self.members.get(self.ids.get(email, ""))

    def has_seat(self, member: Member) -> bool:
        """Whether the plan has a seat for a member. Seats go to those who were added first."""
        if self.member_limit is None:
            return True
        accepted = [each.id for each in self.members.values() if each.user_id is not None]
        return member.id in accepted[: self.member_limit]

    def add(self, member: Member) -> None:
        self.members[member.id] = member
        self.ids[member.name] = self.ids[member.email] = member.id
        # Pending invites count as members of a team; requests to be invited or to join don't.
        for team in member.teams:
            self.teams[team].member_count += member.invite_status == "approved"

    def join(self, member: Member, team: Team) -> Member:
        teams: Mapping[str, TeamRole] = {**member.teams, team.slug: "contributor"}
        self.members[member.id] = replace(member, teams=teams)
        team.member_count += member.invite_status == "approved"
        return self.members[member.id]

    def remove(self, email: str) -> None:
        if member := self.get(email):
            del self.members[member.id]
            for key in {member.name, member.email}:
                del self.ids[key]
            for team in member.teams:
                self.teams[team].member_count -= member.invite_status == "approved"


@dataclass(frozen=True, slots=True)
class Token:
    """What the server knows of a token.

    `owner` is the e-mail address of a user, None for an integration. `scopes` are the scopes that
    the server counts.
    """

    kind: TokenKind
    organization: str
    owner: str | None
    scopes: frozenset[str]
    expired: bool

    @property
    def caller(self) -> str:
        """Whose requests and invites are counted together: a user's, or an organization's."""
        return self.owner or self.organization


NamedT = TypeVar("NamedT", Organization, Team)


class State:
    """All data of a fake; `is_current` is false for version 23.7."""

    def __init__(self, version: Version, clock: Callable[[], float]) -> None:
        self.is_current = version == "current"
        self.clock = clock
        self.organizations: dict[str, Organization] = {}
        self.access_requests: dict[tuple[str, str], AccessRequest] = {}
        # The e-mail addresses of accounts.
        self.suspended: set[str] = set()
        self.without_2fa: set[str] = set()
        self.member_ids = map(str, count(1))
        self.team_ids = map(str, count(1))
        self._user_ids: dict[str, str] = {}
        self._tokens: dict[bytes, Token] = {}
        # The oldest invite comes first.
        self._invites: deque[Member] = deque()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def user_id(self, email: str) -> str:
        # Mostly different from the member ID, as on a server, so that mixing them up is noticed.
        return self._user_ids.setdefault(email, str(len(self._user_ids) + 3))

    def members(self) -> list[Member]:
        """Return all members, pending invites and requests."""
        expired_before = self.now() - _INVITE_LIFETIME
        return [
            replace(member, expired=True)
            if member.is_invite and member.date_created <= expired_before
            else member
            for organization in self.organizations.values()
            for member in organization.members.values()
        ]

    def add(self, member: Member) -> None:
        self.organizations[member.organization].add(member)
        if member.is_invite:
            self._invites.append(member)

    def delete_expired_invites(self) -> None:
        """Delete the invites that expired long ago, and the access requests for them."""
        if not self._invites:
            return
        # The invites are in the order of their dates: the first one to keep ends the search.
        kept_after = self.now() - _INVITE_LIFETIME - _EXPIRED_INVITE_RETENTION
        while self._invites and self._invites[0].date_created <= kept_after:
            invite = self._invites.popleft()
            self.organizations[invite.organization].remove(invite.email)
            for key in [key for key in self.access_requests if key[0] == invite.id]:
                del self.access_requests[key]

    def organization(self, slug: str) -> Organization:
        check("organization", slug, self.organizations, "add_organization")
        return self.organizations[slug]

    def member(self, organization: str, name: str) -> Member:
        found = self.organization(organization)
        check("member", name, found.ids, "add_member")
        return found.members[found.ids[name]]

    def find(self, candidates: Mapping[str, NamedT], id_or_slug: str) -> NamedT:
        """Return the organization or team that a path names; raise `Refused` if there is none."""
        for each in candidates.values():
            if id_or_slug == each.slug or (id_or_slug == each.id and self.is_current):
                return each
        raise Refused(404, NOT_FOUND)

    def issue(self, token: Token) -> str:
        """Return the text of a new token, of which only a digest is kept."""
        text = f"sntry{token.kind[0]}_{secrets.token_hex(32)}"
        if token.kind == "organization":
            claims = json.dumps({"url": "https://sentry.example", "org": token.organization})
            text = f"sntrys_{base64.b64encode(claims.encode()).decode()}_{secrets.token_hex(32)}"
        self._tokens[_digest(text)] = token
        return text

    def token(self, text: str) -> Token | None:
        return self._tokens.get(_digest(text))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
