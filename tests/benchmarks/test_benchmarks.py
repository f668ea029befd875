"""`make bench` measures, and its opponents do the same work. No test depends on speed."""

import asyncio
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from sentry_members.errors import SentryMembersError

from tests.benchmarks import bench, environments, opponents
from tests.benchmarks.environments import Pythons
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.measures import ASYNC, SYNC, Effort
from tests.benchmarks.server import serve
from tests.benchmarks.worker import Block, worker
from tests.support import programs
from tests.support.raw_server import recorder
from tests.support.recordings import bodies
from tests.support.repo_copy import Tree

LITTLE = Effort(seconds=0, turns=2, concurrencies=(1, 2, 3, 4, 5), calls=1, group=100, many=100)
RECORDED = {
    "add_member": bodies("addAMemberToAnOrganization", 201)[0],
    "add_to_team": bodies("addAnOrganizationMemberToATeam", 201)[0],
}


def rows(text: str) -> list[list[str]]:
    """Return the first two cells of each row of a table, with every number as N."""
    lines = re.findall(r"^\| ([^-].+) \|$", re.sub(r"[\d,]+", "N", text), re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")[:2]] for line in lines]


def test_prints_and_publishes_every_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With little effort: in print, as JSON, and in the README in place of the same figures."""
    readme, picture, file = (tmp_path / name for name in ("README.md", "speed.svg", "all.json"))
    committed = bench.README.read_text("utf-8")
    readme.write_text(committed, "utf-8")
    monkeypatch.setattr(bench, "README", readme)
    monkeypatch.setattr(bench, "PICTURE", picture)
    monkeypatch.setattr(environments, "make", lambda _: Pythons(*2 * [Path(sys.executable)]))
    make = Tree.make
    monkeypatch.setattr(Tree, "make", lambda tree, verb: make(tree, "--dry-run", verb))
    bench.main(["--json", str(file), "--readme"], LITTLE)

    printed = capsys.readouterr().out
    first, last = bench.MARKS
    before, _, rest = committed.partition(first)
    shown, _, after = rest.partition(last)
    assert f"{before}{first}\n{printed}\n{last}{after}" == readme.read_text("utf-8")
    assert rows(shown) == rows(printed)
    figures = json.loads(file.read_text("utf-8"))["figures"]
    assert len(rows(printed)) == len(["the header"]) + len(figures)
    assert all(figure["ours"] > 0 for figure in figures)
    assert "</svg>" in picture.read_text("utf-8")


async def results_of(name: str, url: str, number: int) -> list[Any]:
    """Return what an opponent's calls of both operations return or raise."""
    results: list[Any] = []
    async with getattr(opponents, name)(url) as calls:
        for call in calls:
            try:
                result = call(number)
                results.append(await result if inspect.isawaitable(result) else result)
            except (httpx.HTTPStatusError, RuntimeError, SentryMembersError) as error:
                results.append(error)
    return results


def test_opponents_send_the_same_requests_and_parse_the_response() -> None:
    response = RECORDED["add_member"] | RECORDED["add_to_team"]
    with recorder() as server:
        server.respond(201, json.dumps(response).encode(), Content_Type="application/json")
        for name in (*SYNC, *ASYNC):
            for result in asyncio.run(results_of(name, server.url(), 7)):
                if not isinstance(result, dict):
                    result = getattr(result, "team", result).to_dict()
                assert response["slug"] == result["slug"], name
        sent = [describe(head, body) for head, body in server.requests]
    opponents = len(SYNC) + len(ASYNC)
    assert opponents * sent[:2] == sent
    assert ["p7@example.com" in sent[0], "/members/7/teams/" in sent[1]] == [True, True]


def describe(head: bytes, body: bytes) -> str:
    """Return the request line, the credential and the body of a request."""
    line, *headers = head.decode().splitlines()
    [token] = [
        value
        for name, _, value in (h.partition(": ") for h in headers)
        if name.lower() == "authorization"
    ]
    return f"{line} {token} {json.dumps(json.loads(body or b'null'), sort_keys=True)}"


def test_a_worker_makes_the_requested_calls() -> None:
    response = RECORDED["add_member"] | RECORDED["add_to_team"]
    names = "handwritten_sync", "handwritten_async"
    with recorder() as server:
        server.respond(201, json.dumps(response).encode(), Content_Type="application/json")
        with worker(Path(sys.executable), server.url(), *names) as process:
            one_by_one, concurrent = (
                [f"{name}.add_member", f"{name}.add_to_team"] for name in names
            )
            assert all(process.seconds(Block(one_by_one, 4), Block(concurrent, 6, concurrency=3)))
            assert 1 < process.memory(Block(one_by_one, 2))
        assert 1 + 3 == server.connections
        sent = [describe(head, body) for head, body in server.requests]
    assert 4 + 6 + 2 == len(sent) == len(set(sent))
    assert 6 == len([line for line in sent if "/teams/" in line])


def test_opponents_raise_error_responses() -> None:
    with recorder() as server:
        server.respond(400, b'{"detail": "Refused."}', Content_Type="application/json")
        for name in (*SYNC, *ASYNC):
            for error in asyncio.run(results_of(name, server.url(), 1)):
                assert "400" in str(error), name


@pytest.mark.parametrize("nginx", [True, False], ids=["nginx", "bundled"])
def test_the_server_sends_recorded_responses(nginx: bool) -> None:
    with serve(str(programs.find("nginx")) if nginx else None) as server:
        assert server.name.startswith("nginx/" if nginx else "the bundled")
        with httpx.Client(base_url=server.url, trust_env=False) as http:
            for _ in range(2):
                added = http.post("/api/0/organizations/acme/members/", json={"email": "é"})
                joined = http.post("/api/0/organizations/acme/members/1/teams/backend/")
                assert RECORDED == {"add_member": added.json(), "add_to_team": joined.json()}
                assert (201, 201) == (added.status_code, joined.status_code)
                assert "GET, POST, HEAD, OPTIONS" == added.headers["Allow"]


def test_table_marks_a_figure_over_its_limit() -> None:
    figures = [
        Figure.ratio("slow", "fast", 1.0, [0.003, 0.002, 0.001], [0.001, 0.001, 0.001]),
        Figure.more("many", "few", 1, 3.5, 2.75),
        Figure.seconds("alone", 2, [1.5]),
    ]
    assert [
        "| work  | against | ours     | theirs   | measured        | quartiles      | at most |",
        "| ----- | ------- | -------- | -------- | --------------- | -------------- | ------- |",
        "| slow  | fast    | 2,000 µs | 1,000 µs | **2.000**, over | 1.500 to 2.500 | 1.00    |",
        "| many  | few     | 3.50 MiB | 2.75 MiB | 0.75 MiB        |                | 1 MiB   |",
        "| alone |         | 1.50 s   |          | 1.50 s          |                | 2 s     |",
        "",
        "2 of 3 figures are within their limits.",
    ] == table(figures).splitlines()


def test_rejects_a_file_that_cannot_be_written_before_measuring(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "figures.json"):
        with pytest.raises(
            SystemExit, match=f"{path} can't be written: name a file in an existing"
        ):
            bench.main(["--json", str(path)])
