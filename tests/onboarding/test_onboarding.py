"""Onboarding: the outcome of each row, the order and pace of requests, and what is recorded."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from sentry_members import AsyncSentryMembers, Member, TeamRoleAssignment
from sentry_members.errors import (
    ApiError,
    ConnectionFailedError,
    ForbiddenError,
    InviteQuotaError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnauthorizedError,
)
from sentry_members_onboarding import (
    Addition,
    Invite,
    Result,
    ResultsFile,
    ResultsFileError,
    Row,
    RowOutcome,
    onboard,
    read_people,
)
from sentry_members_onboarding.rows import merge
from sentry_members_testing import FakeSentry, Version

from tests.support.client_harness import USER_TOKEN
from tests.support.fake_requests import Clock
from tests.support.recordings import CURRENT_RESPONSES, bodies

URL = "https://sentry.io/"
SCOPES = ["member:admin", "org:read"]
TEAM = TeamRoleAssignment("backend", None)
TEAMS = TEAM, TeamRoleAssignment("frontend", None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only sleeping moves; no test really waits."""
    clock = Clock()
    really_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        clock.now += max(0, seconds)
        await really_sleep(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.fixture
def fake(clock: Clock) -> FakeSentry:
    return FakeSentry.example(clock=clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.results.csv"


def invites(count: int) -> list[Row]:
    return [Invite(f"p{number}@example.com", line=number) for number in range(count)]


def run(
    rows: Iterable[Row],
    transport: httpx.AsyncBaseTransport,
    token: str = USER_TOKEN,
    organization: str = "acme",
    path: Path | None = None,
) -> dict[str, Result]:
    """Onboard the rows; return the results by e-mail address, or by team."""

    async def onboarded(results_file: ResultsFile | None) -> dict[str, Result]:
        async with AsyncSentryMembers(token=token, transport=transport) as sentry:
            results = [r async for r in onboard(sentry, organization, rows, results_file)]
        by_name = {result.row.email or result.row.team: result for result in results}
        assert len(by_name) == len(results)
        return by_name

    if path is None:
        return asyncio.run(onboarded(None))
    with ResultsFile(path, URL, organization) as results_file:
        return asyncio.run(onboarded(results_file))


def run_against(
    fake: FakeSentry, rows: Iterable[Row], path: Path | None = None, **token: Any
) -> dict[str, Result]:
    """Onboard the rows at a fake, by default with the token of an owner of acme."""
    organization = token.pop("organization", "acme")
    issued = fake.issue_token(organization, **{"owner": "owner", "scopes": SCOPES, **token})
    return run(rows, fake.async_transport(), issued, organization, path)


def outcomes(results: dict[str, Result]) -> dict[str, RowOutcome]:
    return {name: result.outcome for name, result in results.items()}


def test_returns_the_outcome_of_each_row(fake: FakeSentry) -> None:
    target, idp = fake.member_id("acme", "target"), fake.member_id("acme", "onidp")
    fake.add_member("acme", "eve", email="eve@example.com", pending="approved")
    results = run_against(
        fake,
        [
            Invite("ada@example.com", "manager", (TEAM,)),
            Invite("eve@example.com"),
            Invite("owner@acme.example"),
            Invite("bob@example.com", team_roles=(TeamRoleAssignment("none", None),)),
            Addition(target, "backend"),
            Addition(idp, "idp-team"),
        ],
    )
    assert {
        "ada@example.com": RowOutcome.INVITED,
        "eve@example.com": RowOutcome.ALREADY_INVITED,
        "owner@acme.example": RowOutcome.ALREADY_MEMBER,
        "bob@example.com": RowOutcome.REFUSED,
        "backend": RowOutcome.ADDED,
        "idp-team": RowOutcome.ALREADY_ON_TEAM,
    } == outcomes(results)
    ada = next(member for member in fake.members if member.email == "ada@example.com")
    assert (ada.id, "manager", ["backend"]) == (
        results["ada@example.com"].member_id,
        ada.org_role,
        list(ada.teams),
    )
    assert "400: teamRoles: Invalid teams. Is each team there?" in results["bob@example.com"].detail


def test_a_refusal_of_a_team_does_not_stop_the_run(fake: FakeSentry) -> None:
    target = fake.member_id("acme", "target")
    rows = [Addition(target, "idp-team"), Addition(target, "nowhere"), Addition(target, "backend")]
    results = run_against(fake, rows)
    assert {
        "idp-team": RowOutcome.REFUSED,
        "nowhere": RowOutcome.REFUSED,
        "backend": RowOutcome.ADDED,
    } == outcomes(results)
    assert "Add the person to the team in the identity provider." in results["idp-team"].detail


def test_reports_an_access_request(fake: FakeSentry) -> None:
    target = fake.member_id("closed", "target")
    results = run_against(
        fake, [Addition(target, "backend")], organization="closed", owner="member"
    )
    assert RowOutcome.ACCESS_REQUESTED is results["backend"].outcome
    assert "Nobody was added yet" in results["backend"].detail


def test_does_not_retry_an_argument_that_cannot_be_sent(fake: FakeSentry) -> None:
    results = run_against(fake, [Addition("8", "../x"), Invite("ada@example.com")])
    assert RowOutcome.NOT_ATTEMPTED is results["../x"].outcome
    assert RowOutcome.INVITED is results["ada@example.com"].outcome


class Stubborn(str):
    """A text that can be sent, and not recorded."""

    def lower(self) -> str:
        raise RuntimeError


def test_sends_the_rows_behind_one_that_cannot_be_recorded(fake: FakeSentry, path: Path) -> None:
    rows = [Invite(Stubborn("eve@example.com")), *invites(2)]
    results = outcomes(run_against(fake, rows, path))
    assert RowOutcome.NOT_ATTEMPTED == results.pop("eve@example.com")
    assert [RowOutcome.INVITED] * 2 == list(results.values())
    assert 1 == path.read_text().count("the row can't be sent (RuntimeError")


@pytest.mark.parametrize("member_id", ["\x1b[2J", "7\n8", USER_TOKEN, "", None, ["7"]], ids=repr)
def test_keeps_no_member_id_that_is_not_a_number(member_id: Any) -> None:
    """It would be printed to a terminal as the server sends it."""
    member = Member.from_dict(bodies("addAMemberToAnOrganization", 201)[0] | {"id": member_id})
    result = Result.of(Invite("ada@example.com"), member)
    assert (RowOutcome.INVITED, "") == (result.outcome, result.member_id)


def unsendable() -> list[Any]:
    """Return rows that a program built wrongly."""
    return [
        Invite("nobody"),
        Invite(7),  # type: ignore[arg-type]
        Invite("a@example.com", 8),  # type: ignore[arg-type]
        Invite("b@example.com", team_roles=None),  # type: ignore[arg-type]
        Invite("c@example.com", team_roles=("backend",)),  # type: ignore[arg-type]
        Addition("1" * 70_000, "backend"),
        Invite("e@example.com", line="2"),  # type: ignore[arg-type]
        Addition("8", None),  # type: ignore[arg-type]
        "d@example.com",
    ]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_sends_the_rows_behind_one_that_cannot_be_sent(
    is_recorded: bool, fake: FakeSentry, path: Path
) -> None:
    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)

    async def sent(results_file: ResultsFile | None) -> list[Result]:
        rows = [row for bad in unsendable() for row in (bad, None)]
        rows[1::2] = invites(len(rows) // 2)
        async with AsyncSentryMembers(token=token, transport=fake.async_transport()) as sentry:
            return [result async for result in onboard(sentry, "acme", rows, results_file)]

    count = len(unsendable())
    if is_recorded:
        with ResultsFile(path, URL, "acme") as results_file:
            results = asyncio.run(sent(results_file))
        assert count == path.read_text().count("the row can't be sent")
    else:
        results = asyncio.run(sent(None))
    assert {RowOutcome.INVITED: count, RowOutcome.NOT_ATTEMPTED: count} == Counter(
        result.outcome for result in results
    )
    assert count == len(fake.requests)


def test_yields_a_result_for_each_line_of_an_invite(fake: FakeSentry) -> None:
    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)
    row = merge([Invite("ada@example.com", line=2), Invite("ada@example.com", line=5)])

    async def lines() -> list[int]:
        async with AsyncSentryMembers(token=token, transport=fake.async_transport()) as sentry:
            return [result.row.line async for result in onboard(sentry, "acme", [row])]

    assert [2, 5] == asyncio.run(lines())
    assert 1 == len(fake.requests)


@pytest.mark.parametrize(
    ("before", "after", "sent", "outcomes"),
    [
        ("backend;frontend", "frontend;backend", [], ["invited", "invited"]),
        ("backend frontend", "frontend,backend", [], ["invited"]),
        ("backend frontend", "frontend;backend", [], ["invited", "invited"]),
        ("backend", "backend;frontend", [["frontend"]], ["invited", "already invited"]),
        ("backend;frontend", "frontend", [], ["invited"]),
        ("backend;frontend", "", [], ["invited"]),
        ("backend;frontend", "backend frontend", [], ["invited"]),
        (
            "backend frontend",
            "idp-team;frontend;backend",
            [["idp-team"]],
            ["already invited", "invited", "invited"],
        ),
        ("backend;nosuch", "backend", [["backend"]], ["invited"]),
        ("backend;nosuch", "backend;backend", [["backend"]], ["invited", "invited"]),
        ("backend;nosuch", "backend;frontend", [["backend", "frontend"]], ["invited", "invited"]),
        ("backend;nosuch", "nosuch;backend", [], ["refused", "refused"]),
    ],
)
def test_sends_only_those_rows_of_a_person_that_are_not_done(
    before: str,
    after: str,
    sent: list[list[str]],
    outcomes: list[str],
    fake: FakeSentry,
    path: Path,
) -> None:
    def person(teams: str) -> Row:
        rows = "".join(f'ada@example.com,"{each}"\n' for each in teams.split(";"))
        [row] = read_people(BytesIO(f"email,teams\n{rows}".encode()))
        return row

    recorded_outcomes(fake, person(before), path)
    count = len(fake.requests)
    assert outcomes == recorded_outcomes(fake, person(after), path)
    bodies = [request.body for request in fake.requests[count:]]
    assert sent == [[team["teamSlug"] for team in body.get("teamRoles", [])] for body in bodies]


@pytest.mark.parametrize(
    ("unknown", "outcome"), [(1, RowOutcome.ALREADY_INVITED), (2, RowOutcome.INVITED)]
)
def test_a_lost_response_counts_for_the_rows_that_were_sent(
    unknown: int, outcome: RowOutcome, fake: FakeSentry, path: Path
) -> None:
    rows = [Invite("ada@example.com", team_roles=(team,)) for team in TEAMS]
    with ResultsFile(path, URL, "acme") as results_file:
        results_file.sending(merge(rows[:unknown]))
    run_against(fake, rows[:1])
    assert [outcome, outcome] == recorded_outcomes(fake, merge(rows), path)


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_lost_response_does_not_tell_who_invited_a_person(
    is_killed: bool, fake: FakeSentry, path: Path
) -> None:
    """The teams of the lost request are not applied to a person who was invited before."""
    rows = [Invite("ada@example.com", team_roles=(team,)) for team in TEAMS]
    recorded_outcomes(fake, rows[0], path)
    if is_killed:
        with ResultsFile(path, URL, "acme") as results_file:
            results_file.sending(rows[1])
    else:
        fake.fail_next("drop-before")
    expected = [RowOutcome.INVITED, RowOutcome.ALREADY_INVITED]
    assert expected == recorded_outcomes(fake, merge(rows), path)


def recorded_outcomes(fake: FakeSentry, row: Row, path: Path) -> list[RowOutcome | None]:
    """Onboard a person who is on one row or several; return what is recorded of each."""
    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)

    async def onboarded() -> list[RowOutcome | None]:
        async with AsyncSentryMembers(token=token, transport=fake.async_transport()) as sentry:
            with ResultsFile(path, URL, "acme") as results_file:
                async with aclosing(onboard(sentry, "acme", [row], results_file)) as results:
                    assert all([result.row.email async for result in results])
                return [outcome for _, outcome in results_file.part_outcomes(row)]

    return asyncio.run(onboarded())


@pytest.mark.parametrize("email", ["owner@acme.example", "eve@example.com"])
def test_says_that_the_teams_of_an_earlier_member_were_not_applied(
    email: str, fake: FakeSentry
) -> None:
    fake.add_member("acme", "eve", email="eve@example.com", pending="approved")
    with_team = run_against(fake, [Invite(email, team_roles=(TEAM,))])[email]
    assert "The teams (backend) were not applied by this request" in with_team.detail
    assert "not applied" not in run_against(fake, [Invite(email)])[email].detail


def test_sends_invites_without_an_e_mail(fake: FakeSentry) -> None:
    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)

    async def sent() -> list[Result]:
        async with AsyncSentryMembers(token=token, transport=fake.async_transport()) as sentry:
            results = onboard(sentry, "acme", invites(1), send_invite=False)
            return [result async for result in results]

    assert [RowOutcome.INVITED] == [result.outcome for result in asyncio.run(sent())]
    assert False is fake.requests[0].body["sendInvite"]


@pytest.mark.parametrize("fault", ["drop-after", 504, "drop-before", 500, 502, 520])
def test_repeats_a_request_without_a_response(fault: Any, fake: FakeSentry, path: Path) -> None:
    fake.fail_next(fault, every=3, times=4)
    results = run_against(fake, invites(20), path)
    assert {RowOutcome.INVITED: 20} == Counter(outcomes(results).values())
    assert 20 == sum(member.email.endswith("@example.com") for member in fake.members)
    assert 24 == len(fake.requests)
    resolved = [result for result in results.values() if not result.member_id]
    took_effect = fault in ("drop-after", 504)
    assert (4 if took_effect else 0) == len(resolved)
    assert {"done by an earlier request, whose response was lost"} >= {
        result.detail for result in resolved
    }
    assert path.read_text().count(",invited,") == 20, "one line for each row is left"


def test_waits_a_second_before_repeating_a_request(clock: Clock, fake: FakeSentry) -> None:
    fake.fail_next("drop-after")
    began = clock.now
    run_against(fake, invites(3))
    assert 1 <= clock.now - began < 2


def test_an_outcome_stays_unknown_if_the_token_expires_before_the_repetition(
    fake: FakeSentry, path: Path
) -> None:
    network = fake.async_transport()

    async def expiring(request: httpx.Request) -> httpx.Response:
        if fake.requests:
            return httpx.Response(401, json={"detail": "Token expired"})
        return await network.handle_async_request(request)

    fake.fail_next("drop-after")
    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)
    results = run(invites(1), httpx.MockTransport(expiring), token, path=path)
    assert RowOutcome.OUTCOME_UNKNOWN is results["p0@example.com"].outcome
    assert "not attempted" not in path.read_text()


@pytest.mark.parametrize("reason", ["scope", "quota"])
def test_additions_go_on_after_the_end_of_the_invites(reason: str, fake: FakeSentry) -> None:
    target = fake.member_id("acme", "target")
    fake.limit_invites(per_day=0)
    scopes = ["org:read"] if reason == "scope" else SCOPES
    results = run_against(fake, [*invites(50), Addition(target, "backend")], scopes=scopes)
    assert RowOutcome.ADDED is results.pop("backend").outcome
    assert {RowOutcome.NOT_ATTEMPTED: 50} == Counter(outcomes(results).values())


def test_reports_an_access_request_whose_body_broke_off() -> None:
    class Broken(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"ac"
            raise httpx.RemoteProtocolError("peer closed connection")

    transport = httpx.MockTransport(lambda _: httpx.Response(202, stream=Broken()))
    results = run([Addition("8", "backend")], transport)
    assert RowOutcome.ACCESS_REQUESTED is results["backend"].outcome


@pytest.mark.parametrize("status", [400, 404, 405, 413])
def test_a_row_that_the_gateway_rejects_is_not_attempted(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRY_GATEWAY_URL", "https://gateway.example")
    monkeypatch.setenv("SENTRY_GATEWAY_KEY", "k" * 16)
    body = {"gateway": True, "detail": "no"}
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body))

    async def sent() -> list[RowOutcome]:
        async with AsyncSentryMembers(transport=transport) as sentry:
            rows = [Addition(str(number), "backend") for number in range(30)]
            return [result.outcome async for result in onboard(sentry, "acme", rows)]

    assert [RowOutcome.NOT_ATTEMPTED] * 30 == asyncio.run(sent())


@pytest.mark.parametrize("row", [Invite("ada@example.com"), Addition("8", "backend")])
def test_a_success_that_cannot_be_read_is_a_success(row: Row) -> None:
    response = httpx.Response(201, text="created")
    results = run([row], httpx.MockTransport(lambda _: response))
    expected = RowOutcome.INVITED if isinstance(row, Invite) else RowOutcome.ADDED
    assert [expected] == list(outcomes(results).values())


def test_resolves_a_repeated_addition(fake: FakeSentry) -> None:
    fake.fail_next("drop-after")
    results = run_against(fake, [Addition(fake.member_id("acme", "target"), "backend")])
    assert RowOutcome.ADDED is results["backend"].outcome


def test_an_older_server_does_not_resolve_a_repeated_invite(clock: Clock) -> None:
    fake = FakeSentry.example("23.7", clock=clock)
    fake.fail_next("drop-after")
    result = run_against(fake, [Invite("ada@example.com")])["ada@example.com"]
    assert RowOutcome.ALREADY_MEMBER is result.outcome
    assert "Perhaps by the invite whose response was lost." in result.detail


def test_a_row_is_unknown_after_two_failures_and_the_next_run_retries_it(
    fake: FakeSentry, path: Path
) -> None:
    fake.fail_next(500, times=2)
    result = run_against(fake, [Invite("ada@example.com")], path)["ada@example.com"]
    assert RowOutcome.OUTCOME_UNKNOWN is result.outcome
    assert isinstance(result.error, ServerError)
    assert 2 == len(fake.requests)
    fake.fail_next("drop-after")
    result = run_against(fake, [Invite("ada@example.com")], path)["ada@example.com"]
    assert RowOutcome.OUTCOME_UNKNOWN is result.outcome
    result = run_against(fake, [Invite("ada@example.com")], path)["ada@example.com"]
    assert (RowOutcome.INVITED, 4) == (result.outcome, len(fake.requests))


def test_retries_requests_that_were_not_sent(fake: FakeSentry) -> None:
    fake.fail_next("refused", times=6)
    assert {RowOutcome.INVITED: 40} == Counter(outcomes(run_against(fake, invites(40))).values())
    assert 40 == len(fake.requests)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (502, RowOutcome.ALREADY_ON_TEAM),  # The first request didn't reach Sentry.
        (504, RowOutcome.ADDED),  # The first request may have acted.
    ],
)
def test_repeats_a_row_after_an_error_of_the_gateway(
    status: int,
    outcome: RowOutcome,
    clock: Clock,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SENTRY_GATEWAY_URL", "https://gateway.example")
    monkeypatch.setenv("SENTRY_GATEWAY_KEY", "k" * 16)
    body = {"gateway": True, "detail": "no"}
    responses = [httpx.Response(status, json=body), httpx.Response(204)]
    transport = httpx.MockTransport(lambda _: responses.pop(0))

    async def sent(results_file: ResultsFile) -> list[RowOutcome]:
        async with AsyncSentryMembers(transport=transport) as sentry:
            results = onboard(sentry, "acme", [Addition("8", "backend")], results_file)
            return [result.outcome async for result in results]

    with ResultsFile(path, URL, "acme") as results_file:
        assert [outcome] == asyncio.run(sent(results_file))
        first = "not attempted" if status == 502 else "outcome unknown"
        assert 1 == path.read_text().count(f",{first},")


def test_failures_of_all_requests_in_flight_count_as_one(clock: Clock) -> None:
    """A connection that breaks takes all requests in flight with it."""
    sent = 0

    async def run() -> int:
        all_sent = asyncio.Event()

        async def respond(request: httpx.Request) -> httpx.Response:
            nonlocal sent
            sent += 1
            if 1 < sent <= 25:
                if sent == 25:
                    all_sent.set()
                await all_sent.wait()
                raise httpx.ConnectError("unreachable")
            return httpx.Response(204)

        transport = httpx.MockTransport(respond)
        rows = [Addition(str(number), "backend", number) for number in range(50)]
        async with AsyncSentryMembers(token=USER_TOKEN, transport=transport) as sentry:
            return sum([r.outcome.is_final async for r in onboard(sentry, "acme", rows)])

    assert 50 == asyncio.run(run())
    assert 50 + 24 == sent


@pytest.mark.parametrize(
    ("fault", "error", "outcome"),
    [
        ("refused", ConnectionFailedError, RowOutcome.NOT_ATTEMPTED),
        (503, ServerError, RowOutcome.OUTCOME_UNKNOWN),
    ],
)
def test_stops_after_half_a_minute_without_a_response(
    fault: Any, error: type, outcome: RowOutcome, clock: Clock, fake: FakeSentry
) -> None:
    fake.fail_next(fault, times=None)
    began = clock.now
    results = run_against(fake, invites(400))
    assert 31 <= clock.now - began < 60
    assert 400 == len(results)
    assert 400 - 200 < Counter(outcomes(results).values())[RowOutcome.NOT_ATTEMPTED]
    assert {RowOutcome.NOT_ATTEMPTED, outcome} == set(outcomes(results).values())
    assert {error} == {type(result.error) for result in results.values()}


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(401, json={"detail": "Token expired"}), UnauthorizedError),
        (httpx.Response(404, json={"detail": "The requested resource does not"}), NotFoundError),
        (
            httpx.Response(
                403, json={"detail": "You do not have permission to perform this action."}
            ),
            ForbiddenError,
        ),
        (httpx.Response(302, headers={"Location": "https://login.example"}), ApiError),
        (httpx.Response(200, html="<title>Log in</title>"), ApiError),
        (httpx.Response(429, headers={"Retry-After": "3600"}, json="later"), RateLimitError),
    ],
    ids=lambda value: str(getattr(value, "status_code", "")),
)
def test_stops_after_a_response_that_any_row_would_get(
    response: httpx.Response, error: type, clock: Clock, path: Path
) -> None:
    requests: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx.ByteStream(response.content),
        )

    results = run(invites(100), httpx.MockTransport(refuse), path=path)
    assert {RowOutcome.NOT_ATTEMPTED: 100} == Counter(outcomes(results).values())
    assert 1 == len(requests)
    assert {error} == {type(result.error) for result in results.values()}
    assert {f"{response.status_code}:"} == {r.detail.split()[0] for r in results.values()}


def test_stops_at_the_invite_quota_and_goes_on_the_next_day(
    clock: Clock, fake: FakeSentry, path: Path
) -> None:
    fake.limit_invites(per_day=100)
    rows = invites(250)
    results = run_against(fake, rows, path)
    assert {RowOutcome.INVITED: 100, RowOutcome.NOT_ATTEMPTED: 150} == Counter(
        outcomes(results).values()
    )
    left = [r for r in results.values() if r.outcome is RowOutcome.NOT_ATTEMPTED]
    assert {InviteQuotaError} == {type(result.error) for result in left}
    assert all("go on tomorrow" in result.detail for result in left)
    clock.now += 24 * 60 * 60
    assert 150 == len(run_against(fake, rows, path))
    clock.now += 24 * 60 * 60
    assert {RowOutcome.INVITED: 50} == Counter(outcomes(run_against(fake, rows, path)).values())
    assert {} == run_against(fake, rows, path)
    assert {f"p{number}@example.com": 1 for number in range(250)} == Counter(
        member.email for member in fake.members if member.email.endswith("@example.com")
    )


@pytest.mark.slow
def test_sends_as_fast_as_the_rate_limiter_allows(clock: Clock, fake: FakeSentry) -> None:
    fake.limit_requests(per_second=40, concurrent=25)
    began = clock.now
    run_against(fake, invites(1000))
    assert {201} == {request.status for request in fake.requests}
    assert 38 <= 1000 / (clock.now - began) <= 40


def test_does_not_wait_without_a_rate_limiter(clock: Clock, fake: FakeSentry) -> None:
    began = clock.now
    run_against(fake, invites(100))
    assert 0 == clock.now - began


@pytest.mark.parametrize("version", ["current", "23.7"])
def test_retries_every_row_after_rate_limit(version: Version, clock: Clock) -> None:
    """Other clients use up the window at times: their requests count with ours."""
    fake = FakeSentry.example(version, clock=clock)
    fake.limit_requests(per_second=40, concurrent=25)
    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)
    network = fake.async_transport()
    ours: list[int] = []

    async def shared(request: httpx.Request) -> httpx.Response:
        if len(ours) % 20 == 0:
            for _ in range(35):
                await network.handle_async_request(
                    httpx.Request("POST", request.url, headers=request.headers, content=b"{}")
                )
        response = await network.handle_async_request(request)
        ours.append(response.status_code)
        return response

    results = run(invites(200), httpx.MockTransport(shared), token)
    assert 5 < Counter(ours)[429]
    assert {RowOutcome.INVITED: 200} == Counter(outcomes(results).values())
    assert 200 == Counter(ours)[201]
    assert 200 == sum(member.email.endswith("@example.com") for member in fake.members)


@pytest.mark.parametrize(
    ("case", "outcome", "requests"),
    [
        ("rate limit, since 2025-10", RowOutcome.INVITED, 2),
        ("rate limit, before", RowOutcome.INVITED, 2),
        ("concurrency limit", RowOutcome.INVITED, 2),
        ("sentry.io's API gateway limits", RowOutcome.INVITED, 2),
        ("the invite quota", RowOutcome.NOT_ATTEMPTED, 1),
        ("the organization requires two-factor", RowOutcome.NOT_ATTEMPTED, 1),
        ("the token's owner is over", RowOutcome.NOT_ATTEMPTED, 1),
        ("missing scope", RowOutcome.NOT_ATTEMPTED, 1),
        ("'Let Members Invite Others'", RowOutcome.NOT_ATTEMPTED, 1),
        ("the role admin", RowOutcome.REFUSED, 1),
        ("an address at qq.com", RowOutcome.REFUSED, 1),
        ("the account of the token's owner is suspended", RowOutcome.NOT_ATTEMPTED, 1),
        ("sentry.io's API gateway: the organization", RowOutcome.NOT_ATTEMPTED, 1),
        ("sentry.io's API gateway: the region can't", RowOutcome.INVITED, 2),
        ("the same, breaker open", RowOutcome.INVITED, 2),
        ("sentry.io's API gateway: the region broke off", RowOutcome.INVITED, 2),
        ("sentry.io's API gateway: no answer in time", RowOutcome.INVITED, 2),
        ("the control silo waited too long", RowOutcome.INVITED, 2),
    ],
)
def test_outcome_of_a_row_after_a_response_of_a_current_server(
    case: str, outcome: RowOutcome, requests: int, clock: Clock, fake: FakeSentry
) -> None:
    """The first request gets this response and doesn't reach Sentry; the second one does."""
    [line] = [line for line in CURRENT_RESPONSES if line["case"].startswith(case)]
    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)
    network = fake.async_transport()
    sent: list[httpx.Request] = []

    async def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        if len(sent) > 1:
            return await network.handle_async_request(request)
        headers = {name: text for name, text in line["headers"].items() if "<" not in text}
        content = json.dumps(line["body"]).encode()
        return httpx.Response(line["status"], headers=headers, stream=httpx.ByteStream(content))

    results = run(invites(1), httpx.MockTransport(respond), token)
    assert {"p0@example.com": outcome} == outcomes(results)
    assert requests == len(sent)


def test_sends_the_first_request_alone_and_then_24_at_a_time() -> None:
    in_flight: set[str] = set()
    most: list[int] = []

    async def count() -> int:
        full = asyncio.Event()

        async def respond(request: httpx.Request) -> httpx.Response:
            in_flight.add(request.url.path)
            if not most:
                for _ in range(100):
                    await asyncio.sleep(0)
            else:
                if len(in_flight) == 24:
                    full.set()
                await asyncio.wait_for(full.wait(), 10)
            most.append(len(in_flight))
            in_flight.remove(request.url.path)
            return httpx.Response(204)

        rows = [Addition(str(number), "backend", number) for number in range(100)]
        transport = httpx.MockTransport(respond)
        async with AsyncSentryMembers(token=USER_TOKEN, transport=transport) as sentry:
            return sum([1 async for _ in onboard(sentry, "acme", rows)])

    assert 100 == asyncio.run(count())
    assert 1 == most[0]
    assert 24 == max(most)


def test_takes_rows_only_when_they_can_be_sent(fake: FakeSentry) -> None:
    taken = 0

    def rows() -> Iterator[Row]:
        nonlocal taken
        for row in invites(1000):
            taken += 1
            yield row

    async def take_one(token: str) -> None:
        async with (
            AsyncSentryMembers(token=token, transport=fake.async_transport()) as sentry,
            aclosing(onboard(sentry, "acme", rows())) as results,
        ):
            await anext(results)
            assert taken < 100

    asyncio.run(take_one(fake.issue_token("acme", owner="owner", scopes=SCOPES)))


def test_records_each_row_before_it_is_sent(fake: FakeSentry, path: Path) -> None:
    network = fake.async_transport()
    seen: list[bool] = []

    async def check(request: httpx.Request) -> httpx.Response:
        email = request.content.partition(b'"email":"')[2].partition(b'"')[0].decode()
        last = [line for line in path.read_text().splitlines() if email in line][-1]
        seen.append(last.split(",")[5] == "sending")
        return await network.handle_async_request(request)

    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)
    run(invites(30), httpx.MockTransport(check), token, path=path)
    assert [True] * 30 == seen


def test_skips_rows_with_a_final_outcome(fake: FakeSentry, path: Path) -> None:
    rows = [*invites(5), Invite("bob@example.com", team_roles=(TeamRoleAssignment("x", None),))]
    run_against(fake, rows, path)
    sent = len(fake.requests)
    assert {} == run_against(fake, rows, path)
    corrected = Invite("bob@example.com", team_roles=(TEAM,))
    assert ["bob@example.com"] == list(run_against(fake, [*rows[:5], corrected], path))
    assert sent + 1 == len(fake.requests)


def test_sends_nothing_that_cannot_be_recorded(
    fake: FakeSentry, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write: Callable[..., None] = ResultsFile._write

    def full(self: ResultsFile, cells: Any) -> None:
        if len(fake.requests) == 10:
            raise ResultsFileError("no space left")
        write(self, cells)

    monkeypatch.setattr(ResultsFile, "_write", full)
    with pytest.raises(ResultsFileError, match="no space left"):
        run_against(fake, invites(100), path)
    assert 10 == len(fake.requests)


async def reached(point: asyncio.Event, task: asyncio.Task[Any]) -> None:
    """Wait until a task reaches a point; if it fails before, so does the test that awaits it."""
    waiting = asyncio.create_task(point.wait())
    await asyncio.wait((waiting, task), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def test_an_interruption_records_rows_that_were_never_sent(fake: FakeSentry, path: Path) -> None:
    async def interrupted(results_file: ResultsFile) -> None:
        sent = asyncio.Event()

        async def never(request: httpx.Request) -> httpx.Response:
            sent.set()
            await asyncio.Event().wait()
            raise AssertionError

        transport = httpx.MockTransport(never)
        async with AsyncSentryMembers(token=USER_TOKEN, transport=transport) as sentry:
            results = onboard(sentry, "acme", invites(100), results_file)
            task = asyncio.create_task(anext(results))  # type: ignore[arg-type]
            await reached(sent, task)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    with ResultsFile(path, URL, "acme") as results_file:
        asyncio.run(interrupted(results_file))
    assert 99 == path.read_text().count(",not attempted,interrupted")
    assert 1 == path.read_text().count(",outcome unknown,interrupted")


@pytest.mark.parametrize("way", ["closed", "cancelled"])
def test_an_interruption_records_every_row_and_the_next_run_goes_on(
    way: str, fake: FakeSentry, path: Path
) -> None:
    network = fake.async_transport()
    waiting = asyncio.Event()

    async def stuck(request: httpx.Request) -> httpx.Response:
        response = await network.handle_async_request(request)
        if len(fake.requests) > 10:
            waiting.set()
            await asyncio.Event().wait()
        return response

    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)
    rows = invites(100)

    async def go_on(results_file: ResultsFile) -> None:
        transport = httpx.MockTransport(stuck)
        async with (
            AsyncSentryMembers(token=token, transport=transport) as sentry,
            aclosing(onboard(sentry, "acme", rows, results_file)) as results,
        ):
            async for _ in results:
                if way == "closed" and waiting.is_set():
                    return

    async def interrupted(results_file: ResultsFile) -> None:
        task = asyncio.create_task(go_on(results_file))
        await reached(waiting, task)
        if way == "cancelled":
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    with ResultsFile(path, URL, "acme") as results_file:
        asyncio.run(interrupted(results_file))
        recorded = Counter(results_file.outcome(row) for row in rows)
    assert 10 == recorded[RowOutcome.INVITED]
    unknown = len(fake.requests) - 10
    assert unknown == recorded[RowOutcome.OUTCOME_UNKNOWN]
    assert 100 == path.read_text().count("not attempted,interrupted") + 10 + unknown
    results = run(rows, fake.async_transport(), token, path=path)
    assert {RowOutcome.INVITED: 90} == Counter(outcomes(results).values())
    assert 100 == sum(member.email.endswith("@example.com") for member in fake.members)
