"""The connections that requests leave by, where the caller gives no transport."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import httpx

from .errors import ConfigurationError, InvalidArgumentError

T = TypeVar("T")

AT_ONCE = 100
"""How many calls an async client has under way at the most; httpx has as many connections."""


def connections(kind: Callable[..., T], url: httpx.URL) -> T:
    """The connections to one Sentry, by way of the environment's proxy if it names one.

    Args:
        kind: What `sync_kind` or `async_kind` returns.
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
        return kind(verify=context, proxy=httpx.Proxy(proxy) if proxy else None)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        reason = type(error).__name__
    raise ConfigurationError(
        f"the proxy that the environment names can't be used ({reason}): see HTTPS_PROXY, "
        "ALL_PROXY and NO_PROXY"
    )


@cache
def _ssl_context() -> Any:
    """One for the process: making it takes longer than a call."""
    return httpx.create_ssl_context()


def async_kind(asked: object) -> Callable[..., httpx.AsyncBaseTransport]:
    """The kind of connections that an async client is asked for: None or `"aiohttp"`.

    Raises:
        ConfigurationError: The extra `aiohttp` is not installed.
        InvalidArgumentError: There is no such kind.
    """
    if asked is None:
        from .httpx_connections import HttpxConnections

        return HttpxConnections
    if asked != "aiohttp":
        raise InvalidArgumentError('transport must be an httpx.AsyncBaseTransport or "aiohttp"')
    try:
        from .aiohttp_connections import AiohttpConnections
    except ImportError as error:
        raise ConfigurationError(
            'transport="aiohttp" needs more: pip install "sentry-members[aiohttp]"'
        ) from error
    return AiohttpConnections


def sync_kind(asked: object) -> Callable[..., httpx.BaseTransport]:
    """The kind of connections that a sync client is asked for: None.

    Raises:
        InvalidArgumentError: There is no other.
    """
    if asked is not None:
        raise InvalidArgumentError("transport must be an httpx.BaseTransport")
    return httpx.HTTPTransport
