"""Requests that two servers could interpret differently: none is forwarded to Sentry."""

import json

import pytest

from tests.support.gateway import KEY, Gateway
from tests.support.raw_server import Recorder

INVITE = "/api/0/organizations/acme/members/"
CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"
# A second request, hidden in what could be taken for the body of the first.
HIDDEN = b"POST /api/0/organizations/acme/members/8/teams/backend/ HTTP/1.1\r\nHost: x\r\n\r\n"


def request(
    *headers: str,
    line: str = f"POST {INVITE} HTTP/1.1",
    host: str = "Host: x\r\n",
    body: bytes = b"",
) -> bytes:
    lines = "".join(f"{header}\r\n" for header in (f"X-Gateway-Key: {KEY}", *headers))
    return f"{line}\r\n{host}{lines}\r\n".encode("latin-1") + body


REQUESTS = {
    "two Content-Length": request("Content-Length: 2", "Content-Length: 2", body=b"{}"),
    "two different Content-Length": request("Content-Length: 0", "Content-Length: 81", body=HIDDEN),
    "a list of Content-Length": request("Content-Length: 2, 2", body=b"{}"),
    "a signed Content-Length": request("Content-Length: +2", body=b"{}"),
    "a negative Content-Length": request("Content-Length: -2", body=b"{}"),
    "a hexadecimal Content-Length": request("Content-Length: 0x2", body=b"{}"),
    "Transfer-Encoding and Content-Length": request(
        "Transfer-Encoding: chunked", "Content-Length: 4", body=CHUNKED
    ),
    "Content-Length and Transfer-Encoding": request(
        "Content-Length: 4", "Transfer-Encoding: chunked", body=CHUNKED
    ),
    "two Transfer-Encoding": request(
        "Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=CHUNKED
    ),
    "a list of Transfer-Encoding": request("Transfer-Encoding: gzip, chunked", body=CHUNKED),
    "an unknown Transfer-Encoding": request("Transfer-Encoding: xchunked", body=CHUNKED),
    "a Transfer-Encoding after a tab": request("Transfer-Encoding:\x0bchunked", body=CHUNKED),
    "a Transfer-Encoding before a blank": request("Transfer-Encoding : chunked", body=CHUNKED),
    "a Transfer-Encoding of HTTP/1.0": request(
        "Transfer-Encoding: chunked", line=f"POST {INVITE} HTTP/1.0", body=CHUNKED
    ),
    "a bad chunk": request("Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"),
    "obs-fold": request("X-A: b", " c"),
    "obs-fold of a Content-Length": request("Content-Length:", " 2", body=b"{}"),
    "obs-fold of a Transfer-Encoding": request(
        "Transfer-Encoding:", "\tchunked", "Content-Length: 4", body=CHUNKED
    ),
    "NUL in a header": request("X-A: \0"),
    "NUL in a header's name": request("X-A\0: b"),
    "NUL in the path": request(line=f"POST {INVITE}\0 HTTP/1.1"),
    "CR in a header": request("X-A: a\rb"),
    "a blank in the path": request(line="POST /api/0/organizations/ac me/members/ HTTP/1.1"),
    "a tab in the path": request(line=f"POST {INVITE}\t HTTP/1.1"),
    "a fragment": request(line=f"POST {INVITE}#x HTTP/1.1"),
    "absolute-form": request(line=f"POST http://x{INVITE} HTTP/1.1"),
    "authority-form": request(line="CONNECT sentry.io:443 HTTP/1.1"),
    "asterisk-form": request(line="POST * HTTP/1.1"),
    "no leading slash": request(line=f"POST {INVITE[1:]} HTTP/1.1"),
    "a lower-case method": request(line=f"post {INVITE} HTTP/1.1"),
    "a method in mixed case": request(line=f"Post {INVITE} HTTP/1.1"),
    "HTTP/0.9 with a version": request(line=f"POST {INVITE} HTTP/0.9"),
    "HTTP/1.2": request(line=f"POST {INVITE} HTTP/1.2"),
    "HTTP/2": request(line=f"POST {INVITE} HTTP/2.0"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another protocol": request(line=f"POST {INVITE} XTTP/1.1"),
    "no Host": request(host=""),
    "two Host": request("Host: y"),
    "a bad Host": request(host="Host: a b\r\n"),
    "an encoded slash": request(line="POST /api/0/organizations/acme%2Fmembers/ HTTP/1.1"),
    "an encoded letter": request(line="POST /api/0/organizations/%61cme/members/ HTTP/1.1"),
    "..": request(line="POST /api/0/organizations/x/../acme/members/ HTTP/1.1"),
    ".. above the root": request(line=f"POST /..{INVITE} HTTP/1.1"),
    ".": request(line="POST /api/0/organizations/acme/./members/ HTTP/1.1"),
    "// within": request(line="POST /api/0/organizations/acme//members/ HTTP/1.1"),
    "// at the start": request(line=f"POST /{INVITE} HTTP/1.1"),
    "a header of 40 KB": request("X-A: " + "a" * 40_000),
    "a path of 40 KB": request(line=f"POST /{'a' * 40_000} HTTP/1.1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_an_ambiguous_request_is_rejected(name: str, gate: Gateway, upstream: Recorder) -> None:
    status, headers, body = gate.send(REQUESTS[name])
    assert status in (400, 404)
    assert "application/json" == headers["Content-Type"]
    assert json.loads(body)["gateway"] is True
    assert ("can't read" in json.loads(body)["detail"]) == (status == 400)
    assert [] == upstream.requests


def test_the_same_request_without_ambiguity_is_forwarded(gate: Gateway, upstream: Recorder) -> None:
    for headers, body in (
        (["Content-Length: 2"], b"{}"),
        (["Transfer-Encoding: chunked"], CHUNKED),
    ):
        assert 204 == gate.send(request(*headers, body=body))[0]
    assert [b"{}", b"{}"] == [body for _, body in upstream.requests]
    assert all(b"Transfer-Encoding" not in head for head, _ in upstream.requests)


def test_a_second_request_on_a_connection_needs_the_key_too(
    gate: Gateway, upstream: Recorder
) -> None:
    gate.send(request("Content-Length: 2", body=b"{}" + HIDDEN))
    gate.send(request("Transfer-Encoding: chunked", body=CHUNKED + HIDDEN))
    gate.send(request(body=HIDDEN))
    assert [b"{}", b"{}", b""] == [body for _, body in upstream.requests]
    assert all(INVITE.encode() in head for head, _ in upstream.requests)


def test_a_request_without_a_version_is_rejected(gate: Gateway, upstream: Recorder) -> None:
    with gate.connection() as connection:
        connection.sendall(f"GET {INVITE}\r\n\r\n".encode())
        response = b""
        while received := connection.recv(65536):
            response += received
    assert json.loads(response)["gateway"] is True
    assert [] == upstream.requests
