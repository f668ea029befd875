"""A package index for tests: pypiserver on loopback, with a password."""

import base64
import hashlib
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.cli_process import wait_until

USER, PASSWORD = "ada", "0123456789abcdef"


@dataclass
class Index:
    """A running index.

    Attributes:
        url: Its URL for uploads; `simple/` below that lists its files.
        packages: The folder of its files.
    """

    url: str
    packages: Path

    def files(self) -> dict[str, bytes]:
        """Return the content of each of its files, by name."""
        return {file.name: file.read_bytes() for file in self.packages.iterdir()}


@contextmanager
def serve(folder: Path, *options: str) -> Generator[Index]:
    """Run an index on a free port of loopback.

    Args:
        folder: An empty folder for its files and its log.
        options: Further options of pypiserver.
    """
    packages, passwords = folder / "packages", folder / "passwords"
    packages.mkdir()
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    passwords.write_text("".join(f"{user}:{{SHA}}{digest}\n" for user in (USER, "__token__")))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    listen = ["--server", "wsgiref", "--interface", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "pypiserver", "run", *listen, "--passwords", str(passwords)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options, str(packages)], stdout=log, stderr=log)
    try:
        wait_until(lambda: listens(port))
        yield Index(f"http://127.0.0.1:{port}/", packages)
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return not probe.connect_ex(("127.0.0.1", port))
