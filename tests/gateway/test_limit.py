"""The gateway forwards 40 requests a second, from all callers together."""

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
QUEUE = 100
BURST = 180


def burst(gate: Gateway, count: int) -> list[tuple[int, Message, bytes]]:
    """Send this many requests before reading any response; return status, headers and body."""
    head = f"POST {JOIN} HTTP/1.1\r\nHost: x\r\nX-Gateway-Key: {gate.key}\r\n\r\n".encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(gate.connection()) for _ in range(count)]
        for connection in connections:
            connection.sendall(head)
        responses = [stack.enter_context(HTTPResponse(connection)) for connection in connections]
        for response in responses:
            response.begin()
        return [(response.status, response.headers, response.read()) for response in responses]


def test_delays_a_burst_and_rejects_its_end_with_429(
    upstream: Recorder, token: str, tmp_path: Path
) -> None:
    with gateway(tmp_path, sentry_url=upstream.url(), token=token) as gate:
        # Requests without the key don't count.
        for _ in range(BURST):
            assert gate.http.post(JOIN).status_code in (403, 429)
        start = monotonic()
        responses = burst(gate, BURST)
        seconds = monotonic() - start
        assert "" == gate.errors()
    assert {204, 429} == {status for status, _, _ in responses}
    for status, headers, body in responses:
        assert headers["Retry-After"] == ("3" if status == 429 else None)
        if status == 429:
            assert {"gateway", "detail"} == json.loads(body).keys()
            assert "40 requests a second" in json.loads(body)["detail"]
    # One without delay, the queue, and those that were forwarded while the burst arrived.
    passed = len(upstream.requests)
    assert [204] * passed == [status for status, _, _ in responses if status == 204]
    assert passed >= 1 + QUEUE
    # A slow machine only raises this bound. Some tolerance, for nginx counts in whole milliseconds.
    assert passed - 1 <= RATE * (seconds + 0.1)


def test_rejects_more_than_ten_wrong_keys_a_minute_with_429(
    upstream: Recorder, token: str, tmp_path: Path
) -> None:
    with gateway(tmp_path, sentry_url=upstream.url(), token=token) as gate:
        wrong = [gate.http.post(JOIN, headers={"X-Gateway-Key": f"no-{n}"}) for n in range(20)]
        right = gate.http.post(JOIN, headers={"X-Gateway-Key": gate.key})
        logged = gate.log()
    # One more passes every six seconds.
    statuses = [response.status_code for response in wrong]
    assert [403] * 10 == statuses[:10]
    assert statuses[10:].count(429) >= 9
    rejected = wrong[statuses.index(429)]
    assert "6" == rejected.headers["Retry-After"]
    assert rejected.json()["detail"].startswith("The gateway allows 10 wrong keys a minute")
    assert 204 == right.status_code
    assert 1 == len(upstream.requests)
    assert [*statuses, 204] == [line["status"] for line in logged]
