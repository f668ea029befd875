"""What the calls of a client share: connections, and slots for the calls in flight."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock
from typing import Any, Generic, TypeVar
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import httpx

from .errors import ConfigurationError
from .secret import Secret

TransportT = TypeVar("TransportT")
SlotsT = TypeVar("SlotsT")


class Slots:
    """Slots that threads take in turn: one that frees a slot would else take it again at once.

    An exception of a signal handler can leave a `Semaphore` locked, but not what is used here.
    """

    def __init__(self, count: int) -> None:
        self._free, self._turn = SimpleQueue[None](), Lock()
        for _ in range(count):
            self._free.put(None)

    def __enter__(self) -> None:
        with self._turn:
            self._free.get()

    def __exit__(self, *_: object) -> None:
        self._free.put(None)


class Network(Generic[TransportT, SlotsT]):
    """Connections, and slots for the calls in flight, as a client and its siblings share them.

    They belong to one process. A forked process makes them anew: otherwise it would read the
    responses to its parent's requests, and wait for slots that its parent's calls hold.
    """

    def __init__(
        self,
        given: TransportT | None,
        make_transport: Callable[[], TransportT],
        make_slots: Callable[[], SlotsT],
    ) -> None:
        self._given = given
        self._make_transport = make_transport
        self._make_slots = make_slots
        # Settings that can't be used are reported at once.
        self.made: TransportT | None = make_transport() if given is None else given
        self.slots: SlotsT = make_slots()
        self._loop: object = None
        _networks.add(self)

    def renew(self) -> None:
        """Drop both, but not the caller's own; close nothing, as others may use it."""
        self.made, self.slots, self._loop = self._given, self._make_slots(), None

    @property
    def transport(self) -> TransportT:
        """What sends the requests, made when it is needed."""
        if (made := self.made) is None:
            made = self.made = self._make_transport()
        return made

    def check_loop(self) -> None:
        """Make new slots if another event loop has used these: they can't be waited for in this one.

        Raises:
            ConfigurationError: That loop has the client's own connections.
        """
        from anyio.lowlevel import current_token  # Imported here: a sync client doesn't need it.

        loop = current_token()
        if self._loop not in (None, loop):
            if self._given is None:
                raise ConfigurationError(
                    "this client has been used in another event loop, where its connections "
                    "belong: make a client in each asyncio.run"
                )
            self.slots = self._make_slots()
        self._loop = loop


_networks: WeakSet[Network[Any, Any]] = WeakSet()


def _renew_all() -> None:
    for network in tuple(_networks):
        network.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


def connector(connections: Callable[..., TransportT], url: httpx.URL) -> Callable[[], TransportT]:
    """Return a function that makes connections, through the environment's proxy if there is one.

    Args:
        connections: `httpx.HTTPTransport`, or `AsyncConnections`.
        url: The root of the Sentry to connect to.

    The function raises ConfigurationError if the certificates or the proxy that the environment names
    can't be used.
    """
    return partial(_make, connections, _proxy(url))


def _make(connections: Callable[..., TransportT], proxy: Secret) -> TransportT:
    context = _ssl_context()
    if not proxy:
        return connections(verify=context)
    try:
        return connections(verify=context, proxy=httpx.Proxy(proxy.reveal()))
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        reason = type(error).__name__
    # Raised outside the except block: httpx's frames hold the proxy's password.
    raise ConfigurationError(
        f"the proxy that the environment names can't be used ({reason}): see HTTPS_PROXY, "
        "ALL_PROXY and NO_PROXY. Use http://, https:// or, with httpx[socks] installed, socks5://"
    )


def _proxy(url: httpx.URL) -> Secret:
    """Return the proxy that the environment names for a URL; an empty secret if there is none."""
    # A URL without TLS is on loopback. A proxy would carry its credential off this machine.
    if url.scheme != "https" or any(map(proxy_bypass, (url.host, url.netloc.decode()))):
        return Secret()
    proxy = Secret(getproxies().get("https") or getproxies().get("all"))
    return proxy if not proxy or proxy.matches(".*://") else Secret(f"http://{proxy.reveal()}")


class _Contexts:
    """Stands for a TLS context that trusts what the system trusts: makes one for each connection.

    Truststore locks a context during a handshake. With a shared one, a server that responds to none
    would hold up all other connections, and for ever those of a process that is forked meanwhile.
    """

    def __init__(self) -> None:
        self._make()  # Bad certificates are reported before anything is sent.

    def _make(self) -> Any:
        import ssl  # Imported here: both take a tenth of the time that importing httpx takes.

        import truststore

        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["http/1.1"])
        file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
        try:
            if file or folder:
                context.load_verify_locations(file or None, folder or None)
        except OSError as error:
            # Also in a call: they may have been moved since.
            raise ConfigurationError(
                f"the certificates of SSL_CERT_FILE or SSL_CERT_DIR can't be loaded: {error}"
            ) from error
        return context

    def set_alpn_protocols(self, _: list[str]) -> None:
        """Do nothing: each context has them."""

    def wrap_bio(self, *args: Any, **options: Any) -> Any:
        return self._make().wrap_bio(*args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> Any:
        return self._make().wrap_socket(*args, **options)


_ssl_context = cache(_Contexts)  # Once: the check loads the certificates, which is slow.


class AsyncConnections(httpx.AsyncBaseTransport):
    """Connections for one event loop, each in an httpx pool of its own.

    In a shared pool, the cost of a request grows with the number of connections.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        # The pool used last is taken first, so that the connections of the others can expire.
        self._idle = [httpx.AsyncHTTPTransport(**settings)]
        self._pools = {*self._idle}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        pool = self._idle.pop() if self._idle else httpx.AsyncHTTPTransport(**self._settings)
        self._pools.add(pool)
        try:
            response = await pool.handle_async_request(request)
        except BaseException:
            await self._discard(pool)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, partial(self._end, pool, response.stream))
        return response

    async def _end(self, pool: httpx.AsyncHTTPTransport, stream: httpx.AsyncByteStream) -> None:
        try:
            await stream.aclose()
        except BaseException:
            await self._discard(pool)
            raise
        self._idle.append(pool)

    async def _discard(self, pool: httpx.AsyncHTTPTransport) -> None:
        # httpcore may keep a cancelled request in it for ever.
        self._pools.discard(pool)
        await pool.aclose()

    async def aclose(self) -> None:
        for pool in tuple(self._pools):
            # The event loop of the connections may have ended, which closed them.
            with suppress(RuntimeError):
                await pool.aclose()


class _Body(httpx.AsyncByteStream):
    """The body of a response, which does more when it is closed."""

    def __init__(self, stream: httpx.AsyncByteStream, close: Callable[[], Awaitable[None]]) -> None:
        self._stream = stream
        self._close = close

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        await self._close()
