"""The transport: retries, waits, deadlines, limits, and the generated functions."""

import asyncio
import gzip
import json
import logging
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_members import AlreadyOnTeam, AsyncSentryMembers, SentryMembers, errors, transport
from sentry_members_api.api.organizations import add_a_member_to_an_organization
from sentry_members_api.api.teams import add_an_organization_member_to_a_team

from tests.support.client_harness import USER_TOKEN, Caller, responding
from tests.support.new_member import new_member
from tests.support.raw_server import Recorder, recorder
from tests.support.recordings import bodies

DATE = {"Date": "Sun, 22 Nov 2026 03:10:38 GMT"}
RATE_LIMITED = httpx.Response(
    429, json="Too frequently", headers={**DATE, "X-Sentry-Rate-Limit-Reset": "1795317040"}
)
NO_CONTENT = httpx.Response(204)


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as server:
        yield server


@pytest.mark.parametrize(
    ("operation", "first", "attempts"),
    [
        ("invite", RATE_LIMITED, 3),
        ("join", RATE_LIMITED, 3),
        ("invite", httpx.ConnectError("refused"), 3),
        ("invite", httpx.ConnectTimeout("slow"), 3),
        ("invite", httpx.PoolTimeout("busy"), 3),
        ("join", httpx.ConnectError("refused"), 3),
        ("join", httpx.Response(500), 3),
        ("join", httpx.Response(502, html="<html>"), 3),
        ("join", httpx.Response(520), 3),
        ("join", httpx.ReadTimeout("slow"), 3),
        ("join", httpx.RemoteProtocolError("closed"), 3),
        ("join", httpx.ReadError("reset"), 3),
        ("invite", httpx.Response(500), 1),
        ("invite", httpx.Response(503), 1),
        ("invite", httpx.ReadTimeout("slow"), 1),
        ("invite", httpx.WriteError("reset"), 1),
        ("invite", httpx.RemoteProtocolError("closed"), 1),
        ("invite", httpx.Response(429, json={"detail": "too many invitations"}), 1),
        ("join", httpx.Response(400), 1),
        ("join", httpx.Response(401), 1),
        ("join", httpx.Response(403), 1),
        ("join", httpx.Response(404), 1),
        ("join", httpx.Response(408), 1),
        ("join", httpx.Response(302), 1),
    ],
)  # fmt: skip
def test_retries_only_where_that_is_safe(
    operation: str,
    first: httpx.Response | Exception,
    attempts: int,
    caller: Caller,
    waits: list[float],
) -> None:
    with pytest.raises(errors.SentryMembersError):
        getattr(caller, operation)(responding(first))
    assert attempts == len(caller.requests)
    assert attempts - 1 == len(waits)
    bodies = {request.content for request in caller.requests}
    assert 1 == len(bodies)


@pytest.mark.parametrize(
    ("operation", "status", "attempts"),
    [
        ("invite", 429, 3),
        ("join", 429, 3),
        ("invite", 502, 3),
        ("join", 502, 3),
        ("invite", 504, 1),
        ("join", 504, 3),
        ("invite", 500, 1),
        ("invite", 403, 1),
        ("join", 404, 1),
    ],
)
def test_retries_what_a_gateway_did_not_forward(
    operation: str, status: int, attempts: int, caller: Caller, waits: list[float]
) -> None:
    options = {"token": None, "gateway_url": "https://gw.example", "gateway_key": "key-0123456789"}
    response = httpx.Response(
        status, json={"gateway": True, "detail": "x"}, headers={"Retry-After": "3"}
    )
    with pytest.raises(errors.ApiError):
        getattr(caller, operation)(responding(response), options=options)
    assert attempts == len(caller.requests)
    assert all(3 <= wait <= 3.5 for wait in waits)


@pytest.mark.parametrize("first", [RATE_LIMITED, httpx.ConnectError("x"), httpx.Response(503)])
def test_returns_the_outcome_of_a_second_attempt(
    first: httpx.Response | Exception, caller: Caller, waits: list[float]
) -> None:
    assert AlreadyOnTeam() == caller.join(responding(first, NO_CONTENT))
    assert 2 == len(caller.requests)


def test_waits_for_the_end_of_the_window_by_the_servers_clock(
    caller: Caller, waits: list[float]
) -> None:
    caller.join(responding(RATE_LIMITED, RATE_LIMITED, NO_CONTENT))
    assert all(2 <= wait <= 2.5 for wait in waits)
    assert 2 == len(waits)


def test_waits_as_long_as_retry_after_says(caller: Caller, waits: list[float]) -> None:
    caller.join(responding(httpx.Response(503, headers={"Retry-After": "9"}), NO_CONTENT))
    assert 9 <= waits[0] <= 9.5


def test_raises_without_waiting_for_more_than_a_minute(caller: Caller, waits: list[float]) -> None:
    with pytest.raises(errors.RateLimitError) as caught:
        caller.join(responding(httpx.Response(429, headers={"Retry-After": "61"})))
    assert 61 == caught.value.retry_after
    assert ([], 1) == (waits, len(caller.requests))


def test_all_waits_together_take_at_most_a_minute(caller: Caller, waits: list[float]) -> None:
    with pytest.raises(errors.RateLimitError):
        caller.join(responding(httpx.Response(429, headers={"Retry-After": "40"})))
    assert 1 == len(waits)


def test_sends_a_call_as_often_as_attempts_says(caller: Caller, waits: list[float]) -> None:
    with pytest.raises(errors.ServerError):
        caller.join(responding(httpx.Response(500)), options={"attempts": 5})
    assert 5 == len(caller.requests)
    assert sorted(waits) == waits


@pytest.mark.parametrize(
    ("operation", "network_error", "error_type", "may_have_arrived", "message"),
    [
        ("invite", httpx.ConnectTimeout("x"), errors.AnswerTimeoutError, False, "within 5.0 s"),
        ("invite", httpx.ReadTimeout("x"), errors.AnswerTimeoutError, True, "within 30.0 s"),
        ("join", httpx.ReadTimeout("x"), errors.AnswerTimeoutError, True, "Repeating it is safe"),
        ("invite", httpx.ConnectError("refused"), errors.ConnectionFailedError, False, "not sent"),
        ("invite", httpx.ProxyError("403"), errors.ConnectionFailedError, False, "ProxyError: 403"),
        ("invite", httpx.ReadError(""), errors.ConnectionFailedError, True, "Repeating it is safe"),
    ],
)
def test_says_whether_a_request_without_a_response_may_have_arrived(
    operation: str,
    network_error: Exception,
    error_type: type,
    may_have_arrived: bool,
    message: str,
    caller: Caller,
    waits: list[float],
) -> None:
    with pytest.raises(errors.NoAnswerError) as caught:
        getattr(caller, operation)(responding(network_error))
    assert error_type is type(caught.value)
    assert may_have_arrived == caught.value.may_have_arrived
    assert message in str(caught.value)
    assert "acme" in str(caught.value)


@pytest.mark.parametrize(("operation", "attempts"), [("invite", 1), ("join", 3)])
def test_retries_after_a_success_whose_body_breaks_where_that_is_safe(
    operation: str, attempts: int, caller: Caller, waits: list[float]
) -> None:
    def garbled(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": "gzip"}
        return httpx.Response(201, headers=headers, stream=httpx.ByteStream(b"no gzip"))

    with pytest.raises(errors.UnreadableAnswerError, match="Sentry did what was asked"):
        getattr(caller, operation)(garbled)
    assert attempts == len(caller.requests)


def test_logs_each_retry_with_its_wait_and_its_reason(
    caller: Caller, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sentry_members")
    caller.join(responding(httpx.Response(500), httpx.ConnectError("refused"), NO_CONTENT))
    logged = [record.getMessage() for record in caplog.records if record.name == "sentry_members"]
    assert 2 == len(logged)
    assert logged[0].startswith(f"attempt 2 of 3 in {waits[0]:.1f} s, because of: ")
    assert "500 Internal Server Error" in logged[0]
    assert logged[1].startswith(f"attempt 3 of 3 in {waits[1]:.1f} s, because of: ")
    assert "ConnectError" in logged[1]


def test_does_not_log_the_last_failure_as_a_retry(
    caller: Caller, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sentry_members")
    with pytest.raises(errors.ServerError):
        caller.join(responding(httpx.Response(500)), options={"attempts": 2})
    assert 1 == len([record for record in caplog.records if record.name == "sentry_members"])


def test_logs_each_response(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sentry_members")
    caller.join(responding(NO_CONTENT))
    [record] = [record for record in caplog.records if record.name == "sentry_members"]
    url = "https://sentry.io/api/0/organizations/acme/members/8/teams/backend/"
    assert f"POST {url}: 204" == record.getMessage()


def test_a_call_can_be_cancelled_while_it_waits() -> None:
    async def cancel() -> None:
        caller = Caller("async")
        transport = caller.transport(responding(httpx.Response(429, headers={"Retry-After": "50"})))
        async with AsyncSentryMembers(token=USER_TOKEN, transport=transport) as client:
            call = asyncio.ensure_future(
                client.add_an_organization_member_to_a_team("acme", "8", "backend")
            )
            while not caller.requests:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            call.cancel()
            async with asyncio.timeout(40):  # It would wait for 50 s.
                with pytest.raises(asyncio.CancelledError):
                    await call

    asyncio.run(cancel())


GENERATED = {
    "sync": (
        add_a_member_to_an_organization.sync_detailed,
        add_an_organization_member_to_a_team.sync_detailed,
    ),
    "async": (
        add_a_member_to_an_organization.asyncio_detailed,
        add_an_organization_member_to_a_team.asyncio_detailed,
    ),
}


def generated(caller: Caller, handler: Any, number: int, *arguments: str, **body: Any) -> Any:
    """Call a generated function through a client's `generated`."""
    function: Any = GENERATED[caller.mode][number]
    transport = caller.transport(handler)
    if caller.mode == "sync":
        with SentryMembers(token=USER_TOKEN, transport=transport) as client:
            return function(*arguments, client=client.generated, **body)

    async def call() -> Any:
        async with AsyncSentryMembers(token=USER_TOKEN, transport=transport) as client:
            return await function(*arguments, client=client.generated, **body)

    return asyncio.run(call())


@pytest.mark.parametrize("response", [httpx.Response(520), httpx.Response(502, html="<html>"), httpx.Response(401), httpx.Response(400, json=["x"])])  # fmt: skip
def test_a_generated_function_raises_the_same_errors(
    response: httpx.Response, caller: Caller, waits: list[float]
) -> None:
    with pytest.raises(errors.ApiError) as caught:
        generated(caller, responding(response), 1, "acme", "8", "backend")
    assert response.status_code == caught.value.status


def test_a_generated_function_returns_status_and_headers(
    caller: Caller, waits: list[float]
) -> None:
    response = httpx.Response(202, headers={"X-Test": "1"})
    response = generated(caller, responding(RATE_LIMITED, response), 1, "acme", "8", "backend")
    assert (202, "1") == (response.status_code, response.headers["X-Test"])
    assert f"Bearer {USER_TOKEN}" == caller.requests[0].headers["Authorization"]


def test_a_generated_function_keeps_no_cookie() -> None:
    """One with a letter outside ASCII can't be sent, so every later call would fail."""
    cookies = [(b"Set-Cookie", b"a=1"), (b"Set-Cookie", "b=é".encode())]
    caller = Caller("sync")
    network = caller.transport(responding(httpx.Response(204, headers=cookies)))
    with SentryMembers(token=USER_TOKEN, transport=network) as client:
        later = client.generated.with_timeout(httpx.Timeout(9))
        for used in (client.generated, client.generated, later, later):
            add_an_organization_member_to_a_team.sync_detailed("acme", "8", "backend", client=used)
    assert [False] * 4 == ["Cookie" in request.headers for request in caller.requests]


@pytest.mark.parametrize(
    "arguments",
    [
        ("..",),
        (".",),
        ("",),
        ("a/b",),
        ("a\x00b",),
        ("a\nb",),
        ("acme", "..", "backend"),
        ("acme", "8", ".."),
        ("acme", "8", "."),
        ("acme", "", "backend"),
        ("acme", "8/teams/frontend", "backend"),
        ("acme", "8", "back\x7fend"),
    ],
)
def test_a_generated_function_reaches_no_other_endpoint(
    arguments: tuple[str, ...], caller: Caller
) -> None:
    body = {"body": new_member(email="ada@example.com")} if len(arguments) == 1 else {}
    number = 0 if body else 1
    with pytest.raises(
        errors.InvalidArgumentError,
        match=r"can't be empty|not an operation of the",
    ):
        generated(caller, responding(NO_CONTENT), number, *arguments, **body)
    assert [] == caller.requests


@given(st.text(), st.text(), st.text())
def test_any_ids_reach_their_own_endpoint_or_none(
    organization: str, member: str, team: str
) -> None:
    caller = Caller("sync")
    transport = caller.transport(responding(NO_CONTENT))
    with SentryMembers(token=USER_TOKEN, transport=transport) as client:
        for call in (
            lambda: client.add_an_organization_member_to_a_team(organization, member, team),
            lambda: add_an_organization_member_to_a_team.sync_detailed(
                organization, member, team, client=client.generated
            ),
        ):
            try:
                call()
            except (errors.InvalidArgumentError, UnicodeEncodeError):
                continue
    for request in caller.requests:
        parts = request.url.raw_path.decode().split("/")
        assert ["", "api", "0", "organizations"] == parts[:4]
        assert (10, "members", "teams", "") == (len(parts), parts[5], parts[7], parts[9])
        assert organization == httpx.URL(f"http://h/{parts[4]}").path[1:]


def test_rejects_async_functions_with_a_sync_client_and_the_reverse() -> None:
    transport = Caller("sync").transport(responding(NO_CONTENT))
    arguments = ("acme", "8", "backend")
    client = SentryMembers(token=USER_TOKEN, transport=transport).generated
    coroutine = add_an_organization_member_to_a_team.asyncio_detailed(*arguments, client=client)
    with pytest.raises(errors.ConfigurationError, match="that of AsyncSentryMembers to the"):
        asyncio.run(coroutine)
    client = AsyncSentryMembers(token=USER_TOKEN, transport=transport).generated
    with pytest.raises(errors.ConfigurationError, match="of SentryMembers to the sync functions"):
        add_an_organization_member_to_a_team.sync_detailed(*arguments, client=client)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("status", [201, 403])
def test_a_slow_body_ends_at_the_deadline(status: int, caller: Caller, server: Recorder) -> None:
    server.drip(b"HTTP/1.1 %d X\r\nContent-Length: 1000\r\n\r\n" % status)
    options = {"url": server.url(), "transport": None, "timeout": 0.5, "attempts": 1}
    expected = errors.UnreadableAnswerError if status == 201 else errors.ForbiddenError
    began = time.monotonic()
    with pytest.raises(expected, match="its body"):
        caller.invite(responding(), options=options)
    assert time.monotonic() - began < 40  # The body takes 50 s.


@pytest.mark.slow
@pytest.mark.everywhere
def test_slow_headers_end_at_the_deadline_of_an_async_client(server: Recorder) -> None:
    """A sync client has no such deadline: httpx starts its timeout anew with each part."""
    server.drip(b"HTTP/1.1 204 X\r\nX-Long: ")
    options = {"url": server.url(), "transport": None, "timeout": 0.5, "attempts": 1}
    with pytest.raises(errors.AnswerTimeoutError, match=r"within 2\.0 s"):
        Caller("async").join(responding(), options=options)


LARGE = bytes(2 * transport.MAX_BODY)
TOO_LARGE = {
    "plain": LARGE,
    "decompressed": gzip.compress(LARGE, 1),
    # These have nothing, or hardly anything, to decompress.
    "a file name": b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * len(LARGE),
    "what follows": gzip.compress(b"{}") + LARGE,
}


@pytest.mark.slow
@pytest.mark.parametrize("status", [201, 403])
@pytest.mark.parametrize("what", TOO_LARGE)
def test_does_not_keep_a_body_that_is_too_large(status: int, what: str, caller: Caller) -> None:
    content = TOO_LARGE[what]
    headers = {} if what == "plain" else {"Content-Encoding": "gzip"}
    expected = errors.UnreadableAnswerError if status == 201 else errors.ForbiddenError

    def huge(request: httpx.Request) -> httpx.Response:
        stream = Parts(content[start : start + 65536] for start in range(0, len(content), 65536))
        return httpx.Response(status, headers=headers, stream=stream)

    tracemalloc.start()
    with pytest.raises(expected, match="its body has more than 10 MiB") as caught:
        caller.invite(huge)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * transport.MAX_BODY
    assert b"" == caught.value.body


def test_asks_only_for_what_it_decompresses(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As when a user has installed httpx[brotli].
    monkeypatch.setattr("httpx._client.ACCEPT_ENCODING", "gzip, deflate, br")
    caller.join(responding(NO_CONTENT))
    assert "gzip" == caller.requests[0].headers["Accept-Encoding"]


def test_decompresses_only_once(caller: Caller) -> None:
    """Otherwise a megabyte that is compressed twice could become a terabyte."""
    member = json.dumps(bodies("addAMemberToAnOrganization", 201)[0])
    content = gzip.compress(gzip.compress(member.encode()))

    def nested(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": "gzip, gzip"}
        return httpx.Response(201, headers=headers, stream=Parts([content]))

    with pytest.raises(errors.UnreadableAnswerError):
        caller.invite(nested)


class Parts(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in these parts."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


@pytest.mark.parametrize("is_read", [False, True])
def test_reads_a_compressed_response(is_read: bool, caller: Caller) -> None:
    """A caller's own transport may have read the body already."""
    content = gzip.compress(json.dumps({"detail": "Compressed."}).encode())

    def compressed(request: httpx.Request) -> httpx.Response:
        body = {"content": content} if is_read else {"stream": Parts([content])}
        return httpx.Response(403, headers={"Content-Encoding": "gzip"}, **body)

    with pytest.raises(errors.ForbiddenError, match=r"Compressed\."):
        caller.join(compressed)


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(201, json={"slug": "x"}),
        httpx.Response(201, html="<html>"),
        httpx.Response(201, json=[]),
        httpx.Response(200, html="<title>Log in</title>"),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_a_generated_function_raises_for_a_success_that_cannot_be_read(
    response: httpx.Response, number: int, caller: Caller, waits: list[float]
) -> None:
    arguments = ("acme",) if number == 0 else ("acme", "8", "backend")
    body = {"body": new_member(email="ada@example.com")} if number == 0 else {}
    with pytest.raises(errors.ApiError) as caught:
        generated(caller, responding(response), number, *arguments, **body)
    assert response.status_code == caught.value.status
    assert (response.status_code == 201) == isinstance(caught.value, errors.UnreadableAnswerError)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("error", [RuntimeError("a bug"), LookupError("x"), MemoryError()])
def test_passes_through_an_error_that_is_not_about_the_network(
    error: Exception, caller: Caller
) -> None:
    with pytest.raises(type(error)) as caught:
        caller.join(responding(error))
    assert error is caught.value


def test_an_error_may_be_its_own_cause(caller: Caller) -> None:
    def send(request: httpx.Request) -> httpx.Response:
        error = httpx.ReadError("reset")
        raise error from error

    with pytest.raises(errors.ConnectionFailedError, match="ReadError: reset"):
        caller.invite(send)
