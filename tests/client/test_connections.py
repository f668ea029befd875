"""Real connections to servers on loopback."""

import asyncio
import gc
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import httpcore  # noqa: F401 - with socksio, before a test hides that
import httpx
import pytest
from sentry_members import (
    AccessRequested,
    AlreadyOnTeam,
    AsyncSentryMembers,
    NewMember,
    SentryMembers,
    client,
    errors,
    transport,
)
from sentry_members.connections import Slots, _ssl_context
from sentry_members.routes import routes
from sentry_members_api.api.teams import add_an_organization_member_to_a_team as join
from sentry_members_testing import FakeSentry

from tests.support.certificates import Authority, tls_proxy
from tests.support.client_harness import USER_TOKEN, Caller, responding
from tests.support.new_member import REQUIRED, new_member
from tests.support.raw_server import Recorder, recorder
from tests.support.recordings import bodies
from tests.support.serving import serving

ARGUMENTS = ("acme", "8", "backend")


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as server:
        yield server


def call(server: Recorder, caller: Caller, **options: Any) -> Any:
    options |= {"url": server.url(), "transport": None}
    return caller.join(responding(), options=options)


def invite(server: Recorder, caller: Caller) -> Any:
    return caller.invite(responding(), options={"url": server.url(), "transport": None})


def test_does_not_repeat_an_invite_whose_connection_breaks(
    server: Recorder, caller: Caller, waits: list[float]
) -> None:
    server.break_off()
    with pytest.raises(errors.ConnectionFailedError) as caught:
        invite(server, caller)
    assert caught.value.may_have_arrived
    assert ([], 1) == (waits, len(server.requests))


def test_repeats_an_addition_whose_connection_breaks(
    server: Recorder, caller: Caller, waits: list[float]
) -> None:
    server.break_off()
    with pytest.raises(errors.ConnectionFailedError):
        call(server, caller)
    assert 3 == len(server.requests)


def test_classifies_a_response_that_breaks_off_by_its_status_code(
    server: Recorder, caller: Caller
) -> None:
    server.break_off(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{")
    assert AccessRequested() == call(server, caller)
    server.break_off(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n{")
    with pytest.raises(errors.ForbiddenError, match="its body broke"):
        call(server, caller)


def test_raises_when_no_response_arrives_in_time(server: Recorder, caller: Caller) -> None:
    server.response = b""
    with pytest.raises(errors.AnswerTimeoutError, match="within 1 s") as caught:
        call(server, caller, timeout=httpx.Timeout(50, read=1), attempts=1)
    assert caught.value.may_have_arrived


def test_sync_and_async_clients_send_the_same_bytes(server: Recorder) -> None:
    def sent(mode: str) -> list[tuple[list[bytes], bytes]]:
        server.reset()
        call(server, Caller(mode))
        server.respond(400)
        with pytest.raises(errors.BadRequestError):
            invite(server, Caller(mode))
        return [(sorted(head.lower().split(b"\r\n")), body) for head, body in server.requests]

    joined, invited = expected = sent("sync")
    assert b"content-length: 0" in joined[0]
    assert new_member(email="ada@example.com").to_dict() == json.loads(invited[1])
    assert b" " not in invited[1]
    assert expected == sent("async")


def test_sends_no_cookies_back(server: Recorder) -> None:
    server.respond(202, Set_Cookie="session=1")

    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url()) as sentry:
            for _ in range(2):
                await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)

    asyncio.run(run())
    assert not any(b"session" in head for head, _ in server.requests)


def test_reuses_a_connection(server: Recorder) -> None:
    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url()) as sentry:
            for _ in range(9):
                await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)

    asyncio.run(run())
    assert (9, 1) == (len(server.requests), server.connections)


def test_opens_at_most_as_many_connections_as_calls_may_be_in_flight(server: Recorder) -> None:
    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url()) as sentry:
            calls = [sentry.add_an_organization_member_to_a_team(*ARGUMENTS) for _ in range(200)]
            calls += [join.asyncio(*ARGUMENTS, client=sentry.generated) for _ in range(50)]
            await asyncio.gather(*calls)

    asyncio.run(run())
    assert 250 == len(server.requests)
    assert 20 < server.connections <= transport.MAX_CONCURRENT_CALLS


def test_closing_ends_the_calls_in_flight(server: Recorder) -> None:
    server.response = b""

    async def run() -> None:
        sentry = AsyncSentryMembers(token=USER_TOKEN, url=server.url(), attempts=1)
        call = asyncio.create_task(sentry.add_an_organization_member_to_a_team(*ARGUMENTS))
        while not server.requests:
            await asyncio.sleep(0.01)
        await sentry.aclose()
        with pytest.raises(errors.ConnectionFailedError):
            await call

    asyncio.run(run())


def test_a_call_that_is_cancelled_or_fails_releases_its_slot(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_CONCURRENT_CALLS", 1)

    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url(), attempts=1) as sentry:
            call = sentry.add_an_organization_member_to_a_team
            server.response = b""
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call(*ARGUMENTS), 0.05)
            server.break_off()
            with pytest.raises(errors.ConnectionFailedError):
                await call(*ARGUMENTS)
            server.reset()
            assert AlreadyOnTeam() == await call(*ARGUMENTS)

    asyncio.run(run())


def test_a_thread_that_goes_on_calling_leaves_others_their_turn(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_CONCURRENT_CALLS", 1)
    with SentryMembers(token=USER_TOKEN, url=server.url()) as sentry:
        call = partial(sentry.add_an_organization_member_to_a_team, *ARGUMENTS)
        busy = threading.Thread(target=lambda: [call() for _ in range(500)])
        busy.start()
        call()
        assert busy.is_alive()
        busy.join()


@pytest.mark.parametrize("number", range(20))
def test_an_interrupted_call_leaves_others_able_to_free_their_slots(number: int) -> None:
    """A signal handler may raise at any moment, also just as a lock has been taken."""

    def interrupt(*_: object) -> None:
        if next(moments) == number:
            raise KeyboardInterrupt

    slots, moments = Slots(2), count()
    slots.__enter__()
    with suppress(KeyboardInterrupt):
        sys.setprofile(interrupt)
        with slots:
            pass
        sys.setprofile(None)
    other = threading.Thread(target=slots.__exit__, daemon=True)
    other.start()
    other.join(5)
    assert not other.is_alive()


def test_threads_have_at_most_as_many_calls_in_flight_as_sentry_allows() -> None:
    """The clients made by `with_options` share the limit."""
    in_flight, most, lock = 0, 0, threading.Lock()

    def busy(request: httpx.Request) -> httpx.Response:
        nonlocal in_flight, most
        with lock:
            in_flight += 1
            most = max(most, in_flight)
        full.wait(timeout=0.05)
        with lock:
            in_flight -= 1
        return httpx.Response(204)

    full = threading.Event()
    with SentryMembers(token=USER_TOKEN, transport=httpx.MockTransport(busy)) as sentry:
        sibling = sentry.with_options(attempts=1)
        with ThreadPoolExecutor(60) as pool:
            for call in (one.add_an_organization_member_to_a_team for one in (sentry, sibling)):
                for _ in range(60):
                    pool.submit(call, *ARGUMENTS)
    assert transport.MAX_CONCURRENT_CALLS == most


FORKED = """
import json, os, sys
import httpx
from sentry_members import NewMember, SentryMembers


class Wrapped(httpx.BaseTransport):
    def __init__(self, own):
        self.handle_request = own.handle_request


def fail_in_a_child(own):
    if os.getpid() != parent:
        raise RuntimeError
    return Wrapped(own)


parent = os.getpid()
sentry = SentryMembers(transport=Wrapped if sys.argv[2] == "wrapped" else None)
others = [SentryMembers(transport=fail_in_a_child) for _ in range(9 * (sys.argv[2] == "failing"))]


def invite(number):
    body = NewMember.from_dict({**json.loads(sys.argv[1]), "email": f"p{number}@example.com"})
    return body.email, sentry.add_a_member_to_an_organization("acme", body).email


invite(0)
readers = []
for child in range(4):
    reader, writer = os.pipe()
    if os.fork() == 0:
        members = [invite(f"{child}-{number}") for number in range(8)]
        os.write(writer, json.dumps(members).encode())
        os._exit(0)
    os.close(writer)
    readers.append(reader)
for reader in readers:
    with open(reader) as pipe:
        print(pipe.read())
"""


@pytest.mark.parametrize("case", ["http", "https", "wrapped", "failing"])
def test_gives_a_forked_process_its_own_responses(case: str, tmp_path: Path) -> None:
    """Over the parent's connections, the children would read one another's responses."""
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
    environment = {**os.environ, "SENTRY_AUTH_TOKEN": token}
    with ExitStack() as stack:
        environment["SENTRY_URL"] = stack.enter_context(fake.serve())
        if case == "https":
            authority = Authority(tmp_path / "authority")
            proxied = stack.enter_context(tls_proxy(environment["SENTRY_URL"], authority))
            environment |= {"SENTRY_URL": proxied, "SSL_CERT_FILE": str(authority.file)}
        fake.fail_next("slow", seconds=0.03, times=None)
        ran = subprocess.run(
            [sys.executable, "-c", FORKED, json.dumps(REQUIRED), case],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert "" == ran.stderr
    members = [member for line in ran.stdout.splitlines() for member in json.loads(line)]
    assert 32 == len(members)
    assert [] == [(asked, got) for asked, got in members if asked != got]


AT_THE_END = """
from sentry_members import SentryMembers


class Closing:
    def __init__(self):
        self.sentry = SentryMembers(token="0" * 64, url="http://127.0.0.1:9", attempts=1)

    def __del__(self):
        try:
            self.sentry.add_an_organization_member_to_a_team("acme", "8", "backend")
        except BaseException as error:
            print(type(error).__name__, error, flush=True)


closing = Closing()
"""


def test_blames_no_proxy_for_a_call_at_the_end_of_the_process() -> None:
    command = [sys.executable, "-c", AT_THE_END]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert "Error" in ran.stdout, ran.stderr
    assert "proxy" not in ran.stdout


SLOTS = """
import os, threading, time
import httpx
from sentry_members import SentryMembers


def wait(request):
    if "/teams/slow/" in request.url.path:
        time.sleep(5)
    return httpx.Response(204)


sentry = SentryMembers(token="0" * 64, transport=httpx.MockTransport(wait))
call = sentry.add_an_organization_member_to_a_team
for _ in range(25):
    threading.Thread(target=call, args=("acme", "8", "slow"), daemon=True).start()
time.sleep(0.2)
if os.fork() == 0:
    print(call("acme", "8", "backend"), flush=True)
    os._exit(0)
os.wait()
os._exit(0)
"""


def test_a_forked_process_does_not_wait_for_the_calls_of_its_parent() -> None:
    command = [sys.executable, "-c", SLOTS]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4.5)
    assert "AlreadyOnTeam()\n" == ran.stdout, ran.stderr


HANDSHAKE = """
import os, signal, socket, threading
from sentry_members import SentryMembers, errors

silent = socket.create_server(("127.0.0.1", 0))
url = f"https://127.0.0.1:{silent.getsockname()[1]}"
sentry = SentryMembers(token="0" * 64, url=url, attempts=1)
call = sentry.add_an_organization_member_to_a_team
threading.Thread(target=call, args=("acme", "8", "backend"), daemon=True).start()
connection, _ = silent.accept()
connection.recv(1)
if os.fork() == 0:
    signal.alarm(4)
    try:
        sentry.with_options(timeout=0.1).add_an_organization_member_to_a_team("acme", "8", "backend")
    except errors.AnswerTimeoutError as error:
        print(type(error).__name__, flush=True)
    os._exit(0)
os.wait()
os._exit(0)
"""


@pytest.mark.slow
def test_a_forked_process_does_not_wait_for_a_handshake_of_its_parent() -> None:
    command = [sys.executable, "-c", HANDSHAKE]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=4.5)
    assert "AnswerTimeoutError\n" == ran.stdout, ran.stderr


def test_threads_do_not_wait_for_the_handshakes_of_others() -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        sentry = stack.enter_context(SentryMembers(token=USER_TOKEN, url=url, attempts=1))
        pool = stack.enter_context(ThreadPoolExecutor())
        connections: list[socket.socket] = []
        calls = []
        for _ in range(3):
            calls.append(pool.submit(sentry.add_an_organization_member_to_a_team, *ARGUMENTS))
            connection, _ = silent.accept()
            connections.append(stack.enter_context(connection))
            connection.settimeout(1)  # Of the handshake, 5 seconds.
            assert connection.recv(1)
        for connection in connections:
            connection.close()
        for each in calls:
            assert isinstance(each.exception(), errors.ConnectionFailedError)


class Wrapped(httpx.AsyncBaseTransport):
    def __init__(self, own: httpx.AsyncBaseTransport) -> None:
        self._own = own

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._own.handle_async_request(request)

    async def aclose(self) -> None:
        await self._own.aclose()


@pytest.mark.parametrize("transport", [None, Wrapped])
def test_rejects_another_event_loop_before_anything_is_sent(
    transport: type[Wrapped] | None, server: Recorder
) -> None:
    sentry = AsyncSentryMembers(token=USER_TOKEN, url=server.url(), transport=transport)
    call = sentry.add_an_organization_member_to_a_team
    assert AlreadyOnTeam() == asyncio.run(call(*ARGUMENTS))
    with pytest.raises(errors.ConfigurationError, match=r"a client in each asyncio\.run"):
        asyncio.run(call(*ARGUMENTS))
    assert 1 == len(server.requests)
    with warnings.catch_warnings():
        # asyncio warns of the connections that its closed loop has left open.
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(sentry.aclose())
        assert sentry.is_closed
        del sentry, call
        gc.collect()


def test_rejects_another_event_loop_while_the_first_has_every_slot(server: Recorder) -> None:
    server.response = b""
    sentry = AsyncSentryMembers(token=USER_TOKEN, url=server.url(), timeout=5, attempts=1)

    async def meanwhile() -> None:
        calls = [
            asyncio.create_task(sentry.add_an_organization_member_to_a_team(*ARGUMENTS))
            for _ in range(transport.MAX_CONCURRENT_CALLS)
        ]
        while len(server.requests) < len(calls):
            await asyncio.sleep(0.01)
        other = sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
        with pytest.raises(errors.ConfigurationError, match=r"make a client in each asyncio\.run"):
            await asyncio.to_thread(asyncio.run, asyncio.wait_for(other, 3))
        for call in calls:
            call.cancel()

    asyncio.run(meanwhile())


def test_a_cancelled_call_leaves_no_request_in_its_pool(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a client sends nothing any more after some hundred cancellations."""
    single = partial(httpx.AsyncHTTPTransport, limits=httpx.Limits(max_connections=1))
    monkeypatch.setattr(httpx, "AsyncHTTPTransport", single)

    async def cancel(sentry: AsyncSentryMembers, steps: int) -> None:
        call = asyncio.create_task(sentry.add_an_organization_member_to_a_team(*ARGUMENTS))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])

    async def cancel_often() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url(), timeout=2) as sentry:
            for steps in range(60):
                await cancel(sentry, steps)
            outcome = await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
            assert AlreadyOnTeam() == outcome

    asyncio.run(cancel_often())


def test_uses_the_callers_own_transport_in_any_event_loop() -> None:
    transport = Caller("async").transport(responding(httpx.Response(204)))
    sentry = AsyncSentryMembers(token=USER_TOKEN, transport=transport)
    for _ in range(2):
        call = sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
        assert AlreadyOnTeam() == asyncio.run(call)


class LimitError(Exception):
    """Raised by a signal handler."""


class RaisingHandler:
    """A signal handler that is an object, and raises."""

    def __init__(self, limit: type[Exception]) -> None:
        self.limit = limit

    def __call__(self, number: int, frame: object) -> NoReturn:
        raise self.limit


def raise_once(limit: type[Exception], number: int, frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    raise limit


def raise_without(limit: type[Exception]) -> Callable[[int, object], NoReturn]:
    """Return a signal handler that deletes its arguments."""

    def handler(number: int, frame: object) -> NoReturn:
        del number, frame
        raise limit

    return handler


def raise_plainly(limit: type[Exception], *_: object) -> NoReturn:
    raise limit


HANDLERS: dict[str, Callable[[type[Exception]], Callable[..., NoReturn]]] = {
    "object": RaisingHandler,
    "partial": lambda limit: partial(raise_plainly, limit),
    "once": lambda limit: partial(raise_once, limit),
    "without arguments": raise_without,
}


@pytest.mark.parametrize("make_handler", HANDLERS.values(), ids=HANDLERS)
@pytest.mark.parametrize("limit", [LimitError, TimeoutError, OSError])
def test_passes_through_an_exception_of_a_signal_handler(
    server: Recorder,
    limit: type[Exception],
    make_handler: Callable[[type[Exception]], Callable[..., NoReturn]],
) -> None:
    """The pool of connections, which may have been left locked, is not used again."""
    before = signal.getsignal(signal.SIGALRM)
    try:
        with SentryMembers(token=USER_TOKEN, url=server.url(), timeout=5) as sentry:
            for _ in range(3):
                signal.signal(signal.SIGALRM, make_handler(limit))
                server.response = b""
                signal.setitimer(signal.ITIMER_REAL, 0.05)
                connections = sentry._transport.network.transport
                with pytest.raises(limit) as caught:
                    sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
                assert limit is type(caught.value)
                assert connections is not sentry._transport.network.transport
                server.reset()
                assert AlreadyOnTeam() == sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class RingingMember(NewMember):
    """Gets a signal while the request is built."""

    def to_dict(self) -> NoReturn:
        signal.raise_signal(signal.SIGALRM)
        raise AssertionError


class RingingResponse(httpx.Response):
    """Gets a signal while it is parsed."""

    def json(self, **_: object) -> NoReturn:
        signal.raise_signal(signal.SIGALRM)
        raise AssertionError


@pytest.mark.parametrize("limit", [RuntimeError, ValueError])
def test_blames_no_data_for_an_exception_of_a_signal_handler(limit: type[Exception]) -> None:
    def raise_limit(*_: object) -> None:
        raise limit

    before = signal.signal(signal.SIGALRM, raise_limit)
    try:
        network = httpx.MockTransport(lambda request: RingingResponse(201))
        with SentryMembers(token=USER_TOKEN, transport=network) as sentry:
            for body in (RingingMember(email="ada@example.com"), new_member()):
                with pytest.raises(limit) as caught:
                    sentry.add_a_member_to_an_organization("acme", body)
                assert limit is type(caught.value)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_signal_handler_that_keeps_a_slot_from_being_freed_leaves_the_client_usable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_qualname == "Slots.__exit__":
            sys.setprofile(None)
            raise LimitError

    monkeypatch.setattr(client, "MAX_CONCURRENT_CALLS", 1)
    handler = responding(httpx.Response(204))
    with SentryMembers(token=USER_TOKEN, transport=Caller("sync").transport(handler)) as sentry:
        call = partial(sentry.add_an_organization_member_to_a_team, *ARGUMENTS)
        sys.setprofile(interrupt)
        try:
            with pytest.raises(LimitError):
                call()
        finally:
            sys.setprofile(None)
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize("function", ["to_dict", "from_dict", "_parse_response"])
def test_passes_through_an_exception_of_a_signal_handler_in_generated_code(function: str) -> None:
    """It must not be taken for bad data, which generated code finds while it builds and parses."""

    def interrupt(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == function:
            sys.setprofile(None)
            raise LimitError

    handler = responding(httpx.Response(201, json=bodies("addAMemberToAnOrganization", 201)[0]))
    routes.cache_clear()
    sys.setprofile(interrupt)
    try:
        with pytest.raises(LimitError):
            Caller("sync").invite(handler)
    finally:
        sys.setprofile(None)
    assert "101" == Caller("sync").invite(handler).id


def test_trusts_what_the_system_or_the_environment_trusts(
    tmp_path: Path, caller: Caller, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "authority")
    with recorder(authority.context("localhost")) as server:
        options = {"url": server.url("localhost"), "transport": None}
        _ssl_context.cache_clear()
        with pytest.raises(errors.ConfigurationError, match="is not trusted") as caught:
            caller.invite(responding(), options=options)
        assert "If its authority is your own" in str(caught.value)
        assert ([], []) == (waits, server.requests)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        _ssl_context.cache_clear()
        assert AlreadyOnTeam() == caller.join(responding(), options=options)
        authority.file.unlink()
        with pytest.raises(errors.ConfigurationError, match=r"SSL_CERT_FILE .* can't be loaded"):
            caller.invite(responding(), options=options)
        assert ([], 1) == (waits, len(server.requests))
    _ssl_context.cache_clear()


def test_says_under_trio_what_is_wrong_with_a_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trio's own exceptions say nothing; those that they were raised for do."""
    import trio

    authority = Authority(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url("localhost")) as sentry:
            await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)

    with (
        recorder(authority.context("other.example")) as server,
        pytest.raises(errors.ConfigurationError, match="mismatch"),
    ):
        trio.run(run)


def test_names_what_a_socks_proxy_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:geheim@127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "socksio", None)
    for client_type in (SentryMembers, AsyncSentryMembers):
        with pytest.raises(errors.ConfigurationError, match=r"httpx\[socks\]"):
            client_type(token=USER_TOKEN)


class RejectingProxy(socketserver.BaseRequestHandler):
    """Gives replies in turn, and counts the connections."""

    replies: ClassVar[list[bytes]]
    connections: ClassVar = 0

    def handle(self) -> None:
        type(self).connections += 1
        for reply in self.replies:
            self.request.recv(1000)
            self.request.sendall(reply)


@pytest.mark.filterwarnings("ignore:unclosed", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("scheme", "replies"),
    [
        ("http", [b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"]),
        ("socks5", [b"\x05\x02", b"\x01\x01"]),
        ("socks5", [b"\x05\xff"]),
    ],
)
def test_asks_a_proxy_once_that_rejects_the_password(
    scheme: str,
    replies: list[bytes],
    caller: Caller,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may lock the user out after a few attempts."""
    handler = type("Handler", (RejectingProxy,), {"replies": replies})
    proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    address = f"user:geheim@127.0.0.1:{proxy.server_address[1]}"
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://{address}")
    with (
        serving(proxy),
        pytest.raises(
            errors.ConfigurationError, match=r"requires another .* password.* HTTPS_PROXY"
        ),
    ):
        caller.invite(responding(), options={"transport": None})
    assert ([], 1) == (waits, handler.connections)  # type: ignore[attr-defined]
    gc.collect()  # httpcore leaves the closing of such a connection to it.


class SilentProxy(socketserver.BaseRequestHandler):
    """Closes the connection without a reply."""

    def handle(self) -> None:
        self.request.recv(100)


@pytest.mark.filterwarnings("ignore:unclosed", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_nothing_was_sent_if_a_socks_proxy_does_not_reply(
    caller: Caller, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = socketserver.ThreadingTCPServer(("127.0.0.1", 0), SilentProxy)
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://127.0.0.1:{proxy.server_address[1]}")
    with (
        serving(proxy),
        pytest.raises(errors.ConnectionFailedError, match="reply of a SOCKS proxy") as caught,
    ):
        caller.invite(responding(), options={"transport": None})
    assert (False, 2) == (caught.value.may_have_arrived, len(waits))
    gc.collect()  # httpcore leaves the closing of such a connection to it.
