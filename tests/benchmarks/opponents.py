"""The opponents: each makes the two calls, with one client that stays open.

A call takes a number, from which it builds an e-mail address or a member ID that no other call
sends, because otherwise a cache of URLs would be measured. Each opponent imports its packages
itself, because the environments of the others lack them.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import import_module
from typing import Any

TOKEN = "sntryu_" + "0123456789abcdef" * 4
MEMBERS = "/api/0/organizations/acme/members/"
TEAM = MEMBERS + "{}/teams/backend/"

Calls = tuple[Callable[[int], Any], Callable[[int], Any]]
"""Adds a member, and adds one to a team. Those of an async opponent return an awaitable."""


def _settings(httpx: Any, url: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return {"base_url": url, "headers": headers, "timeout": httpx.Timeout(30, connect=5)}


def _body(number: int) -> dict[str, Any]:
    teams = [{"teamSlug": "backend", "role": "contributor"}]
    return {"email": f"p{number}@example.com", "orgRole": "member", "teamRoles": teams}


def _read(response: Any) -> Any:
    response.raise_for_status()
    return response.json() if response.content else None


@asynccontextmanager
async def by_hand(library: str, url: str) -> AsyncGenerator[Calls]:
    """Make the calls as a good engineer writes them without this project."""
    httpx = import_module(library)
    with httpx.Client(**_settings(httpx, url)) as http:
        yield (
            lambda n: _read(http.post(MEMBERS, json=_body(n))),
            lambda n: _read(http.post(TEAM.format(n))),
        )


@asynccontextmanager
async def by_hand_async(library: str, url: str) -> AsyncGenerator[Calls]:
    httpx = import_module(library)
    async with httpx.AsyncClient(**_settings(httpx, url)) as http:

        async def post(path: str, json: Any = None) -> Any:
            return _read(await http.post(path, json=json))

        yield lambda n: post(MEMBERS, _body(n)), lambda n: post(TEAM.format(n))


def _model(number: int) -> Any:
    from sentry_members import NewMember, TeamRoleAssignment

    teams = [TeamRoleAssignment(team_slug="backend", role="contributor")]
    return NewMember(email=f"p{number}@example.com", org_role="member", team_roles=teams)


@asynccontextmanager
async def generated(url: str) -> AsyncGenerator[Calls]:
    """Make the calls with the bare generated client."""
    from sentry_members_api import AuthenticatedClient
    from sentry_members_api.api.organizations import add_a_member_to_an_organization as invite
    from sentry_members_api.api.teams import add_an_organization_member_to_a_team as join

    def parsed(response: Any) -> Any:
        if response.status_code != 201:
            raise RuntimeError(f"{response.status_code}: {response.content!r}")
        return response.parsed

    timeout = _settings(import_module("httpx"), url)["timeout"]
    with AuthenticatedClient(url, TOKEN, timeout=timeout) as client:
        yield (
            lambda n: parsed(invite.sync_detailed("acme", client=client, body=_model(n))),
            lambda n: parsed(join.sync_detailed("acme", str(n), "backend", client=client)),
        )


@asynccontextmanager
async def ours(name: str, url: str) -> AsyncGenerator[Calls]:
    """Make the calls with one of our clients, with everything on."""
    sentry = getattr(import_module("sentry_members"), name)(token=TOKEN, url=url)
    yield (
        lambda n: sentry.add_a_member_to_an_organization("acme", _model(n)),
        lambda n: sentry.add_an_organization_member_to_a_team("acme", str(n), "backend"),
    )
    await sentry.aclose() if name.startswith("Async") else sentry.close()


OPPONENTS: dict[str, Callable[[str], AbstractAsyncContextManager[Calls]]] = {
    "sentry-members": partial(ours, "SentryMembers"),
    "httpx": partial(by_hand, "httpx"),
    "httpx2": partial(by_hand, "httpx2"),
    "generated": generated,
    "async sentry-members": partial(ours, "AsyncSentryMembers"),
    "async httpx": partial(by_hand_async, "httpx"),
    "async httpx2": partial(by_hand_async, "httpx2"),
}
