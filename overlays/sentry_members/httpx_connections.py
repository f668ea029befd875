"""The connections of httpx for an async client, for asyncio and trio."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx


class HttpxConnections(httpx.AsyncBaseTransport):
    """Connections of httpx, each in a pool of its own.

    In one pool, what a request costs grows with the connections.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._pools = [httpx.AsyncHTTPTransport(**settings)]
        # The one used last comes first: those that are left unused lose their connections.
        self._idle = [*self._pools]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._idle:
            self._idle.append(httpx.AsyncHTTPTransport(**self._settings))
            self._pools += self._idle
        pool = self._idle.pop()

        def release() -> None:
            self._idle.append(pool)

        try:
            response = await pool.handle_async_request(request)
        except BaseException:
            release()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, release)
        return response

    async def aclose(self) -> None:
        for pool in self._pools:
            await pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of an answer, whose connection is free once it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, release: Callable[[], None]) -> None:
        self._stream = stream
        self._release = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._release()
