"""The ways to reach a fake: transports for httpx, and a server on loopback."""

import asyncio
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, cast
from weakref import WeakSet

import httpx

from .messages import Request, Response

Handler = Callable[[Request], AbstractContextManager[Response]]
"""Returns the response to a request, which is in flight until the context ends."""


def transport(handler: Handler) -> httpx.BaseTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        with _in_process(handler, request) as response:
            if response.seconds:
                time.sleep(response.seconds)
            return httpx.Response(response.status, headers=response.headers, content=response.body)

    return httpx.MockTransport(handle)


def async_transport(handler: Handler) -> httpx.AsyncBaseTransport:
    async def handle(request: httpx.Request) -> httpx.Response:
        with _in_process(handler, request) as response:
            if response.seconds:
                await asyncio.sleep(response.seconds)
            return httpx.Response(response.status, headers=response.headers, content=response.body)

    return httpx.MockTransport(handle)


@contextmanager
def _in_process(handler: Handler, request: httpx.Request) -> Generator[Response]:
    target = request.url.raw_path.decode("ascii")
    with handler(Request(request.method, target, request.headers, request.content)) as response:
        if response.lost == "refused":
            raise httpx.ConnectError("Connection refused", request=request)
        if response.lost:
            text = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(text, request=request)
        read_timeout = request.extensions.get("timeout", {}).get("read")
        if read_timeout is not None and response.seconds > read_timeout:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        yield response


@contextmanager
def serve(handler: Handler, port: int) -> Generator[str]:
    server = _Server(handler, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.close()
        thread.join()
    if server.failures:
        raise ExceptionGroup("the fake failed to respond", server.failures)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, handler: Handler, port: int) -> None:
        self.handler = handler
        self.closing = threading.Event()
        self.connections = WeakSet[socket.socket]()
        self.failures: list[Exception] = []
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # A client that closes its connection is not an error of the fake.
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.failures.append(error)
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing; the base class would print a line for each request to stderr."""

    def respond(self) -> None:
        server = cast(_Server, self.server)
        headers = httpx.Headers(list(self.headers.items()), encoding="utf-8")
        request = Request(self.command, self.path, headers, self.read_body())
        with server.handler(request) as response:
            server.closing.wait(response.seconds)
            if response.lost:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response_only(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else response.body)
            self.wfile.flush()

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = respond

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.read_exactly(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            body += self.read_exactly(size + len(b"\r\n"))[:size]
        while self.rfile.readline().strip():
            pass
        return body

    def read_exactly(self, size: int) -> bytes:
        read = self.rfile.read(size)
        if len(read) < size:
            raise ConnectionError("the client closed the connection within a request")
        return read
