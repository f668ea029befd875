"""Ways in: transports for httpx, and a server on a loopback port."""

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

from .messages import Answer, Request

Exchange = Callable[[Request], AbstractContextManager[Answer]]
"""Answers a request, which is under way until the context ends."""


def transport(exchange: Exchange) -> httpx.BaseTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        with _in_process(exchange, request) as answer:
            if answer.seconds:
                time.sleep(answer.seconds)
            return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    return httpx.MockTransport(handle)


def async_transport(exchange: Exchange) -> httpx.AsyncBaseTransport:
    async def handle(request: httpx.Request) -> httpx.Response:
        with _in_process(exchange, request) as answer:
            if answer.seconds:
                await asyncio.sleep(answer.seconds)
            return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    return httpx.MockTransport(handle)


@contextmanager
def _in_process(exchange: Exchange, request: httpx.Request) -> Generator[Answer]:
    target = request.url.raw_path.decode("ascii")
    with exchange(Request(request.method, target, request.headers, request.content)) as answer:
        if answer.lost == "refused":
            raise httpx.ConnectError("Connection refused", request=request)
        if answer.lost:
            text = "Server disconnected without sending a response."
            raise httpx.RemoteProtocolError(text, request=request)
        patience = request.extensions.get("timeout", {}).get("read")
        if patience is not None and answer.seconds > patience:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        yield answer


@contextmanager
def serve(exchange: Exchange, port: int) -> Generator[str]:
    server = _Server(exchange, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.close()
        thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, exchange: Exchange, port: int) -> None:
        self.exchange = exchange
        self.closing = threading.Event()
        self.connections = WeakSet[socket.socket]()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is nothing to report.
        if not isinstance(sys.exception(), OSError):
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
        pass

    def answer(self) -> None:
        server = cast(_Server, self.server)
        headers = httpx.Headers(list(self.headers.items()), encoding="utf-8")
        request = Request(self.command, self.path, headers, self.read_body())
        with server.exchange(request) as answer:
            server.closing.wait(answer.seconds)
            if answer.lost:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else answer.body)
            self.wfile.flush()

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = answer

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
            raise ConnectionError("the client went away in the middle of its request")
        return read
