"""The connections that requests leave by, where the caller gives no transport."""

from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx

from .errors import ConfigurationError

ConnectionsT = TypeVar("ConnectionsT")


def connect(connections: Callable[..., ConnectionsT], url: httpx.URL) -> ConnectionsT:
    """Make the connections to one Sentry, through the environment's proxy if it names one.

    Args:
        connections: `httpx.HTTPTransport`, or `AsyncConnections`.
        url: Where the connections lead.

    Raises:
        ConfigurationError: The proxy or the certificates that the environment names can't be
            used.
    """
    try:
        context = _ssl_context()
    except OSError as error:
        raise ConfigurationError(
            f"the certificates of SSL_CERT_FILE or SSL_CERT_DIR can't be loaded: {error}"
        ) from error
    proxy = None
    # Without TLS the credential is for this machine only.
    if url.scheme == "https" and not any(map(proxy_bypass, (url.host, url.netloc.decode()))):
        proxies = getproxies()
        proxy = proxies.get("https") or proxies.get("all")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        return connections(verify=context, proxy=httpx.Proxy(proxy) if proxy else None)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        reason = type(error).__name__
    raise ConfigurationError(
        f"the proxy that the environment names can't be used ({reason}): see HTTPS_PROXY, "
        "ALL_PROXY and NO_PROXY"
    )


@cache
def _ssl_context() -> Any:
    """Make one context for the process: that takes longer than a call."""
    return httpx.create_ssl_context()


class AsyncConnections(httpx.AsyncBaseTransport):
    """Connections of httpx, each in a pool of its own.

    In one pool, what a request costs grows with the number of connections.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._pools = [httpx.AsyncHTTPTransport(**settings)]
        # The one used last comes first: those that stay unused lose their connections.
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
    """The body of a response, which releases its connection when it is closed."""

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
