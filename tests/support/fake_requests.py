"""Sends requests for the two operations to a fake Sentry."""

from collections.abc import Iterable
from typing import Any

import httpx
from sentry_members_testing import FakeSentry

from tests.support.new_member import REQUIRED

INVITES = "/api/0/organizations/{}/members/"
TEAMS = "/api/0/organizations/{}/members/{}/teams/{}/"


class Clock:
    """A clock that stands still until `now` is set."""

    def __init__(self, now: float = 1_800_000_000.25) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def client(fake: FakeSentry, token: str | None = None) -> httpx.Client:
    """Return an HTTP client of a fake that sends this token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(
        transport=fake.transport(), base_url="https://sentry.example", headers=headers
    )


def invite(
    fake: FakeSentry,
    organization: str = "acme",
    owner: str | None = "owner",
    scopes: Iterable[str] = ("member:admin",),
    **body: Any,
) -> httpx.Response:
    """Invite somebody, with a token of this owner; of an integration if the owner is None."""
    token = fake.issue_token(organization, owner=owner, scopes=scopes)
    body = {**REQUIRED, "email": "ada@x.example", **body}
    return client(fake, token).post(INVITES.format(organization), json=body)


def add(
    fake: FakeSentry,
    organization: str = "acme",
    owner: str | None = "owner",
    scopes: Iterable[str] = ("org:read",),
    name: str = "target",
    team: str = "backend",
) -> httpx.Response:
    """Add a member to a team, with a token of this owner; of an integration if it is None."""
    token = fake.issue_token(organization, owner=owner, scopes=scopes)
    member_id = "me" if name == "me" else fake.member_id(organization, name)
    return client(fake, token).post(TEAMS.format(organization, member_id, team))
