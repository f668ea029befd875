"""40 requests a second for all callers together."""

import json
from contextlib import ExitStack
from http.client import HTTPResponse
from pathlib import Path

from gateway import Gateway, gateway
from recorder import Recorder

JOIN = "/api/0/organizations/acme/members/8/teams/backend/"
RATE = 40
WAITING = 100
AT_ONCE = 180


def burst(gate: Gateway, count: int) -> list[HTTPResponse]:
    """The answers to this many requests, each on a connection of its own."""
    head = f"POST {JOIN} HTTP/1.1\r\nHost: x\r\nX-Gateway-Key: {gate.key}\r\n\r\n".encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(gate.connection()) for _ in range(count)]
        for connection in connections:
            connection.sendall(head)
        answers = [stack.enter_context(HTTPResponse(connection)) for connection in connections]
        for answer in answers:
            answer.begin()
            answer.body = answer.read()  # type: ignore[attr-defined]
        return answers


def test_a_burst_is_slowed_down_and_its_end_is_429(
    upstream: Recorder, token: str, tmp_path: Path
) -> None:
    with gateway(tmp_path, sentry_url=upstream.url(), token=token) as gate:
        # Who has no key is not counted.
        for _ in range(AT_ONCE):
            assert 403 == gate.http.post(JOIN).status_code
        answers = burst(gate, AT_ONCE)
        refused = [answer for answer in answers if answer.status == 429]
        passed = [answer for answer in answers if answer.status == 204]
        assert AT_ONCE == len(refused) + len(passed)
        assert "" == (gate.folder / "stderr").read_text()
    for answer in refused:
        assert "3" == answer.headers["Retry-After"]
        assert json.loads(answer.body)["gateway"] is True  # type: ignore[attr-defined]
    # One at once, those that wait, and as many as have gone by while the burst came.
    seconds = upstream.times[-1] - upstream.times[0]
    assert 1 + WAITING <= len(passed) == len(upstream.requests)
    assert 1 <= len(refused)
    assert len(passed) - 1 <= RATE * (seconds + 0.25)
    # No second saw more than the limit, give or take the scheduling of this machine.
    assert seconds >= WAITING / RATE - 0.25
    assert all("Retry-After" not in answer.headers for answer in passed)
