"""A server on loopback that records raw requests and sends prepared responses."""

import socketserver
import ssl
import time
from collections.abc import Generator
from contextlib import contextmanager

from tests.support.serving import serving

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Recorder(socketserver.ThreadingTCPServer):
    """Records requests, and sends the same bytes in response to each.

    Attributes:
        response: The bytes of the response.
        closes: Whether it closes the connection after each response.
        requests: The received requests, oldest first, each as its head and its body.
        connections: How many connections it has accepted.
    """

    request_queue_size = 256
    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.reset()
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def reset(self) -> None:
        """Forget the requests, and respond with 204 from now on."""
        self.response = NO_CONTENT
        self.dripping = b""
        self.closes = False
        self.requests: list[tuple[bytes, bytes]] = []

    def url(self, host: str = "127.0.0.1") -> str:
        """Return the server's root, under one of the names of loopback."""
        return f"{self.scheme}://{host}:{self.server_address[1]}"

    def respond(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send this response from now on; `_` in a header's name stands for `-`."""
        lines = [f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.response = "\r\n".join([*lines, "", ""]).encode() + body

    def drip(self, response: bytes) -> None:
        """Send this part of a response from now on, then 1,000 single bytes, 20 a second."""
        self.response = response
        self.dripping = b"x" * 1000

    def break_off(self, response: bytes = b"") -> None:
        """Send this part of a response from now on, then close the connection."""
        self.response = response
        self.closes = True


class _Handler(socketserver.StreamRequestHandler):
    server: Recorder

    def handle(self) -> None:
        self.server.connections += 1
        while head := self._head():
            size = next(
                (
                    int(line[15:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            self.server.requests.append((head, self.rfile.read(size)))
            # Read first: as soon as the response is sent, the test may change it.
            closes = self.server.closes
            self.wfile.write(self.server.response)
            for byte in self.server.dripping:
                time.sleep(0.05)
                self.wfile.write(bytes([byte]))
            if closes:
                return

    def _head(self) -> bytes:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b"", b"\r\n"):
            lines.append(line)
        return b"".join(lines)


@contextmanager
def recorder(context: ssl.SSLContext | None = None) -> Generator[Recorder]:
    """Serve on a free port of loopback while the context lasts, with TLS if a context is given."""
    server = Recorder(context)
    with serving(server):
        yield server
