"""A server on loopback that keeps what arrives, byte by byte, and answers as it is told."""

import socketserver
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Recorder(socketserver.ThreadingTCPServer):
    """Answers every request alike.

    Attributes:
        answer: The bytes of the answer.
        closes: Whether the connection is closed after it.
        requests: The requests that arrived, the oldest first, each as its head and its body.
        connections: How many were made.
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
        self.answer = NO_CONTENT
        self.closes = False
        self.requests: list[tuple[bytes, bytes]] = []

    def url(self, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that goes away

    def respond(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer so from now on."""
        lines = [f"HTTP/1.1 {status} Some Reason", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.answer = "\r\n".join([*lines, "", ""]).encode() + body

    def break_off(self, answer: bytes = b"") -> None:
        """Send this much of an answer from now on, and close the connection."""
        self.answer = answer
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
            # A test may change both as soon as the answer is there.
            closes = self.server.closes
            self.wfile.write(self.server.answer)
            if closes:
                return

    def _head(self) -> bytes:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b"", b"\r\n"):
            lines.append(line)
        return b"".join(lines)


@contextmanager
def recorder(context: ssl.SSLContext | None = None) -> Generator[Recorder]:
    """Serve on a free port of loopback while the context lasts, with TLS if there is one for it."""
    with Recorder(context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
