"""40 requests a second for all callers together."""

import json
from contextlib import ExitStack
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from time import monotonic

from tests.support.gateway import Gateway, gateway
from tests.support.raw_server import Recorder

JOIN = "/api/0/organizations/acme/members/8/teams/backend/"
RATE = 40
WAITING = 100
AT_ONCE = 180


def burst(gate: Gateway, count: int) -> list[tuple[int, Message, bytes]]:
    """Status, headers and body of the answers to so many requests, sent before any is read."""
    head = f"POST {JOIN} HTTP/1.1\r\nHost: x\r\nX-Gateway-Key: {gate.key}\r\n\r\n".encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(gate.connection()) for _ in range(count)]
        for connection in connections:
            connection.sendall(head)
        answers = [stack.enter_context(HTTPResponse(connection)) for connection in connections]
        for answer in answers:
            answer.begin()
        return [(answer.status, answer.headers, answer.read()) for answer in answers]


def test_a_burst_is_slowed_down_and_its_end_is_429(
    upstream: Recorder, token: str, tmp_path: Path
) -> None:
    with gateway(tmp_path, sentry_url=upstream.url(), token=token) as gate:
        # Who has no key is not counted.
        for _ in range(AT_ONCE):
            assert 403 == gate.http.post(JOIN).status_code
        start = monotonic()
        answers = burst(gate, AT_ONCE)
        seconds = monotonic() - start
        assert "" == (gate.folder / "stderr").read_text()
    assert {204, 429} == {status for status, _, _ in answers}
    for status, headers, body in answers:
        assert headers["Retry-After"] == ("3" if status == 429 else None)
        if status == 429:
            assert {"gateway", "detail"} == json.loads(body).keys()
            assert "40 requests a second" in json.loads(body)["detail"]
    # One at once, those that wait, and as many as went by while the burst came.
    passed = len(upstream.requests)
    assert [204] * passed == [status for status, _, _ in answers if status == 204]
    assert passed >= 1 + WAITING
    # nginx counts by a clock of whole milliseconds.
    assert passed - 1 <= RATE * (seconds + 0.1)
