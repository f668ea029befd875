"""The connections of a client's own: real ones, to a server on loopback."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sentry_members import (
    AccessRequested,
    AlreadyOnTeam,
    AsyncSentryMembers,
    SentryMembers,
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


@pytest.fixture(params=[None, "aiohttp"], ids=["httpx", "aiohttp"])
def own(request: pytest.FixtureRequest) -> Any:
    """The `transport` of an async client with connections of its own."""
    return request.param


def call(server: Recorder, caller: Caller, **options: Any) -> Any:
    options |= {"url": server.url(), "transport": caller.real}
    return caller.join(answering(), options=options)


def invite(server: Recorder, caller: Caller) -> Any:
    return caller.invite(answering(), options={"url": server.url(), "transport": caller.real})


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
    for mode in ("async", "aiohttp"):
        assert expected == sent(mode)


def test_cookies_are_not_kept(server: Recorder, own: Any) -> None:
    server.respond(202, Set_Cookie="session=1")

    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url(), transport=own) as sentry:
            for _ in range(2):
                await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)

    asyncio.run(run())
    assert not any(b"session" in head for head, _ in server.requests)


def test_a_connection_is_used_again(server: Recorder, own: Any) -> None:
    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url(), transport=own) as sentry:
            for _ in range(9):
                await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)

    asyncio.run(run())
    assert (9, 1) == (len(server.requests), server.connections)


def test_there_are_no_more_connections_than_the_limit(server: Recorder, own: Any) -> None:
    async def run() -> None:
        async with AsyncSentryMembers(token=USER_TOKEN, url=server.url(), transport=own) as sentry:
            calls = [sentry.add_an_organization_member_to_a_team(*ARGUMENTS) for _ in range(200)]
            calls += [join.asyncio(*ARGUMENTS, client=sentry.generated) for _ in range(50)]
            await asyncio.gather(*calls)

    asyncio.run(run())
    assert 250 == len(server.requests)
    assert 20 < server.connections <= transport.AT_ONCE


def test_closing_ends_the_calls_under_way(server: Recorder, own: Any) -> None:
    server.answer = b""

    async def run() -> None:
        sentry = AsyncSentryMembers(token=USER_TOKEN, url=server.url(), transport=own, attempts=1)
        call = asyncio.create_task(sentry.add_an_organization_member_to_a_team(*ARGUMENTS))
        while not server.requests:
            await asyncio.sleep(0.01)
        await sentry.aclose()
        with pytest.raises(errors.ConnectionFailedError):
            await call

    asyncio.run(run())


def test_a_call_that_is_cancelled_or_fails_leaves_its_turn(
    server: Recorder, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "AT_ONCE", 1)

    async def run() -> None:
        async with AsyncSentryMembers(
            token=USER_TOKEN, url=server.url(), transport=own, attempts=1
        ) as sentry:
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


def test_without_the_extra_aiohttp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sentry_members.aiohttp_connections")
    monkeypatch.setitem(sys.modules, "httpx_aiohttp", None)
    with pytest.raises(errors.ConfigurationError, match=r"sentry-members\[aiohttp\]"):
        AsyncSentryMembers(token=USER_TOKEN, transport="aiohttp")


def test_the_sync_client_has_no_aiohttp() -> None:
    with pytest.raises(errors.InvalidArgumentError, match=r"must be an httpx\.BaseTransport"):
        SentryMembers(token=USER_TOKEN, transport="aiohttp")  # type: ignore[arg-type]


def test_aiohttp_knows_no_socks_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(errors.ConfigurationError, match="HTTPS_PROXY"):
        AsyncSentryMembers(token=USER_TOKEN, transport="aiohttp")
