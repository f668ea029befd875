"""Onboard a number of people as `sentry-members onboard` does, and print what that took.

Run as `python -m tests.benchmarks.onboarding memory 1000`, it prints the peak memory in MiB; every
response is built in the process. As `… rate 400` it sends to a fake with a rate limit on loopback,
and prints how many were invited in a second, and how many requests were rejected.
"""

import asyncio
import json
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
from sentry_members import AsyncSentryMembers
from sentry_members_onboarding import ResultsFile, onboard, read_people
from sentry_members_testing import FakeSentry

from tests.benchmarks.worker import mebibytes
from tests.support.recordings import bodies

RATE_LIMIT = 40
[MEMBER, *_] = bodies("addAMemberToAnOrganization", 201)


def respond(request: httpx.Request) -> httpx.Response:
    """Respond to every invite, and store nothing."""
    return httpx.Response(201, json=MEMBER | {"email": json.loads(request.content)["email"]})


async def invite(count: int, **options: Any) -> float:
    """Onboard people, and return how many were invited in a second after the first."""
    rows = (f"person-{number}@example.com,member,backend frontend\n" for number in range(count))
    people = read_people(BytesIO(b"email,org_role,teams\n" + "".join(rows).encode()))
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncSentryMembers(**options) as sentry:
            with ResultsFile(Path(folder, "results.csv"), sentry.url, "acme") as results_file:
                results = onboard(sentry, "acme", people, results_file)
                assert "invited" == (await anext(results)).outcome
                start = perf_counter()
                assert {("invited", None)} == {(r.outcome, r.error) async for r in results}
                return (count - 1) / (perf_counter() - start)


def main(measured: str, people: int) -> None:
    if measured == "memory":
        asyncio.run(invite(people, token="sntryu_x", transport=httpx.MockTransport(respond)))
        print(mebibytes("self", "VmHWM"))
    else:
        fake = FakeSentry.example()
        fake.limit_requests(RATE_LIMIT)
        token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
        with fake.serve() as url:
            print(asyncio.run(invite(people, token=token, url=url)))
        print(sum(request.status == 429 for request in fake.requests))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
