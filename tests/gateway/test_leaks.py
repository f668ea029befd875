"""The token and the key are in nothing that nginx writes or shows."""

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
    """A gateway that has been through everything, and the bodies that it answered in `answers`."""
    with gateway(tmp_path, sentry_url=upstream.url(), token=token) as gate:
        key = {"X-Gateway-Key": gate.key}
        answers = b""
        for status, size in ((201, 2), (403, 0), (500, 4_000_000)):
            upstream.respond(status, b"x" * size)
            answers += gate.http.post(JOIN, headers=key).content
        for broken in (b"", b"HTTP/1.1 200 OK\r\nbad\0: x\r\n\r\n"):
            upstream.break_off(broken)
            answers += gate.http.post(JOIN, headers=key).content
        upstream.reset()
        for path in (JOIN, f"{JOIN}?key={gate.key}&token={token}", "/", "/none"):
            for method in ("GET", "POST", "TRACE"):
                answers += gate.http.request(method, path, headers=key).content
                answers += gate.http.request(method, path, headers={"X-Gateway-Key": "no"}).content
        for size in (40_000, 65_536, 70_000):
            answers += gate.http.post(INVITE, headers=key, content=b"x" * size).content
        for line in ("Content-Length: 1\r\nContent-Length: 2", "bad\0: x", "X: " + "x" * 40_000):
            head = f"POST {JOIN} HTTP/1.1\r\nHost: x\r\nX-Gateway-Key: {gate.key}\r\n{line}\r\n\r\n"
            answers += gate.send(head.encode())[2]
        (gate.folder / "answers").write_bytes(answers)
        yield gate


def test_no_log_no_answer_and_no_file_shows_them(used: Gateway, token: str) -> None:
    [running] = (used.folder / "temporary").iterdir()
    assert 10 < len(used.log())
    written = [
        file
        for file in used.folder.rglob("*")
        if file.is_file() and file.parent != running / "conf.d"
    ]
    assert {"stdout", "stderr", "answers", "nginx.pid"} <= {file.name for file in written}
    for file in written:
        content = file.read_bytes()
        assert KEY.encode() not in content, file
        assert token.encode() not in content, file
    assert (used.folder / "stderr").stat().st_size > 0


def test_no_body_goes_by_way_of_the_disk(upstream: Recorder, token: str, tmp_path: Path) -> None:
    """Where nginx would write them it can't."""
    with gateway(tmp_path, sentry_url=upstream.url(), token=token) as gate:
        [running] = (tmp_path / "temporary").iterdir()
        shutil.rmtree(running / "temporary")
        large = b"x" * 32_000_000
        upstream.respond(201, large)
        head = f"POST {INVITE} HTTP/1.1\r\nHost: x\r\nX-Gateway-Key: {gate.key}\r\n"
        head += "Content-Length: 65536\r\n\r\n"
        status, _, body = gate.send(head.encode() + b"x" * 65_536)
        assert (201, len(large)) == (status, len(body))
        assert "" == (gate.folder / "stderr").read_text()


def test_nobody_else_can_read_the_configuration_that_holds_them(used: Gateway, token: str) -> None:
    [running] = (used.folder / "temporary").iterdir()
    holders = [
        file
        for file in running.rglob("*")
        if file.is_file() and token.encode() in file.read_bytes()
    ]
    assert ["default.conf"] == [file.name for file in holders]
    assert 0o600 == stat.S_IMODE(holders[0].stat().st_mode)
    assert 0o700 == stat.S_IMODE(running.stat().st_mode)


def test_no_process_shows_them(used: Gateway, token: str) -> None:
    processes = used.processes()
    assert 2 <= len(processes)
    for process in processes:
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert b"nginx: " in shown
        assert KEY.encode() not in shown
        assert token.encode() not in shown
    listed = (Path(f"/proc/{used.pid}") / "cmdline").read_bytes()
    assert KEY.encode() not in listed
    assert token.encode() not in listed
