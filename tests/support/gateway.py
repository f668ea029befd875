"""Runs the gateway with the real nginx, as `make gateway` does."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import httpx

from tests.support import programs
from tests.support.repo_copy import ROOT

TOKEN = "sntryu_" + "0123456789abcdef" * 4
KEY = "gateway-key-0123456789_ABC"
RUN = [sys.executable, str(ROOT / "overlays/gateway/run.py")]
START = 30.0  # seconds that `make gateway` may take to start or stop on a busy machine


@dataclass
class Gateway:
    """A running gateway.

    Attributes:
        url: Its root.
        key: The key that callers need.
        folder: Has the access log in `stdout`, the error log in `stderr`, and in `temporary` the
            folder that nginx runs in.
        pid: The process that started nginx.
        http: An HTTP client for it, which doesn't send the key.
    """

    url: str
    key: str
    folder: Path
    pid: int
    http: httpx.Client

    def connection(self) -> socket.socket:
        """Open a connection; the caller closes it."""
        host, _, port = self.url.rpartition("/")[2].rpartition(":")
        return socket.create_connection((host, int(port)), timeout=START)

    def send(self, request: bytes) -> tuple[int, Message, bytes]:
        """Send these bytes; return status code, headers and body of the first response."""
        with self.connection() as connection, closing(HTTPResponse(connection)) as response:
            connection.sendall(request)
            response.begin()
            return response.status, response.headers, response.read()

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the access log for all requests so far, parsed."""
        last = f"/last-{uuid4()}"
        self.http.get(last)
        file, end = self.folder / "stdout", monotonic() + START
        while last not in (log := file.read_text()):
            assert monotonic() < end, "a request is not in the log"
            sleep(0.01)
        return [json.loads(line) for line in log.splitlines() if "/last-" not in line]

    def errors(self) -> str:
        """Return what it has printed to standard error since it said where it is."""
        start, _, later = (self.folder / "stderr").read_text().partition("\n")
        assert start.startswith(f"gateway: at {self.url} "), start
        return later

    def reload(self) -> str:
        """Let it read its files again, and return what it prints then."""
        before = self.errors()
        os.kill(self.pid, signal.SIGHUP)
        end = monotonic() + START
        while not re.search("reloaded.*\n", printed := self.errors().removeprefix(before)):
            assert monotonic() < end, "the gateway does not reload"
            sleep(0.01)
        return printed

    def processes(self) -> list[Path]:
        """Return the folders in /proc of nginx's master and its workers."""
        [master] = [
            pid
            for pid in children(self.pid)
            if Path("/proc", pid, "cmdline").read_bytes().startswith(b"nginx")
        ]
        return [Path("/proc", pid) for pid in (master, *children(int(master)))]


def settings(folder: Path) -> dict[str, str]:
    """Return an environment with valid settings, whose SENTRY_URL nothing listens at.

    Args:
        folder: An empty folder for an empty page and for the gateway's temporary files.
    """
    programs.find("nginx")
    page, temporary = folder / "page", folder / "temporary"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html><title>A page</title>")
    temporary.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return {
        "SENTRY_URL": "http://127.0.0.1:9",
        "SENTRY_AUTH_TOKEN": TOKEN,
        "GATEWAY_KEY": KEY,
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_PAGE": str(page),
        "PATH": programs.PATH,
        "TMPDIR": str(temporary),
    }


@contextmanager
def gateway(
    folder: Path,
    *,
    sentry_url: str,
    token: str = TOKEN,
    key: str = KEY,
    page: Path | None = None,
    allow_origin: str | None = None,
    ca_file: Path | None = None,
    **more: str,
) -> Generator[Gateway]:
    """Run the gateway on a free port of loopback while the context lasts.

    Args:
        folder: An empty folder for the files of the running gateway.
        sentry_url: The Sentry that it forwards requests to.
        token: The token that it adds.
        key: The key that callers need.
        page: The folder of the reference page; by default one with an empty page.
        allow_origin: The other origin whose pages may call it.
        ca_file: The certificate authorities that it trusts.
        more: Other settings; an empty one counts as missing.
    """
    environment = settings(folder)
    environment |= {"SENTRY_URL": sentry_url, "SENTRY_AUTH_TOKEN": token, "GATEWAY_KEY": key}
    if page:
        environment["GATEWAY_PAGE"] = str(page)
    if allow_origin:
        environment["GATEWAY_ALLOW_ORIGIN"] = allow_origin
    if ca_file:
        environment["GATEWAY_CA_FILE"] = str(ca_file)
    environment |= more
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(RUN, env=environment, stdout=stdout, stderr=stderr)
    try:
        await_start(environment, process)
        end = monotonic() + START
        # Only then does it handle the signal HUP.
        while "\n" not in (folder / "stderr").read_text():
            assert monotonic() < end, "the gateway does not say where it is"
            sleep(0.01)
        url = f"http://{environment['GATEWAY_LISTEN']}"
        # After some errors nginx closes the connection, which a request that reuses it could hit.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=url, timeout=START, limits=limits, trust_env=False) as http:
            yield Gateway(url, key, folder, process.pid, http)
    finally:
        process.terminate()
        process.wait(START)


def hold(environment: dict[str, str], program: str) -> Path:
    """Let a program wait before it begins, while there is a file.

    Returns:
        The file, which isn't there yet. What waits puts `held` beside it.
    """
    folder = Path(f"{environment['TMPDIR']}.held")
    folder.mkdir()
    real = shutil.which(program, path=environment["PATH"])
    wait = f"while [ -e '{folder}/hold' ]; do : >'{folder}/held'; sleep 0.01; done"
    (folder / program).write_text(f'#!/bin/sh\n{wait}\nexec {real} "$@"\n')
    (folder / program).chmod(0o755)
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    return folder / "hold"


def await_held(file: Path) -> None:
    """Wait until a program waits for a file of `hold`."""
    end = monotonic() + START
    while not file.with_name("held").exists():
        assert monotonic() < end, "the program does not begin"
        sleep(0.01)


def children(pid: int) -> list[str]:
    """Return the process IDs of the children of a process."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def address(environment: dict[str, str]) -> tuple[str, int]:
    """Return the host and the port of GATEWAY_LISTEN."""
    host, _, port = environment["GATEWAY_LISTEN"].rpartition(":")
    return host, int(port)


def await_start(environment: dict[str, str], process: subprocess.Popen[Any]) -> None:
    """Wait until the process listens at GATEWAY_LISTEN."""
    end = monotonic() + START
    while process.poll() is None and monotonic() < end:
        try:
            socket.create_connection(address(environment)).close()
        except ConnectionRefusedError:
            sleep(0.01)
        else:
            return
    raise AssertionError("the gateway did not start")
