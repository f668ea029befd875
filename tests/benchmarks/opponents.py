"""Who makes the calls that are measured, each over one client of its own that stays open.

An opponent gives its two calls. A call takes a number, and sends an e-mail address or a member ID
that no other call sends: else a cache of URLs would be measured.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

from tests.benchmarks import handwritten

# What is ours is imported where it is used: of the environments one has httpx and nothing else.

TOKEN = "sntryu_" + "0123456789abcdef" * 4


class Calls(NamedTuple):
    """The two operations; of an async opponent each gives what is to be awaited."""

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
        yield _of_facade(sentry)


@asynccontextmanager
async def facade_async(url: str) -> AsyncGenerator[Calls]:
    from sentry_members import AsyncSentryMembers

    async with AsyncSentryMembers(token=TOKEN, url=url) as sentry:
        yield _of_facade(sentry)


def _of_facade(sentry: Any) -> Calls:
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
