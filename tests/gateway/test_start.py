"""Starting and stopping the gateway, and the settings that it rejects."""

import fcntl
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.gateway import (
    KEY,
    RUN,
    START,
    TOKEN,
    address,
    await_held,
    await_start,
    hold,
    settings,
)
from tests.support.repo_copy import ROOT

OVERLAY = ROOT / "overlays/gateway"


@pytest.fixture(name="environment")
def _environment(tmp_path: Path) -> dict[str, str]:
    return settings(tmp_path)


def start_error(environment: dict[str, str]) -> str:
    """Return the one line that a gateway prints that does not start."""
    run = subprocess.run(
        RUN, env=environment, capture_output=True, text=True, check=False, timeout=20
    )
    assert (1, "") == (run.returncode, run.stdout), run.stderr
    assert TOKEN not in run.stderr
    assert KEY not in run.stderr
    assert [] == os.listdir(environment["TMPDIR"])
    [line] = run.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SENTRY_URL", None, "must be set to the root of a Sentry"),
        ("SENTRY_URL", "", "must be set to the root of a Sentry"),
        ("SENTRY_URL", "sentry.io/api/0/", "without user, path and query"),
        ("SENTRY_URL", "ftp://sentry.io", "must be set to the root of a Sentry"),
        ("SENTRY_URL", "https://", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io/api/0/", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io?a=1", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io#a", "without user, path and query"),
        ("SENTRY_URL", f"https://{KEY}@sentry.io", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io;", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io\nx", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io:", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io:0", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io:abc", "without user, path and query"),
        ("SENTRY_URL", "https://sentry.io:65536", "without user, path and query"),
        ("SENTRY_URL", "https://:443", "without user, path and query"),
        ("SENTRY_URL", "https://[::1]", "must have the name of the host, not an IPv6 address"),
        ("SENTRY_URL", "[2001:db8::1]:443", "must have the name of the host, not an IPv6 address"),
        ("SENTRY_URL", "http://sentry.io", "would send the token unencrypted: use https"),
        ("SENTRY_URL", "http://127.evil.example", "would send the token unencrypted: use https"),
        ("SENTRY_URL", "http://localhost.example", "would send the token unencrypted: use https"),
        ("SENTRY_URL", "http://sentry.localhost", "would send the token unencrypted: use https"),
        ("SENTRY_AUTH_TOKEN", None, "is not set: give a user auth token"),
        ("SENTRY_AUTH_TOKEN", "", "is not set: give a user auth token"),
        ("SENTRY_AUTH_TOKEN", " \n", "is not set: give a user auth token"),
        ("SENTRY_AUTH_TOKEN", f"{TOKEN} {TOKEN}", "has a character that no token has"),
        ("SENTRY_AUTH_TOKEN", f'{TOKEN}"', "has a character that no token has"),
        ("SENTRY_AUTH_TOKEN", f"{TOKEN}\n{TOKEN}", "has a character that no token has"),
        ("SENTRY_AUTH_TOKEN", "$TOKEN", "has a character that no token has"),
        ("SENTRY_AUTH_TOKEN", "sntrys_abc", "can do neither operation"),
        ("SENTRY_AUTH_TOKEN_FILE", "/none", "exclude each other"),
        ("GATEWAY_KEY", None, "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", "", "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", KEY[:21], "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", "abcdefg" * 10, "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", f"{KEY} {KEY}", "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", f"#{KEY}", "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", f'{KEY}"', "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", f"{KEY}$", "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", f"{KEY}ä", "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_KEY", f"{KEY}\n{KEY}", "is missing or weak: it must be at least 22 random"),
        ("GATEWAY_LISTEN", None, "must be an address and a port"),
        ("GATEWAY_LISTEN", "127.0.0.1", "must be an address and a port"),
        ("GATEWAY_LISTEN", "127.0.0.1:0", "must be an address and a port"),
        ("GATEWAY_LISTEN", "127.0.0.1:http", "must be an address and a port"),
        ("GATEWAY_LISTEN", "127.0.0.1:80 ssl", "must be an address and a port"),
        ("GATEWAY_LISTEN", "127.0.0.1:65536", "must be an address and a port"),
        ("GATEWAY_LISTEN", f"127.0.0.1:{'9' * 5000}", "must be an address and a port"),
        ("GATEWAY_LISTEN", ":8080", "must be an address and a port"),
        ("GATEWAY_LISTEN", "192.0.2.1:8080", "can't listen at GATEWAY_LISTEN=192.0.2.1:8080"),
        ("GATEWAY_PAGE", None, "must be the absolute path of the reference page's folder"),
        ("GATEWAY_PAGE", "page", "must be the absolute path of the reference page's folder"),
        ("GATEWAY_PAGE", '/"', "must be the absolute path of the reference page's folder"),
        ("GATEWAY_PAGE", "/a\nb", "must be the absolute path of the reference page's folder"),
        ("GATEWAY_PAGE", "/none", "there is no /none/index.html that can be read"),
        ("GATEWAY_ALLOW_ORIGIN", "*", "must be one origin"),
        ("GATEWAY_ALLOW_ORIGIN", "null", "must be one origin"),
        ("GATEWAY_ALLOW_ORIGIN", "docs.example.com", "must be one origin"),
        ("GATEWAY_ALLOW_ORIGIN", "https://", "must be one origin"),
        ("GATEWAY_ALLOW_ORIGIN", "https://docs.example.com/", "must be one origin"),
        ("GATEWAY_ALLOW_ORIGIN", "https://a.example https://b.example", "must be one origin"),
        ("GATEWAY_CA_FILE", "/none.pem", "can't be read: /none.pem"),
        ("GATEWAY_CA_FILE", "ca.pem", "must be an absolute path"),
        ("GATEWAY_CA_FILE", "/etc", "can't be read: /etc"),
        ("GATEWAY_CA_FILE", '/none"', "without quotes"),
    ],
)  # fmt: skip
def test_rejects_a_setting_and_names_it(
    name: str, value: str | None, message: str, environment: dict[str, str]
) -> None:
    if value is None:
        del environment[name]
    else:
        environment[name] = value
    line = start_error(environment)
    assert line.startswith("gateway: ")
    assert name in line
    assert message in line


def test_reports_a_port_in_use(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        environment["GATEWAY_LISTEN"] = f"127.0.0.1:{other.getsockname()[1]}"
        assert "Address already in use" in start_error(environment)


def test_reports_a_missing_nginx(environment: dict[str, str]) -> None:
    environment["PATH"] = "/nowhere"
    assert "gateway: nginx is not installed (on Debian: apt install nginx)" == start_error(
        environment
    )


@pytest.mark.parametrize(
    "more",
    [
        {"SENTRY_URL": "https://127.0.0.1:9000/"},
        {"SENTRY_URL": "http://localhost:9000"},
        {"SENTRY_URL": " 127.0.0.1:9000/\n", "SENTRY_AUTH_TOKEN": f"\t{TOKEN}\r\n"},
        {"GATEWAY_KEY": f"\n{KEY}\r\n", "SENTRY_CUSTOM_HEADERS": " ; X-A: 1;\nX-B: 2\n"},
        {"SENTRY_URL": "http://[::1]:9000", "SENTRY_AUTH_TOKEN": "0" * 64},
        {"GATEWAY_KEY": "key-4712" * 25},
        {"SENTRY_AUTH_TOKEN": "a" * 500, "GATEWAY_ALLOW_ORIGIN": "http://localhost:3000"},
        {"SOMETHING": "\udcff", "request": "evil", "status": "200"},
    ],
    ids=str,
)
def test_starts_with_other_valid_settings(
    more: dict[str, str], environment: dict[str, str]
) -> None:
    process = subprocess.Popen(RUN, env=environment | more)
    await_start(environment, process)
    with socket.create_connection(address(environment)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
    process.terminate()
    assert 0 == process.wait(START)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_on_a_signal_and_leaves_no_files(
    number: signal.Signals, environment: dict[str, str]
) -> None:
    process = subprocess.Popen(RUN, env=environment, stderr=subprocess.PIPE)
    assert process.stderr
    url = f"http://{environment['GATEWAY_LISTEN']}"
    assert process.stderr.readline().startswith(f"gateway: at {url} ".encode())
    assert [] != os.listdir(environment["TMPDIR"])
    process.send_signal(number)
    assert b"" == process.communicate(timeout=START)[1]
    assert 0 == process.returncode
    assert [] == os.listdir(environment["TMPDIR"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(environment))


def test_stops_on_ctrl_c_while_it_reads_its_settings(environment: dict[str, str]) -> None:
    file = hold(environment, "awk")
    file.touch()
    process = subprocess.Popen(RUN, env=environment, stderr=subprocess.PIPE)
    await_held(file)
    process.send_signal(signal.SIGINT)
    try:
        assert 0 == process.wait(START)
    finally:
        file.unlink()
    assert b"" == process.communicate()[1]


def test_runs_in_a_folder_whose_name_is_a_pattern(environment: dict[str, str]) -> None:
    environment["TMPDIR"] += "/[a]\\"
    os.mkdir(environment["TMPDIR"])
    process = subprocess.Popen(RUN, env=environment)
    await_start(environment, process)
    process.terminate()
    assert 0 == process.wait(START)


def test_reports_that_it_has_no_place_for_its_log(environment: dict[str, str]) -> None:
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *RUN]
    run = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=START
    )
    assert 1 == run.returncode
    [line] = run.stderr.splitlines()
    assert line.startswith("gateway: standard output is closed: ")


def test_stops_if_its_log_cannot_be_written(environment: dict[str, str]) -> None:
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(RUN, env=environment, stdout=full, stderr=subprocess.PIPE)
    await_start(environment, process)
    with socket.create_connection(address(environment)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
    message = b"gateway: stopping, its log can't be written: No space left on device"
    assert message == process.communicate(timeout=START)[1].splitlines()[-1]
    assert [] == os.listdir(environment["TMPDIR"])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(environment))


def test_stops_though_nobody_reads_its_log(environment: dict[str, str]) -> None:
    read, write = os.pipe()
    os.write(write, bytes(fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)))  # It is full now.
    process = subprocess.Popen(RUN, env=environment, stdout=write, stderr=subprocess.PIPE)
    assert process.stderr
    process.stderr.readline()
    with socket.create_connection(address(environment)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
    try:
        process.terminate()
        assert 0 == process.wait(START)
    finally:
        os.close(read)
        os.close(write)
    assert b"" == process.communicate()[1]


def test_says_where_it_is_at_every_address_of_ipv6(environment: dict[str, str]) -> None:
    """There `localhost` may be 127.0.0.1 alone."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
            port = probe.getsockname()[1]
    except OSError:
        pytest.skip("this machine has no IPv6")
    environment["GATEWAY_LISTEN"] = f"[::]:{port}"
    process = subprocess.Popen(RUN, env=environment, stderr=subprocess.PIPE)
    assert process.stderr
    assert process.stderr.readline().startswith(f"gateway: at http://[::1]:{port} ".encode())
    process.terminate()
    assert b"" == process.communicate(timeout=START)[1]


def test_reports_that_it_cannot_write(environment: dict[str, str]) -> None:
    command = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *RUN]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    [line] = run.stderr.splitlines()
    assert line.startswith("gateway: can't write its temporary files: ")


def test_exits_with_nginx_whose_environment_has_no_secrets(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "nginx").write_text("#!/bin/sh\nenv\nexit 3\n")
    (tmp_path / "nginx").chmod(0o755)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    run = subprocess.run(
        RUN, env=environment, capture_output=True, text=True, check=False, timeout=START
    )
    assert 3 == run.returncode
    assert "PATH=" in run.stdout
    assert TOKEN not in run.stdout
    assert KEY not in run.stdout
    assert [] == os.listdir(environment["TMPDIR"])
