"""What the fake holds: organizations with teams and members, tokens, access requests."""

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
# Sentry's clean-up keeps what has expired for another 30 days unless it is set up otherwise.
_EXPIRED_INVITE_RETENTION = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Member:
    """A member or pending invite of an organization, as it was when `FakeSentry.members` was read.

    `id` is the member id that the operations want. `user_id` is another number, which may be
    somebody else's member id; it is `None` while the invite is pending. `teams` maps team slugs to
    team roles. `invite_sent` says whether `sendInvite` had an e-mail sent, `expired` whether the
    invite was not accepted in time.
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
    """What a 202 leaves behind: the wish to have a member on a team.

    `requester` is the name of the member who asked on somebody else's behalf.
    """

    organization: str
    member_id: str
    team: str
    requester: str | None


@dataclass(slots=True)
class Team:
    """A team of an organization; `member_count` is what its answer says."""

    id: str
    slug: str
    idp_provisioned: bool
    date_created: datetime
    member_count: int = 0


@dataclass(slots=True)
class Organization:
    """An organization with its settings and all that belongs to it."""

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
    # Member ids by name and by e-mail address.
    ids: dict[str, str] = field(default_factory=dict[str, str])

    def get(self, email: str) -> Member | None:
        return self.members.get(self.ids.get(email, ""))

    def has_seat(self, member: Member) -> bool:
        """Whether the plan has a seat for a member: those who were added first have one."""
        if self.member_limit is None:
            return True
        accepted = [each.id for each in self.members.values() if each.user_id is not None]
        return member.id in accepted[: self.member_limit]

    def add(self, member: Member) -> None:
        self.members[member.id] = member
        self.ids[member.name] = self.ids[member.email] = member.id
        # Pending invites count, requests to be invited or to join don't.
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
    """What a token stands for.

    `owner` is a user's e-mail address. `scopes` are those that the server counts.
    """

    kind: TokenKind
    organization: str
    owner: str | None
    scopes: frozenset[str]
    expired: bool

    @property
    def caller(self) -> str:
        """Whom Sentry counts requests and invites of: a user, whatever the token."""
        return self.owner or self.organization


Row = TypeVar("Row", Organization, Team)


class State:
    """All of it; `is_current` tells which server it is the state of."""

    def __init__(self, version: Version, clock: Callable[[], float]) -> None:
        self.is_current = version == "current"
        self.clock = clock
        self.organizations: dict[str, Organization] = {}
        self.access_requests: dict[tuple[str, str], AccessRequest] = {}
        # The accounts with these e-mail addresses.
        self.suspended: set[str] = set()
        self.without_2fa: set[str] = set()
        self.member_ids = map(str, count(1))
        self.team_ids = map(str, count(1))
        self._user_ids: dict[str, str] = {}
        self._tokens: dict[bytes, Token] = {}
        # All invites, the oldest first.
        self._invites: deque[Member] = deque()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def user_id(self, email: str) -> str:
        # Seldom equal to the member id, as on a server, so that mixing them up shows.
        return self._user_ids.setdefault(email, str(len(self._user_ids) + 3))

    def members(self) -> list[Member]:
        """All members, pending invites and requests."""
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

    def find(self, rows: Mapping[str, Row], id_or_slug: str) -> Row:
        """The organization or team that a path names; `Refused` if there is none."""
        for row in rows.values():
            if id_or_slug == row.slug or (id_or_slug == row.id and self.is_current):
                return row
        raise Refused(404, NOT_FOUND)

    def issue(self, token: Token) -> str:
        """The text of a new token, of which only a digest is kept."""
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
