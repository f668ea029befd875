"""The real nginx as the gateway, run as `make gateway` runs it."""

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
START = 30.0  # seconds that the page and nginx may take on a busy machine


@dataclass
class Gateway:
    """A gateway that runs.

    Attributes:
        url: Its root.
        key: The key that callers need.
        folder: Holds what it writes: the access log in `stdout`, the error log in `stderr`, and in
            `temporary` the folder that it runs in.
        pid: The process that runs nginx.
        http: Sends requests to it, without the key.
    """

    url: str
    key: str
    folder: Path
    pid: int
    http: httpx.Client

    def connection(self) -> socket.socket:
        """A connection to it, to be closed by the caller."""
        host, _, port = self.url.rpartition("/")[2].rpartition(":")
        return socket.create_connection((host, int(port)), timeout=START)

    def send(self, request: bytes) -> tuple[int, Message, bytes]:
        """Send these bytes; return the status, the headers and the body of the first answer."""
        with self.connection() as connection, closing(HTTPResponse(connection)) as answer:
            connection.sendall(request)
            answer.begin()
            return answer.status, answer.headers, answer.read()

    def log(self) -> list[str]:
        """The lines of the access log, for all requests up to now."""
        last = f"/last-{uuid4()}"
        self.http.get(last)
        file, end = self.folder / "stdout", monotonic() + START
        while last not in (written := file.read_text()):
            assert monotonic() < end, "a request is not in the log"
            sleep(0.01)
        return [line for line in written.splitlines() if "/last-" not in line]

    def processes(self) -> list[Path]:
        """What the system tells of nginx's master and its workers, as folders of /proc."""
        [master] = _children(self.pid)
        return [Path("/proc", pid) for pid in (master, *_children(int(master)))]


def settings(folder: Path) -> dict[str, str]:
    """An environment that the gateway starts with, before a Sentry that is not there.

    Args:
        folder: Gets a page that says nothing, and what the gateway writes.
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
) -> Generator[Gateway]:
    """Run the gateway on a free port of loopback.

    Args:
        folder: An empty folder for what it writes.
        sentry_url: The Sentry that it leads to.
        token: The token that it adds.
        key: The key that callers need.
        page: The folder of the reference page; by default one with a page that says nothing.
        allow_origin: The origin whose pages may call it, too.
        ca_file: The authorities to know Sentry by.
    """
    environment = settings(folder)
    environment |= {"SENTRY_URL": sentry_url, "SENTRY_AUTH_TOKEN": token, "GATEWAY_KEY": key}
    if page:
        environment["GATEWAY_PAGE"] = str(page)
    if allow_origin:
        environment["GATEWAY_ALLOW_ORIGIN"] = allow_origin
    if ca_file:
        environment["GATEWAY_CA_FILE"] = str(ca_file)
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(RUN, env=environment, stdout=stdout, stderr=stderr)
    try:
        await_start(environment, process)
        url = f"http://{environment['GATEWAY_LISTEN']}"
        # After some errors nginx closes the connection, perhaps just as the next request leaves.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=url, timeout=START, limits=limits, trust_env=False) as http:
            yield Gateway(url, key, folder, process.pid, http)
    finally:
        process.terminate()
        process.wait()


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def address(environment: dict[str, str]) -> tuple[str, int]:
    """Where it listens, as a socket wants it."""
    host, _, port = environment["GATEWAY_LISTEN"].rpartition(":")
    return host, int(port)


def await_start(environment: dict[str, str], process: subprocess.Popen[Any]) -> None:
    """Wait until the process listens where its environment says."""
    end = monotonic() + START
    while process.poll() is None and monotonic() < end:
        try:
            socket.create_connection(address(environment)).close()
        except ConnectionRefusedError:
            sleep(0.01)
        else:
            return
    raise AssertionError("the gateway does not start")
