"""The clients, sync and async, behind one way of calling them."""

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import Any

import httpx
from sentry_members import AsyncSentryMembers, SentryMembers
from sentry_members.aiohttp_connections import AiohttpConnections

USER_TOKEN = "sntryu_" + "0123456789abcdef" * 4

# Made once: that takes longer than a test.
NO_TLS = ssl.create_default_context()

Handler = Callable[[httpx.Request], httpx.Response]


class Caller:
    """Calls an operation of a client whose requests a handler answers; keeps the requests.

    Attributes:
        mode: `"sync"`; `"async"`; or `"aiohttp"`, by whose connections requests and answers go.
        real: The `transport` that stands for connections of the client's own.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.real = "aiohttp" if mode == "aiohttp" else None
        self.requests: list[httpx.Request] = []

    def transport(self, handler: Handler) -> Any:
        def kept(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return handler(request)

        return OverAiohttp(kept) if self.mode == "aiohttp" else httpx.MockTransport(kept)

    def call(
        self, handler: Handler, operation: str, *arguments: Any, options: Any = None, **fields: Any
    ) -> Any:
        options = {"token": USER_TOKEN, "transport": self.transport(handler), **(options or {})}
        if self.mode == "sync":
            with SentryMembers(**options) as client:
                return getattr(client, operation)(*arguments, **fields)

        async def call() -> Any:
            async with AsyncSentryMembers(**options) as client:
                return await getattr(client, operation)(*arguments, **fields)

        return asyncio.run(call())

    def invite(
        self,
        handler: Handler,
        email: str = "ada@example.com",
        options: Any = None,
        **fields: Any,
    ) -> Any:
        operation = "add_a_member_to_an_organization"
        return self.call(handler, operation, "acme", options=options, email=email, **fields)

    def join(self, handler: Handler, team: str = "backend", options: Any = None) -> Any:
        operation = "add_an_organization_member_to_a_team"
        return self.call(handler, operation, "acme", "8", team, options=options)


class OverAiohttp(AiohttpConnections):
    """Takes each request to a server on loopback, which gives the handler's answer."""

    def __init__(self, handler: Handler) -> None:
        super().__init__(verify=NO_TLS, proxy=None)
        self._handler = handler
        self._server: asyncio.Server | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self._answer = self._handler(request)
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        there = httpx.Request(
            request.method,
            request.url.copy_with(scheme="http", host="127.0.0.1", port=port),
            headers=request.headers,
            content=request.content,
            extensions=request.extensions,
        )
        return await super().handle_async_request(there)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\ncontent-length: *([0-9]+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(await _as_sent(self._answer))
        await writer.drain()
        writer.close()

    async def aclose(self) -> None:
        await super().aclose()
        if self._server:
            self._server.close()


async def _as_sent(answer: httpx.Response) -> bytes:
    lines = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}".encode()]
    body = b"".join([part async for part in answer.aiter_raw()])
    headers = [
        (name, value) for name, value in answer.headers.raw if name.lower() != b"content-length"
    ]
    lines += [name + b": " + value for name, value in headers]
    if answer.status_code != 204:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"Connection: close", b"", body])


def answering(*answers: httpx.Response | Exception) -> Handler:
    """A handler that gives these answers one after the other, the last one for ever."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, Exception):
            raise given
        return httpx.Response(
            given.status_code, headers=given.headers, stream=httpx.ByteStream(given.content)
        )

    return answer
