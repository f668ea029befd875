"""A package index for tests: devpi on loopback, which lists its files elsewhere than others do."""

import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.cli_process import wait_until
from tests.support.pypi_server import PASSWORD, USER, listens


@contextmanager
def serve(folder: Path) -> Generator[str]:
    """Run devpi on a free port of loopback, and yield the URL of an index of a user.

    For a project that it doesn't have, the index asks a public one, which can't be reached.

    Args:
        folder: An empty folder for its files and its log.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    bin_, data = Path(sys.executable).parent, ["--serverdir", str(folder / "data")]
    with (folder / "log").open("wb") as log:
        init = [bin_ / "devpi-init", *data, "--no-root-pypi", "--root-passwd", PASSWORD]
        subprocess.run(init, stdout=log, stderr=log, check=True)
        server = [bin_ / "devpi-server", *data, "--host", "127.0.0.1", "--port", str(port)]
        # By default, deriving a key from its secret takes it nine seconds of CPU time.
        server += ["--argon2-memory-cost=1024", "--argon2-time-cost=1"]
        process = subprocess.Popen(server, stdout=log, stderr=log)
    try:
        wait_until(lambda: listens(port))
        root = f"http://127.0.0.1:{port}"
        for path, settings in {
            USER: {"password": PASSWORD},
            f"{USER}/public": {"type": "mirror", "mirror_url": "http://127.0.0.1:9/"},
            f"{USER}/internal": {"bases": [f"{USER}/public"], "volatile": False},
        }.items():
            auth = (USER, PASSWORD) if "/" in path else None
            httpx.put(f"{root}/{path}", json=settings, auth=auth).raise_for_status()
        yield f"{root}/{USER}/internal/"
    finally:
        process.terminate()
        process.wait()
