"""The two operations as a good engineer writes them with httpx, without this project.

One client, with the token and finite timeouts, is used for all calls. The status code is checked
and the JSON is parsed; nothing is retried, and nothing is typed.
"""

from typing import Any

import httpx

TIMEOUT = httpx.Timeout(30, connect=5)


def client(url: str, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT)


def async_client(url: str, token: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT)


def add_member(
    http: httpx.Client, organization: str, email: str, role: str, teams: dict[str, str]
) -> Any:
    response = http.post(
        f"/api/0/organizations/{organization}/members/", json=_member(email, role, teams)
    )
    response.raise_for_status()
    return response.json()


def add_to_team(http: httpx.Client, organization: str, member_id: str, team: str) -> Any:
    response = http.post(f"/api/0/organizations/{organization}/members/{member_id}/teams/{team}/")
    response.raise_for_status()
    return response.json() if response.status_code == httpx.codes.CREATED else None


async def async_add_member(
    http: httpx.AsyncClient, organization: str, email: str, role: str, teams: dict[str, str]
) -> Any:
    response = await http.post(
        f"/api/0/organizations/{organization}/members/", json=_member(email, role, teams)
    )
    response.raise_for_status()
    return response.json()


async def async_add_to_team(
    http: httpx.AsyncClient, organization: str, member_id: str, team: str
) -> Any:
    response = await http.post(
        f"/api/0/organizations/{organization}/members/{member_id}/teams/{team}/"
    )
    response.raise_for_status()
    return response.json() if response.status_code == httpx.codes.CREATED else None


def _member(email: str, role: str, teams: dict[str, str]) -> dict[str, Any]:
    team_roles = [{"teamSlug": slug, "role": role} for slug, role in teams.items()]
    return {"email": email, "orgRole": role, "teamRoles": team_roles}
