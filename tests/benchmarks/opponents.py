"""The opponents: each makes the measured calls, with one client that stays open.

An opponent yields its two calls. A call takes a number, from which it builds an e-mail address or a
member ID that no other call sends, because otherwise a cache of URLs would be measured.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

from tests.benchmarks import handwritten

# Our packages are imported in functions, because one of the environments has httpx alone.

TOKEN = "sntryu_" + "0123456789abcdef" * 4


class Calls(NamedTuple):
    """The two operations. Those of an async opponent return an awaitable."""

    add_member: Callable[[int], Any]
    add_to_team: Callable[[int], Any]


@asynccontextmanager
async def handwritten_sync(url: str) -> AsyncGenerator[Calls]:
    with handwritten.client(url, TOKEN) as http:
        yield Calls(
            lambda n: handwritten.add_member(
                http, "acme", f"p{n}@example.com", "member", {"backend": "contributor"}
            ),
            lambda n: handwritten.add_to_team(http, "acme", str(n), "backend"),
        )


@asynccontextmanager
async def handwritten_async(url: str) -> AsyncGenerator[Calls]:
    async with handwritten.async_client(url, TOKEN) as http:
        yield Calls(
            lambda n: handwritten.async_add_member(
                http, "acme", f"p{n}@example.com", "member", {"backend": "contributor"}
            ),
            lambda n: handwritten.async_add_to_team(http, "acme", str(n), "backend"),
        )


@asynccontextmanager
async def generated(url: str) -> AsyncGenerator[Calls]:
    from sentry_members_api import AuthenticatedClient
    from sentry_members_api.api.organizations import add_a_member_to_an_organization
    from sentry_members_api.api.teams import add_an_organization_member_to_a_team
    from sentry_members_api.models import NewMember, TeamRoleAssignment

    def add_member(n: int) -> Any:
        response = add_a_member_to_an_organization.sync_detailed(
            "acme",
            client=client,
            body=NewMember(
                email=f"p{n}@example.com",
                org_role="member",
                team_roles=[TeamRoleAssignment(team_slug="backend", role="contributor")],
            ),
        )
        if response.status_code != HTTPStatus.CREATED:
            raise RuntimeError(f"{response.status_code}: {response.content!r}")
        return response.parsed

    def add_to_team(n: int) -> Any:
        response = add_an_organization_member_to_a_team.sync_detailed(
            "acme", str(n), "backend", client=client
        )
        if response.status_code != HTTPStatus.CREATED:
            raise RuntimeError(f"{response.status_code}: {response.content!r}")
        return response.parsed

    with AuthenticatedClient(url, TOKEN, timeout=handwritten.TIMEOUT) as client:
        yield Calls(add_member, add_to_team)


@asynccontextmanager
async def facade_sync(url: str) -> AsyncGenerator[Calls]:
    from sentry_members import SentryMembers

    with SentryMembers(token=TOKEN, url=url) as sentry:
        yield _facade_calls(sentry)


@asynccontextmanager
async def facade_async(url: str) -> AsyncGenerator[Calls]:
    from sentry_members import AsyncSentryMembers

    async with AsyncSentryMembers(token=TOKEN, url=url) as sentry:
        yield _facade_calls(sentry)


def _facade_calls(sentry: Any) -> Calls:
    from sentry_members import NewMember, TeamRoleAssignment

    return Calls(
        lambda n: sentry.add_a_member_to_an_organization(
            "acme",
            NewMember(
                email=f"p{n}@example.com",
                org_role="member",
                team_roles=[TeamRoleAssignment(team_slug="backend", role="contributor")],
            ),
        ),
        lambda n: sentry.add_an_organization_member_to_a_team("acme", str(n), "backend"),
    )
