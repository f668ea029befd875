"""`make bench` measures, and its opponents do the same work. No test depends on speed."""

import asyncio
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import bench, figures
from tests.benchmarks.figures import Limit, table
from tests.benchmarks.opponents import OPPONENTS
from tests.support import programs
from tests.support.raw_server import recorder
from tests.support.recordings import bodies
from tests.support.repo_copy import Tree

ADDED = bodies("addAMemberToAnOrganization", 201)[0]
JOINED = bodies("addAnOrganizationMemberToATeam", 201)[0]


def rows(text: str) -> list[list[str]]:
    """Return the first two cells of each row of a table."""
    lines = re.findall(r"^\|( [^-].+)\|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split("|")[:2]] for line in lines]


@pytest.mark.slow
def test_measures_and_publishes_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the least effort, in the README and in place of the same figures."""
    programs.find("nginx")
    readme, picture = tmp_path / "README.md", tmp_path / "speed.svg"
    committed = bench.README.read_text("utf-8")
    readme.write_text(committed, "utf-8")
    monkeypatch.setattr(bench, "README", readme)
    monkeypatch.setattr(bench, "PICTURE", picture)
    monkeypatch.setattr(bench, "PROCESSES", 1)
    make = Tree.make
    monkeypatch.setattr(Tree, "make", lambda tree, verb: make(tree, "--dry-run", verb))
    own = dict.fromkeys(bench.ENVIRONMENTS, Path(sys.executable))
    bench.write_readme(bench.measure(own, seconds=0, share=0.001))
    written = readme.read_text("utf-8")
    assert rows(committed) == rows(written)
    assert committed.partition(bench.MARKS[0])[0] == written.partition(bench.MARKS[0])[0]
    assert committed.partition(bench.MARKS[1])[2] == written.partition(bench.MARKS[1])[2]
    assert "</svg>" in picture.read_text("utf-8")


async def results_of(name: str, url: str) -> list[Any]:
    """Return what an opponent's calls return, or raise."""
    results: list[Any] = []
    async with OPPONENTS[name](url) as calls:
        for call in calls:
            try:
                result = call(7)
                results.append(await result if inspect.isawaitable(result) else result)
            except Exception as error:  # noqa: BLE001 - each opponent has its own
                results.append(error)
    return results


@pytest.mark.parametrize("name", OPPONENTS)
def test_an_opponent_sends_the_same_requests_and_parses_the_response(name: str) -> None:
    with recorder() as server:
        server.respond(201, json.dumps(ADDED | JOINED).encode(), Content_Type="application/json")
        for result in asyncio.run(results_of(name, server.url())):
            parsed = (
                result if isinstance(result, dict) else getattr(result, "team", result).to_dict()
            )
            assert JOINED["slug"] == parsed["slug"]
        (head, body), (team_head, team_body) = server.requests
    assert head.startswith(b"POST /api/0/organizations/acme/members/ ")
    assert team_head.startswith(b"POST /api/0/organizations/acme/members/7/teams/backend/ ")
    assert b"Bearer sntryu_0123" in head
    assert b"Bearer sntryu_0123" in team_head
    roles = [{"teamSlug": "backend", "role": "contributor"}]
    sent = {"email": "p7@example.com", "orgRole": "member", "teamRoles": roles}
    assert (sent, b"") == (json.loads(body), team_body)


@pytest.mark.parametrize("name", OPPONENTS)
def test_an_opponent_raises_an_error_response(name: str) -> None:
    with recorder() as server:
        server.respond(400, b'{"detail": "Refused."}', Content_Type="application/json")
        for error in asyncio.run(results_of(name, server.url())):
            assert isinstance(error, Exception)
            assert "400" in str(error)


def test_table_says_whether_a_limit_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = (
        Limit("held", "one", 2),
        Limit("over", "one", 1.9),
        Limit("noisy", "one", 9),
        Limit("rate", "permitted", 0.97, unit="/s"),
        Limit("more", "less", 1, is_difference=True, unit="MiB"),
        Limit("alone", "", 1.5),
    )
    samples: figures.Samples = {"held": [2, 2], "over": [2, 2], "noisy": [1, 2], "one": [1, 1]}
    samples |= {"rate": [39], "permitted": [40], "more": [4], "less": [2], "alone": [0.5]}
    monkeypatch.setattr(figures, "LIMITS", limits)
    assert [
        "| held | one | 2.00 s | 1.00 s | 2.00 | 2.00 to 2.00 | at most 2.00 | held |",
        "| over | one | 2.00 s | 1.00 s | 2.00 | 2.00 to 2.00 | at most 1.90 | **over** |",
        "| noisy | one | 1.50 s | 1.00 s | 1.50 | 1.25 to 1.75 | at most 9.00 | noisy |",
        "| rate | permitted | 39.00 /s | 40.00 /s | 0.97 | | at least 0.97 | held |",
        "| more | less | 4.00 MiB | 2.00 MiB | 2.00 MiB | | at most 1.00 MiB | **over** |",
        "| alone | | 500 ms | | 500 ms | | at most 1.50 s | held |",
        "",
        "6 figures: 3 held, 2 **over**, 1 noisy.",
    ] == re.sub(" +", " ", table(samples)).splitlines()[2:]
