"""The token and the key appear in nothing that others can read."""

import shutil
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.gateway import KEY, Gateway, gateway
from tests.support.raw_server import Recorder

INVITE = "/api/0/organizations/acme/members/"
JOIN = "/api/0/organizations/acme/members/8/teams/backend/"


@pytest.fixture
def used(upstream: Recorder, token: str, tmp_path: Path) -> Generator[Gateway]:
    """A gateway after all sorts of requests; the file `responses` holds the bodies it sent."""
    with gateway(tmp_path, sentry_url=upstream.url(), token=token) as gate:
        key = {"X-Gateway-Key": gate.key}
        responses = b""
        for status, size in ((201, 2), (403, 0), (500, 4_000_000)):
            upstream.respond(status, b"x" * size)
            responses += gate.http.post(JOIN, headers=key).content
        for broken in (b"", b"HTTP/1.1 200 OK\r\nbad\0: x\r\n\r\n"):
            upstream.break_off(broken)
            responses += gate.http.post(JOIN, headers=key).content
        upstream.reset()
        for path in (JOIN, f"{JOIN}?key={gate.key}&token={token}", "/", "/none"):
            for method in ("GET", "POST", "TRACE"):
                responses += gate.http.request(method, path, headers=key).content
                responses += gate.http.request(
                    method, path, headers={"X-Gateway-Key": "no"}
                ).content
        for size in (40_000, 65_536, 70_000):
            responses += gate.http.post(INVITE, headers=key, content=b"x" * size).content
        for line in ("Content-Length: 1\r\nContent-Length: 2", "bad\0: x", "X: " + "x" * 40_000):
            head = f"POST {JOIN} HTTP/1.1\r\nHost: x\r\nX-Gateway-Key: {gate.key}\r\n{line}\r\n\r\n"
            responses += gate.send(head.encode())[2]
        (gate.folder / "responses").write_bytes(responses)
        yield gate


def test_no_log_response_or_file_holds_a_secret(used: Gateway, token: str) -> None:
    [running] = (used.folder / "temporary").iterdir()
    assert 10 < len(used.log())
    written = [
        file
        for file in used.folder.rglob("*")
        if file.is_file() and file.parent != running / "conf.d"
    ]
    assert {"stdout", "stderr", "responses", "nginx.pid"} <= {file.name for file in written}
    for file in written:
        content = file.read_bytes()
        assert KEY.encode() not in content, file
        assert token.encode() not in content, file
    assert used.errors()


def test_bodies_are_not_written_to_the_disk(upstream: Recorder, token: str, tmp_path: Path) -> None:
    """The folder for temporary files is gone, so nginx would fail if it needed one."""
    with gateway(tmp_path, sentry_url=upstream.url(), token=token) as gate:
        [running] = (tmp_path / "temporary").iterdir()
        shutil.rmtree(running / "temporary")
        large = b"x" * 32_000_000
        upstream.respond(201, large)
        head = f"POST {INVITE} HTTP/1.1\r\nHost: x\r\nX-Gateway-Key: {gate.key}\r\n"
        head += "Content-Length: 65536\r\n\r\n"
        status, _, body = gate.send(head.encode() + b"x" * 65_536)
        assert (201, len(large)) == (status, len(body))
        assert "" == gate.errors()


def test_only_the_owner_can_read_the_configuration_with_the_secrets(
    used: Gateway, token: str
) -> None:
    [running] = (used.folder / "temporary").iterdir()
    with_token = [
        file
        for file in running.rglob("*")
        if file.is_file() and token.encode() in file.read_bytes()
    ]
    assert ["default.conf"] == [file.name for file in with_token]
    assert 0o600 == stat.S_IMODE(with_token[0].stat().st_mode)
    assert 0o700 == stat.S_IMODE(running.stat().st_mode)


def test_no_process_shows_a_secret(used: Gateway, token: str) -> None:
    processes = used.processes()
    assert 2 <= len(processes)
    for process in processes:
        visible = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert b"nginx: " in visible
        assert KEY.encode() not in visible
        assert token.encode() not in visible
    arguments = Path(f"/proc/{used.pid}/cmdline").read_bytes()
    assert KEY.encode() not in arguments
    assert token.encode() not in arguments
