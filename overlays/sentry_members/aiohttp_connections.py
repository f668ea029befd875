"""The connections of aiohttp, which take a fraction of httpx's time where many are in use."""

import ssl

import httpx
from aiohttp import (
    ClientConnectorError,
    ClientSession,
    ConnectionTimeoutError,
    DummyCookieJar,
    TCPConnector,
)
from httpx_aiohttp import AiohttpTransport

from .connections import AT_ONCE


class AiohttpConnections(AiohttpTransport):
    """Connections of aiohttp, for asyncio."""

    def __init__(self, verify: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        if proxy is not None and not proxy.url.scheme.startswith("http"):
            raise ValueError("aiohttp has no other proxies than http and https")
        super().__init__(verify=verify, proxy=proxy, client=self._session)

    def _session(self) -> ClientSession:
        return ClientSession(
            connector=TCPConnector(limit=AT_ONCE, ssl=self.ssl_context),
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=["Content-Type"],
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # What is not read is sent in chunks, which not every server takes.
        await request.aread()
        try:
            return await super().handle_async_request(request)
        except httpx.ConnectTimeout as error:
            # Every failure of a connection is called so, also that of one that had been made.
            cause, told = error.__cause__, str(error)
        if isinstance(cause, ConnectionTimeoutError):
            raise httpx.ConnectTimeout(told)
        if isinstance(cause, ClientConnectorError):
            raise httpx.ConnectError(told)
        raise httpx.RemoteProtocolError(told)
