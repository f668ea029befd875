"""Named keys: whose request it is, and how a key is added and revoked without a restart."""

import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from tests.support import programs
from tests.support.gateway import (
    RUN,
    START,
    TOKEN,
    Gateway,
    await_held,
    gateway,
    hold,
    settings,
)
from tests.support.raw_server import Recorder

JOIN = "/api/0/organizations/acme/members/8/teams/backend/"
ADA = "adas-key-0123456789_ABC"
BOB = "bobs-key-0123456789_ABC"
CARL = "carls-key-0123456789_ABC"
KEYS = f"# name key\n\nada {ADA}\r\n  bob\t{BOB}  "


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text(KEYS)
    return file


@pytest.fixture
def gate(upstream: Recorder, keys_file: Path, tmp_path: Path) -> Generator[Gateway]:
    folder = tmp_path / "gateway"
    folder.mkdir()
    settings = {"GATEWAY_KEY": "", "GATEWAY_KEYS_FILE": str(keys_file)}
    with gateway(folder, sentry_url=upstream.url(), **settings) as running:
        yield running


def post(gate: Gateway, key: str) -> httpx.Response:
    return gate.http.post(JOIN, headers={"X-Gateway-Key": key})


def callers(gate: Gateway) -> list[tuple[Any, ...]]:
    return [(line["caller"], line["status"]) for line in gate.log()]


def test_logs_the_name_of_the_key(gate: Gateway) -> None:
    for key in (ADA, BOB, ADA.upper(), ADA + "x", "x" + ADA, ""):
        post(gate, key)
    assert [("ada", 204), ("bob", 204), *4 * [("", 403)]] == callers(gate)


def test_names_and_keys_that_differ_in_case_are_different(gate: Gateway, keys_file: Path) -> None:
    keys_file.write_text(f"ada {ADA}\nAda {ADA.swapcase()}")
    assert "gateway: reloaded\n" == gate.reload()
    await_status(gate, ADA.swapcase(), 204)
    post(gate, ADA)
    # Until the old process of nginx has ended, two of them write to the log.
    assert any({("Ada", 204), ("ada", 204)} <= {*callers(gate)} for _ in range(100))


def await_status(gate: Gateway, key: str, status: int) -> None:
    """Wait until nginx has taken over a reload: until it responds to this key so."""
    for _ in range(1000):
        if post(gate, key).status_code == status:
            return
    raise AssertionError(f"the gateway does not respond with {status}")


def test_revokes_a_key_under_load_and_loses_no_request_of_another(
    gate: Gateway, upstream: Recorder, keys_file: Path
) -> None:
    statuses: dict[str, Counter[int]] = {ADA: Counter(), BOB: Counter()}
    failures: list[Exception] = []
    is_over = threading.Event()

    def call(key: str) -> None:
        # It sends on a connection that is open without looking whether the other end closes it.
        with closing(HTTPConnection(gate.url.rpartition("/")[2], timeout=START)) as http:
            while not is_over.is_set():
                try:
                    http.request("POST", JOIN, b"{}", {"X-Gateway-Key": key})
                    response = http.getresponse()
                    response.read()
                except (OSError, HTTPException) as error:
                    failures.append(error)
                    http.close()
                else:
                    statuses[key][response.status] += 1

    threads = [threading.Thread(target=call, args=[key]) for key in (ADA, BOB) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        assert "gateway: reloaded\n" == gate.reload()
        await_count(statuses[ADA], 204, 5)
    keys_file.write_text(f"ada {ADA}\n")
    assert "gateway: reloaded\n" == gate.reload()
    await_count(statuses[BOB], 403, 1)
    await_count(statuses[ADA], 204, 5)
    is_over.set()
    for thread in threads:
        thread.join(START)
    assert [] == failures
    assert [204] == [*statuses[ADA]]
    assert statuses[BOB].keys() <= {204, 403, 429}
    assert statuses[ADA][204] + statuses[BOB][204] == len(upstream.requests)
    assert "" == gate.errors().replace("gateway: reloaded\n", "")


def await_count(counter: Counter[int], status: int, more: int) -> None:
    """Wait until this many more responses have a status code."""
    goal = counter[status] + more
    wait = threading.Event().wait
    for _ in range(int(START / 0.01)):
        if counter[status] >= goal:
            return
        wait(0.01)
    raise AssertionError(f"no response has {status}")


BAD_LINES = [
    ("ada", "line 3: it must be a name, a blank and a key"),
    (f"ada {ADA} x", "line 3: it must be a name, a blank and a key"),
    (f'a"da {ADA}x', "line 3: the name must be of A-Z, a-z, 0-9, ., _, @ and -"),
    (f"ädä {ADA}x", "line 3: the name must be of A-Z, a-z, 0-9, ., _, @ and -"),
    (f"carl {ADA}$", "line 3: the key must be of A-Z, a-z, 0-9, _ and -"),
    (f'carl {ADA}";x', "line 3: the key must be of A-Z, a-z, 0-9, _ and -"),
    (f"carl {ADA[:21]}", "line 3: the key is weak: it must be at least 22 random characters"),
    ("carl " + "abc-123" * 9, "line 3: the key is weak: it must be at least 22 random characters"),
    (f"ada {ADA}x", "line 3: the name is that of line 1"),
    (f"carl {BOB}", "line 3: the key is that of line 2"),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES)
def test_does_not_start_with_a_bad_line_and_names_it(
    line: str, message: str, keys_file: Path, tmp_path: Path
) -> None:
    keys_file.write_text(f"ada {ADA}\nbob {BOB}\n{line}\n")
    assert start_error(tmp_path, keys_file).startswith(f"gateway: GATEWAY_KEYS_FILE, {message}")


def start_error(folder: Path, keys_file: Path, **more: str) -> str:
    """Return the one line that a gateway prints that does not start; it must show no key."""
    environment = settings(folder) | {"GATEWAY_KEY": "", "GATEWAY_KEYS_FILE": str(keys_file)}
    run = subprocess.run(
        RUN,
        env=environment | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=START,
    )
    assert (1, "") == (run.returncode, run.stdout)
    assert not any(secret[:20] in run.stderr for secret in (ADA, BOB, TOKEN, "abc-123"))
    [line] = run.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "GATEWAY_KEYS_FILE, there is no key in it"),
        ("# nobody yet\n", "GATEWAY_KEYS_FILE, there is no key in it"),
        (
            # What comes after that many is not read.
            "".join(f"name-{n} {ADA}-{n}\n" for n in range(3000)) + "wrong\n",
            "GATEWAY_KEYS_FILE, it has more than 100,000 characters",
        ),
        (None, "GATEWAY_KEYS_FILE can't be read: "),
    ],
    ids=["empty", "a comment", "too large", "missing"],
)
def test_does_not_start_without_a_usable_file(
    content: str | None, message: str, keys_file: Path, tmp_path: Path
) -> None:
    keys_file.unlink()
    if content is not None:
        keys_file.write_text(content)
    assert start_error(tmp_path, keys_file).startswith(f"gateway: {message}")


def test_a_single_key_and_a_file_exclude_each_other(keys_file: Path, tmp_path: Path) -> None:
    line = start_error(tmp_path, keys_file, GATEWAY_KEY=ADA)
    assert line.startswith("gateway: GATEWAY_KEY and GATEWAY_KEYS_FILE exclude each other")


def test_the_newest_keys_count_after_signals_during_a_reload(
    upstream: Recorder, keys_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "gateway"
    folder.mkdir()
    environment = {"TMPDIR": str(folder / "temporary"), "PATH": programs.PATH}
    file = hold(environment, "env")
    settings = {"GATEWAY_KEY": "", "GATEWAY_KEYS_FILE": str(keys_file)}
    with gateway(folder, sentry_url=upstream.url(), PATH=environment["PATH"], **settings) as gate:
        file.touch()
        os.kill(gate.pid, signal.SIGHUP)
        await_held(file)  # It has read the keys.
        keys_file.write_text(f"ada {ADA}\n")
        os.kill(gate.pid, signal.SIGHUP)
        file.unlink()
        await_lines(folder / "stderr", 3)
        await_status(gate, BOB, 403)


def test_a_signal_during_the_start_is_not_lost(keys_file: Path, tmp_path: Path) -> None:
    environment = settings(tmp_path) | {"GATEWAY_KEY": "", "GATEWAY_KEYS_FILE": str(keys_file)}
    file = hold(environment, "nginx")
    file.touch()
    with (tmp_path / "stderr").open("w") as stderr:
        process = subprocess.Popen(RUN, env=environment, stderr=stderr)
    await_held(file)  # It has read the keys.
    process.send_signal(signal.SIGHUP)
    file.unlink()
    try:
        await_lines(tmp_path / "stderr", 2)
    finally:
        process.terminate()
        process.wait(START)
    assert "gateway: reloaded" == (tmp_path / "stderr").read_text().splitlines()[1]


def await_lines(file: Path, count: int) -> None:
    """Wait until a file has so many lines."""
    end = monotonic() + START
    while (text := file.read_text()).count("\n") < count:
        assert monotonic() < end, text
        sleep(0.01)


@pytest.mark.slow
def test_a_connection_from_before_a_reload_ends_soon(gate: Gateway, keys_file: Path) -> None:
    """It would be served with the old keys."""
    with gate.connection() as connection:
        connection.sendall(f"POST {JOIN} HTTP/1.1\r\n".encode())
        keys_file.write_text(f"ada {ADA}\n")
        gate.reload()
        assert b"" == connection.recv(1)


def test_keeps_the_old_keys_if_the_new_ones_are_bad(gate: Gateway, keys_file: Path) -> None:
    keys_file.write_text(f"carl {ADA}\nbob short-and-secret")
    line, last = gate.reload().splitlines()
    assert line.startswith("gateway: GATEWAY_KEYS_FILE, line 2: the key is weak")
    assert "gateway: not reloaded, the old keys stay" == last
    assert "short-and-secret" not in line
    for key in (ADA, BOB):
        post(gate, key)
    assert [("ada", 204), ("bob", 204)] == callers(gate)


def test_keeps_the_old_keys_if_nginx_refuses_the_new_settings(
    keys_file: Path, tmp_path: Path
) -> None:
    folder, authorities = tmp_path / "gateway", tmp_path / "ca.pem"
    folder.mkdir()
    authorities.write_bytes(Path("/etc/ssl/certs/ca-certificates.crt").read_bytes())
    settings = {"GATEWAY_KEY": "", "GATEWAY_KEYS_FILE": str(keys_file)}
    nowhere = "https://127.0.0.1:9"
    with gateway(folder, sentry_url=nowhere, ca_file=authorities, **settings) as gate:
        keys_file.write_text(f"carl {CARL}")
        authorities.write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
        cause, *_, last = gate.reload().splitlines()
        assert str(authorities) in cause
        assert "gateway: not reloaded, the old keys stay" == last
        assert [502, 403] == [post(gate, key).status_code for key in (ADA, CARL)]


def test_keeps_the_old_keys_while_nginx_is_away(keys_file: Path, tmp_path: Path) -> None:
    """As it is for a moment when its package is upgraded."""
    (tmp_path / "gateway").mkdir()
    nginx = tmp_path / "nginx"
    nginx.symlink_to(programs.find("nginx"))
    settings = {
        "GATEWAY_KEY": "",
        "GATEWAY_KEYS_FILE": str(keys_file),
        "PATH": f"{tmp_path}:/usr/bin:/bin",
    }
    with gateway(tmp_path / "gateway", sentry_url="https://127.0.0.1:9", **settings) as gate:
        nginx.unlink()
        kept = "gateway: not reloaded, the old keys stay: No such file or directory\n"
        assert kept == gate.reload()
        assert 502 == post(gate, ADA).status_code


def test_a_reload_reads_the_token_again(
    upstream: Recorder, keys_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "gateway").mkdir()
    settings = {"SENTRY_AUTH_TOKEN": "", "SENTRY_AUTH_TOKEN_FILE": str(tmp_path / "token")}
    with gateway(tmp_path / "gateway", sentry_url=upstream.url(), **settings) as gate:
        assert 204 == post(gate, gate.key).status_code
        (tmp_path / "token").write_text("sntryi_another")
        assert "gateway: reloaded\n" == gate.reload()
        for _ in range(1000):
            post(gate, gate.key)
            if b"Bearer sntryi_another\r\n" in upstream.requests[-1][0]:
                break
        (tmp_path / "token").unlink()
        assert "SENTRY_AUTH_TOKEN_FILE can't be read" in gate.reload()
    assert f"Bearer {TOKEN}\r\n".encode() in upstream.requests[0][0]
    assert b"Bearer sntryi_another\r\n" in upstream.requests[-1][0]
