"""Onboard a number of people, and print the peak memory of that, in MiB.

Run as `python -m tests.benchmarks.onboarding 1000`. Everything is done as by
`sentry-members onboard`, except that no network is used: every response is built in the process.
"""

import asyncio
import json
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import httpx
from sentry_members import AsyncSentryMembers, NewMember, SentryMembers
from sentry_members_onboarding import ResultsFile, onboard, read_people
from sentry_members_testing import FakeSentry

from tests.benchmarks.memory import mebibytes


def transport() -> httpx.MockTransport:
    """Return a transport that responds to every invite as the fake does, but stores nothing."""
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
    with SentryMembers(token=token, transport=fake.transport()) as sentry:
        member = sentry.add_a_member_to_an_organization("acme", NewMember(email="p@example.com"))
    body = json.dumps(member.to_dict()).encode()

    def respond(request: httpx.Request) -> httpx.Response:
        email = json.loads(request.content)["email"]
        return httpx.Response(201, content=body.replace(b"p@example.com", email.encode()))

    return httpx.MockTransport(respond)


async def onboard_people(count: int, folder: str) -> None:
    rows = (f"person-{number}@example.com,member,backend frontend\n" for number in range(count))
    people = read_people(BytesIO(b"email,org_role,teams\n" + "".join(rows).encode()))
    sentry = AsyncSentryMembers(token="sntryu_x", transport=transport())
    with ResultsFile(Path(folder, "people.results.csv"), sentry.url, "acme") as results_file:
        results = onboard(sentry, "acme", people, results_file)
        assert {("invited", None)} == {(r.outcome, r.error) async for r in results}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(onboard_people(int(sys.argv[1]), folder))
    print(mebibytes("VmHWM"))
