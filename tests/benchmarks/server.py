"""A server on loopback that sends a recorded response of Sentry for each operation.

It is nginx where that is installed, and otherwise this module, run as a process of its own.
"""

import asyncio
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import programs
from tests.support.gateway import await_start
from tests.support.recordings import RECORDINGS, operation_of
from tests.support.repo_copy import ROOT

CONFIGURATION = """\
daemon off;
pid nginx.pid;
events {{
    worker_connections 1024;
}}
http {{
    access_log off;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            {member}
        }}
        location ~ /teams/ {{
            {team}
        }}
    }}
}}
"""


class Server(NamedTuple):
    """A running server.

    Attributes:
        url: Its root.
        name: The program, with its version.
    """

    url: str
    name: str


@contextmanager
def serve(nginx: str | None = shutil.which("nginx", path=programs.PATH)) -> Generator[Server]:
    """Run nginx, or without it the bundled server."""
    with _nginx(nginx) if nginx else _bundled() as server:
        yield server


@contextmanager
def _nginx(nginx: str) -> Generator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    version = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "nginx.conf")
        directives = {
            "member": _directives("addAMemberToAnOrganization"),
            "team": _directives("addAnOrganizationMemberToATeam"),
        }
        configuration.write_text(CONFIGURATION.format(port=port, **directives), "utf-8")
        command = [nginx, "-p", folder, "-c", str(configuration), "-e", "stderr"]
        with subprocess.Popen(command) as process:
            address = f"127.0.0.1:{port}"
            await_start({"GATEWAY_LISTEN": address}, process)
            try:
                yield Server(f"http://{address}", version.rpartition(" ")[2].strip())
            finally:
                process.terminate()


@contextmanager
def _bundled() -> Generator[Server]:
    command = [sys.executable, "-m", "tests.benchmarks.server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield Server(process.stdout.readline().strip(), "the bundled server")
        finally:
            process.terminate()


def _recorded(operation: str) -> dict[str, Any]:
    """Return a recorded response with status code 201."""
    responses = (e["response"] for e in RECORDINGS if operation_of(e) == operation)
    return next(response for response in responses if response["status"] == 201)


def _directives(operation: str) -> str:
    response = _recorded(operation)
    headers = [
        f'add_header {name} "{value}";'
        for name, value in response["headers"]
        if not name.startswith("Content-T") and name != "Content-Length"
    ]
    return "\n            ".join([*headers, f"return {response['status']} '{response['body']}';"])


def _raw(operation: str) -> bytes:
    response = _recorded(operation)
    headers = "".join(f"{name}: {value}\r\n" for name, value in response["headers"])
    return f"HTTP/1.1 {response['status']} Created\r\n{headers}\r\n{response['body']}".encode()


class _Connection(asyncio.Protocol):
    member = _raw("addAMemberToAnOrganization")
    team = _raw("addAnOrganizationMemberToATeam")

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        # No client here sends a second request before it has the response to the first.
        if end and len(body) >= (int(length[1]) if length else 0):
            self.received = b""
            self.transport.write(self.team if b"/teams/" in head.split()[1] else self.member)


async def _listen() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_listen())
