"""Makes certificates for servers on loopback, with openssl."""

import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import programs
from tests.support.serving import serving


class Authority:
    """A certificate authority with two intermediate ones, as some public ones have.

    Attributes:
        file: The root certificate, which a client has to trust.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.file = self._make("root", None, "basicConstraints=critical,CA:true")
        self._make("upper", "root", "basicConstraints=critical,CA:true")
        self._make("lower", "upper", "basicConstraints=critical,CA:true")

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS context of a server with a certificate for this host."""
        self._make("server", "lower", f"subjectAltName=DNS:{host}")
        chain = self._folder / "chain.pem"
        names = ("server", "lower", "upper")
        chain.write_text("".join((self._folder / f"{name}.pem").read_text() for name in names))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, self._folder / "server.key")
        return context

    def _make(self, name: str, issuer: str | None, extension: str) -> Path:
        command = (
            f"{programs.find('openssl')} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
        )
        command += f" -noenc -days 1 -subj /CN={name} -keyout {name}.key -out {name}.pem"
        if issuer:
            command += f" -CA {issuer}.pem -CAkey {issuer}.key"
        # openssl's own configuration would make every certificate an authority's.
        subprocess.run(
            [*command.split(), "-config", "/dev/null", "-addext", extension],
            cwd=self._folder,
            capture_output=True,
            check=True,
        )
        return self._folder / f"{name}.pem"


@contextmanager
def tls_proxy(url: str, authority: Authority) -> Generator[str]:
    """Accept TLS as `localhost` on a free port, and forward every byte to an http server."""
    target = urlsplit(url)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((target.hostname, target.port)) as upstream:
                threading.Thread(target=copy, args=(upstream, self.request), daemon=True).start()
                copy(self.request, upstream)

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = authority.context("localhost").wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield f"https://localhost:{server.server_address[1]}"
