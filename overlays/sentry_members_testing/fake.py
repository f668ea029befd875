"""`FakeSentry`: its settings, limits and faults, and what it received."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from email.utils import formatdate
from functools import partial
from typing import Self, get_args

import httpx
from sentry_members.scopes import Operation
from sentry_members_api.models import InviteStatus, OrganizationRole, TeamRole

from . import operations, permissions, serving
from .arguments import check, check_counts, check_new
from .faults import Fault, PendingFault, next_fault
from .limits import Limits, bucket_of
from .messages import ReceivedRequest, Request, Response
from .state import AccessRequest, Member, Organization, State, Team, Token, TokenKind, Version


class FakeSentry:
    """Organizations, members, teams and tokens in memory, and the operations on them.

    There are no limits until `limit_requests` or `limit_invites` is called. An invite expires after
    30 days and is deleted 30 days later, as by Sentry's clean-up in its default configuration. All
    methods are thread-safe.

    Args:
        version: The server to imitate: "23.7" is a self-hosted Sentry 23.7.1, "current" is
            sentry.io and current self-hosted servers. In a path, 23.7 accepts only the slugs of
            organizations and teams, current servers their IDs as well.
        clock: Returns seconds since the epoch. It dates the responses, the windows of the rate
            limiter, the days of the invite quota and the age of an invite. With a clock of its own
            a test lets time pass without waiting.

    Raises:
        ValueError: There is no such version. All methods that set something up raise it for bad
            input; the message names the input and the remedy.
    """

    def __init__(
        self, version: Version = "current", *, clock: Callable[[], float] = time.time
    ) -> None:
        check("version", version, get_args(Version))
        self._version = version
        self._clock = clock
        self._lock = threading.Lock()
        self._state = State(version, clock)
        self._limits = Limits(clock, self._state.is_current)
        self._faults: list[PendingFault] = []
        self._requests: list[ReceivedRequest] = []

    @classmethod
    def example(
        cls, version: Version = "current", *, clock: Callable[[], float] = time.time
    ) -> Self:
        """Return a fake with two organizations: `acme`, and `closed`, with Open Membership off.

        Each has the teams `backend`, `frontend` and `idp-team` (managed by an identity provider),
        the members `owner`, `manager`, `member` and `target` (on no team), `teamadmin` (team admin
        of backend) and `onidp` (on idp-team).
        """
        fake = cls(version, clock=clock)
        for organization, open_membership in (("acme", True), ("closed", False)):
            fake.add_organization(organization, open_membership=open_membership)
            fake.add_team(organization, "backend")
            fake.add_team(organization, "frontend")
            fake.add_team(organization, "idp-team", idp_provisioned=True)
            fake.add_member(organization, "owner", role="owner")
            fake.add_member(organization, "manager", role="manager")
            fake.add_member(organization, "member")
            fake.add_member(organization, "teamadmin", teams={"backend": "admin"})
            fake.add_member(organization, "onidp", teams={"idp-team": "contributor"})
            fake.add_member(organization, "target")
        return fake

    def __repr__(self) -> str:
        return f"FakeSentry({self._version!r}, organizations={list(self._state.organizations)})"

    def add_organization(
        self,
        slug: str,
        *,
        open_membership: bool = True,
        allows_inviting: bool = True,
        allow_member_invite: bool = True,
        require_2fa: bool = False,
        team_roles: bool = False,
        member_limit: int | None = None,
    ) -> None:
        """Add an organization, by default with Open Membership on.

        Version 23.7 ignores `allow_member_invite`, `require_2fa` and `member_limit`.

        Args:
            slug: The slug, which names the organization in paths and in the other methods.
            open_membership: The setting "Open Membership".
            allows_inviting: Whether the plan allows invites; otherwise every invite gets 403.
            allow_member_invite: The setting "Let Members Invite Others". If it is off, only callers
                with `member:write` or `member:admin` may invite; others get 403.
            require_2fa: The setting "Require Two-Factor Authentication". If it is on, the tokens of
                members who were added with `has_2fa=False` get 401, `2fa-required`.
            team_roles: Whether the plan has team roles. If so, the organization role "admin" is
                retired: an invite with it gets 400.
            member_limit: The number of seats in the plan. The members who were added first have
                them; the tokens of the others get 401, `member-disabled-over-limit`.

        Raises:
            ValueError: The slug is taken or is not a slug, or the limit is below 0.
        """
        check_counts(0, member_limit=member_limit or 0)
        with self._lock:
            organizations = self._state.organizations
            check_new("organization", slug, organizations)
            organizations[slug] = Organization(
                id=str(len(organizations) + 1),
                slug=slug,
                open_membership=open_membership,
                allows_inviting=allows_inviting,
                allow_member_invite=allow_member_invite,
                require_2fa=require_2fa,
                team_roles=team_roles,
                member_limit=member_limit,
            )

    def add_team(self, organization: str, slug: str, *, idp_provisioned: bool = False) -> None:
        """Add a team to an organization.

        With `idp_provisioned` only an identity provider can add members to the team.

        Raises:
            ValueError: There is no such organization, or the slug is taken or is not a slug.
        """
        with self._lock:
            teams = self._state.organization(organization).teams
            check_new("team", slug, teams)
            teams[slug] = Team(next(self._state.team_ids), slug, idp_provisioned, self._state.now())

    def add_member(
        self,
        organization: str,
        name: str,
        *,
        role: OrganizationRole = "member",
        teams: Mapping[str, TeamRole] | None = None,
        email: str | None = None,
        pending: InviteStatus | None = None,
        has_2fa: bool = True,
        is_suspended: bool = False,
    ) -> str:
        """Add a member, by default one who has accepted the invite.

        Args:
            organization: The organization's slug.
            name: The member's name in `issue_token` and `member_id`.
            role: The organization role.
            teams: The team roles by team slug, such as `{"backend": "admin"}`.
            email: By default `<name>@<organization>.example`. The same address in two organizations
                is the same user.
            pending: "approved" for a pending invite, "requested_to_be_invited" or
                "requested_to_join" for a request that nobody has approved yet.
            has_2fa: Whether the user has two-factor authentication, which an organization can
                require.
            is_suspended: Whether the user's account is suspended, so that their tokens get 403.
                Version 23.7 ignores this.

        Returns:
            The member ID.

        Raises:
            ValueError: There is no such organization, role, team, team role or invite status, the
                role can't hold teams, or the name or address is taken.
        """
        email = email or f"{name}@{organization}.example"
        teams = dict(teams or {})
        check("organization role", role, permissions.roles(self._state))
        check("invite status", pending, (None, *get_args(InviteStatus)))
        if role == "billing" and teams:
            raise ValueError(f"{name!r}: the role 'billing' can't hold teams, leave them out")
        with self._lock:
            self._state.delete_expired_invites()
            found = self._state.organization(organization)
            for team, team_role in teams.items():
                check("team", team, found.teams, "add_team")
                check("team role", team_role, get_args(TeamRole))
            if name in found.ids or email in found.ids:
                raise ValueError(f"{name!r} <{email}> is in {organization!r} already: use others")
            member = Member(
                id=next(self._state.member_ids),
                organization=organization,
                name=name,
                email=email,
                user_id=None if pending else self._state.user_id(email),
                org_role=role,
                teams=teams,
                date_created=self._state.now(),
                invite_status=pending or "approved",
            )
            self._state.add(member)
            if not has_2fa:
                self._state.without_2fa.add(email)
            if is_suspended:
                self._state.suspended.add(email)
        return member.id

    def issue_token(
        self,
        organization: str,
        *,
        owner: str | None = None,
        scopes: Iterable[str] = (),
        kind: TokenKind | None = None,
        expired: bool = False,
    ) -> str:
        """Issue a token.

        Args:
            organization: The slug of the organization of the owner or the integration.
            owner: The name of the member whose user auth token it is.
            scopes: Such as `["org:read", "team:write"]`. On current servers a scope includes lesser
                scopes: `member:admin` includes `member:invite`, `org:write` includes `org:read`.
                Version 23.7 ignores `member:invite`.
            kind: The token kind; by default "user" with an owner, otherwise "integration". An
                "organization" token can do neither operation, whatever its scopes.
            expired: Whether the token is expired, so that it gets 401, `Token expired`.

        Returns:
            The token. The fake itself keeps only a digest of it.

        Raises:
            ValueError: There is no such organization, member, scope or token kind, the owner has
                not accepted the invite yet, or the token kind does not fit the owner.
        """
        kind = kind or ("integration" if owner is None else "user")
        check("token kind", kind, get_args(TokenKind))
        if (kind == "user") != (owner is not None):
            raise ValueError(
                f"kind={kind!r}, owner={owner!r}: a user token has an owner, others have none"
            )
        held = frozenset([scopes] if isinstance(scopes, str) else scopes)
        for scope in held:
            check("scope", scope, permissions.SCOPES)
        with self._lock:
            slug = self._state.organization(organization).slug
            member = self._state.member(organization, owner) if owner is not None else None
            if member and member.user_id is None:
                raise ValueError(f"{owner!r} is a pending invite: use add_member for a user")
            email = member.email if member else None
            counted = permissions.counted_scopes(self._state, held)
            return self._state.issue(Token(kind, slug, email, counted, expired))

    def member_id(self, organization: str, name: str) -> str:
        """Return the ID of a member by name, or of a pending invite by e-mail address.

        Raises:
            ValueError: There is no such organization or member.
        """
        with self._lock:
            self._state.delete_expired_invites()
            return self._state.member(organization, name).id

    def limit_requests(self, per_second: int = 40, concurrent: int = 25) -> None:
        """Switch on the rate limiter of sentry.io.

        It counts by caller: a user, or all integrations of an organization. Adding a member to an
        organization is counted separately; adding to a team is counted together with every other
        POST. Requests above the limit get 429, with a JSON object (from version 23.7 a JSON string)
        sent as text/html, without `Retry-After`. Every response from Sentry itself then has the
        headers `X-Sentry-Rate-Limit-*`, which servers without a rate limiter never send.

        Args:
            per_second: A caller's requests in one second of the clock.
            concurrent: A caller's requests in flight.

        Raises:
            ValueError: One of them is below 1.
        """
        check_counts(per_second=per_second, concurrent=concurrent)
        with self._lock:
            self._limits.requests = (per_second, concurrent)

    def limit_invites(self, per_day: int = 100, per_address: int = 10) -> None:
        """Switch on the invite quota.

        Invites above the quota get 429. Invites with an invalid body don't count, and get 400.

        Args:
            per_day: A caller's, and an organization's, invites in one day of the clock.
            per_address: The invites to an address in an organization in one day, whatever the
                letter case.

        Raises:
            ValueError: One of them is below 0.
        """
        check_counts(0, per_day=per_day, per_address=per_address)
        with self._lock:
            self._limits.invites = (per_day, per_address)

    def fail_next(
        self,
        fault: Fault,
        *,
        times: int | None = 1,
        every: int = 1,
        operation: Operation | None = None,
        seconds: float = 1.0,
    ) -> None:
        """Make the next matching requests fail. Of several pending faults the oldest comes first.

        - 500: Sentry's error, with an `errorId`; 502, 503, 520: a proxy's HTML page. No effect.
        - 504: a proxy's HTML page, too, but the request **takes effect**: the proxy timed out.
        - "apigateway-404", "apigateway-429", "apigateway-503", "apigateway-503-breaker": JSON from
          sentry.io's API gateway, which didn't forward the request. No effect.
        - "apigateway-502", "apigateway-504", and 408 from the control silo behind the gateway: also
          JSON, but the request **takes effect**: the region broke off, or was too slow.
        - "slow": the request takes effect, and the response comes `seconds` late. In-process,
          `httpx.ReadTimeout` is raised immediately if the client's read timeout is shorter.
        - "drop-before", "drop-after": the connection is closed without a response, before or after
          the request takes effect. In-process, `httpx.RemoteProtocolError` is raised.
        - "refused": no connection is made. In-process, `httpx.ConnectError` is raised. A served
          fake can't refuse a single request: it closes the connection as "drop-before" does.

        Args:
            fault: What happens.
            times: How often; None for ever.
            every: 10 for every tenth matching request.
            operation: The operation that fails; by default any.
            seconds: How late a "slow" response is, in seconds.

        Raises:
            ValueError: There is no such fault or operation, `times` or `every` is below 1, or
                `seconds` below 0.
        """
        check("fault", fault, get_args(Fault))
        check("operation", operation, (None, *get_args(Operation)))
        check_counts(every=every, times=1 if times is None else times)
        check_counts(0, seconds=seconds)
        last = None if times is None else times * every
        with self._lock:
            self._faults.append(PendingFault(fault, every, last, operation, seconds))

    @property
    def members(self) -> tuple[Member, ...]:
        """All members and pending invites, in the order in which they were added."""
        with self._lock:
            self._state.delete_expired_invites()
            found = self._state.members()
        return tuple(sorted(found, key=lambda member: int(member.id)))

    @property
    def access_requests(self) -> tuple[AccessRequest, ...]:
        """All access requests, the oldest first; one for each member and team."""
        with self._lock:
            self._state.delete_expired_invites()
            return tuple(self._state.access_requests.values())

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """All requests that reached the fake, in the order of arrival."""
        with self._lock:
            return tuple(self._requests)

    def transport(self) -> httpx.BaseTransport:
        """Return a transport for `httpx.Client` that responds in-process, for any host."""
        return serving.transport(self._handle)

    def async_transport(self) -> httpx.AsyncBaseTransport:
        """Return the same for `httpx.AsyncClient` on asyncio."""
        return serving.async_transport(self._handle)

    def serve(self, port: int = 0) -> AbstractContextManager[str]:
        """Serve HTTP/1.1 on 127.0.0.1 while the context lasts; it yields the server's URL.

        Args:
            port: The port; by default any free one.

        Raises:
            OSError: On entering the context: the port is in use.
            ExceptionGroup: On leaving it: the fake failed to respond to a request.
        """
        return serving.serve(self._handle, port)

    @contextmanager
    def _handle(self, request: Request) -> Generator[Response]:
        """Yield the response to a request, which is in flight until the context ends."""
        operations.identify(request)
        with self._lock:
            self._state.delete_expired_invites()
            bucket = bucket_of(request, permissions.caller(self._state, request))
            headers, refusal = self._limits.limit_request(bucket)
            perform = partial(operations.respond, self._state, self._limits, request)
            fault = None if refusal else next_fault(self._faults, request.operation)
            response = refusal or (fault.apply(perform) if fault else perform())
            if fault is None or fault.is_sentrys_own:
                response.headers |= headers
            response.headers |= {
                "Content-Language": "en",
                "Content-Length": str(len(response.body)),
                "Date": formatdate(self._clock(), usegmt=True),
            }
            if response.lost != "refused":
                self._requests.append(request.received(response.status))
            self._limits.in_flight[bucket] += refusal is None
        try:
            yield response
        finally:
            with self._lock:
                self._limits.in_flight[bucket] -= refusal is None
