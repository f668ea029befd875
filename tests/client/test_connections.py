"""The connections of a client's own: real ones, to a server on loopback."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sentry_members import (
    AccessRequested,
    AlreadyOnTeam,
    AsyncSentryMembers,
    SentryMembers,
    client,
    errors,
    transport,
)
from sentry_members_api.api.teams import add_an_organization_member_to_a_team as join

from tests.support.client_harness import USER_TOKEN, Caller, answering
from tests.support.raw_server import Recorder, recorder

ARGUMENTS = ("acme", "8", "backend")


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as server:
        yield server


def call(server: Recorder, caller: Caller, **options: Any) -> Any:
    options |= {"url": server.url(), "transport": None}
    return caller.join(answering(), options=options)


def invite(server: Recorder, caller: Caller) -> Any:
    return caller.invite(answering(), options={"url": server.url(), "transport": None})


def test_an_invite_whose_connection_breaks_is_not_sent_again(
    server: Recorder, caller: Caller, waits: list[float]
) -> None:
    server.break_off()
    with pytest.raises(errors.ConnectionFailedError) as caught:
        invite(server, caller)
    assert caught.value.may_have_arrived
    assert ([], 1) == (waits, len(server.requests))


def test_a_call_that_can_be_repeated_is(
    server: Recorder, caller: Caller, waits: list[float]
) -> None:
    server.break_off()
    with pytest.raises(errors.ConnectionFailedError):
        call(server, caller)
    assert 3 == len(server.requests)


def test_an_answer_that_breaks_off_is_what_its_status_says(
    server: Recorder, caller: Caller
) -> None:
    server.break_off(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{")
    assert AccessRequested() == call(server, caller)
    server.break_off(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n{")
    with pytest.raises(errors.ForbiddenError, match="its body broke"):
        call(server, caller)


def test_an_answer_that_does_not_come_is_not_waited_for(server: Recorder, caller: Caller) -> None:
    server.answer = b""
    with pytest.raises(errors.AnswerTimeoutError, match=r"within 0\.05 s") as caught:
        call(server, caller, timeout=0.05, attempts=1)
    assert caught.value.may_have_arrived


def test_what_arrives_is_the_same_whatever_the_connections(server: Recorder) -> None:
    def sent(mode: str) -> list[tuple[list[bytes], bytes]]:
        server.reset()
        call(server, Caller(mode))
        server.respond(400)
        with pytest.raises(errors.BadRequestError):
            invite(server, Caller(mode))
        return [(sorted(head.lower().split(b"\r\n")), body) for head, body in server.requests]

    joined, invited = expected = sent("sync")
    assert b"content-length: 0" in joined[0]
    assert b'{"email":"ada@example.com"}' == invited[1]
    assert expected == sent("async")


def test_cookies_are_not_kept(server: Recorder) -> None:
    server.respond(202, Set_Cookie="session=1")

    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url()) as sentry:
            for _ in range(2):
                await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)

    asyncio.run(run())
    assert not any(b"session" in head for head, _ in server.requests)


def test_a_connection_is_used_again(server: Recorder) -> None:
    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url()) as sentry:
            for _ in range(9):
                await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)

    asyncio.run(run())
    assert (9, 1) == (len(server.requests), server.connections)


def test_there_are_no_more_connections_than_the_limit(server: Recorder) -> None:
    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url()) as sentry:
            calls = [sentry.add_an_organization_member_to_a_team(*ARGUMENTS) for _ in range(200)]
            calls += [join.asyncio(*ARGUMENTS, client=sentry.generated) for _ in range(50)]
            await asyncio.gather(*calls)

    asyncio.run(run())
    assert 250 == len(server.requests)
    assert 20 < server.connections <= transport.MAX_CONCURRENT_CALLS


def test_closing_ends_the_calls_under_way(server: Recorder) -> None:
    server.answer = b""

    async def run() -> None:
        sentry = AsyncSentryMembers(token=USER_TOKEN, url=server.url(), attempts=1)
        call = asyncio.create_task(sentry.add_an_organization_member_to_a_team(*ARGUMENTS))
        while not server.requests:
            await asyncio.sleep(0.01)
        await sentry.aclose()
        with pytest.raises(errors.ConnectionFailedError):
            await call

    asyncio.run(run())


def test_a_call_that_is_cancelled_or_fails_leaves_its_turn(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MAX_CONCURRENT_CALLS", 1)

    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url(), attempts=1) as sentry:
            call = sentry.add_an_organization_member_to_a_team
            server.answer = b""
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(call(*ARGUMENTS), 0.05)
            server.break_off()
            with pytest.raises(errors.ConnectionFailedError):
                await call(*ARGUMENTS)
            server.reset()
            assert AlreadyOnTeam() == await call(*ARGUMENTS)

    asyncio.run(run())


def test_threads_have_at_most_as_many_calls_in_flight_as_sentry_allows() -> None:
    """And the clients made by `with_options` share them."""
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
