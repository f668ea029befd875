"""When requests may leave."""

import asyncio
import time
from itertools import pairwise

import pytest
from sentry_members.errors import RateLimit
from sentry_members_onboarding.pace import Pace

from tests.support.fake_requests import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only sleeping moves; no test really waits."""
    clock = Clock(1_000)

    async def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def turns(clock: Clock, pace: Pace, count: int) -> list[float]:
    """Return when each of the next requests may leave, in seconds from now."""

    async def wait() -> list[float]:
        left: list[float] = []
        for _ in range(count):
            await pace.wait_for_turn()
            left.append(round(clock.now - began, 3))
        return left

    began = clock.now
    return asyncio.run(wait())


def started(clock: Clock, first: RateLimit | None) -> Pace:
    """Return a pace whose first response had these figures."""
    pace = Pace()
    assert [0] == turns(clock, pace, 1)
    pace.update(first)
    return pace


def limit(
    remaining: int | None = 39, reset: int | None = 5000, limit: int | None = 40
) -> RateLimit:
    return RateLimit(limit, remaining, reset, 25, 24)


@pytest.mark.parametrize("first", [None, limit(limit=None), limit(reset=None)])
def test_does_not_wait_without_figures(first: RateLimit | None, clock: Clock) -> None:
    assert [0] * 5 == turns(clock, started(clock, first), 5)


def test_spaces_requests_evenly_by_the_figures(clock: Clock) -> None:
    taken = turns(clock, started(clock, limit()), 101)
    gaps = [round(after - before, 3) for before, after in pairwise(taken)]
    assert {0.025, 0.026} == set(gaps[2:])
    assert 2.5 <= taken[-1] <= 2.6


def test_catches_up_on_two_requests_only(clock: Clock) -> None:
    pace = started(clock, limit(limit=10))
    turns(clock, pace, 10)
    clock.now += 5
    assert [0, 0, 0] == turns(clock, pace, 3)
    assert [0.102, 0.204] == turns(clock, pace, 2)


def test_pauses_when_no_request_remains_in_the_window(clock: Clock) -> None:
    pace = started(clock, limit(reset=5000))
    clock.now += 0.25
    pace.update(limit(remaining=0, reset=5000))
    assert pace.is_paused
    assert 0.75 == turns(clock, pace, 1)[0]
    assert not pace.is_paused
    pace.update(limit(remaining=0, reset=5001))
    assert 1 == turns(clock, pace, 1)[0]


def test_ignores_the_figures_of_a_past_window(clock: Clock) -> None:
    pace = started(clock, limit(reset=5001))
    clock.now += 1
    pace.update(limit(remaining=0, reset=5000))
    assert not pace.is_paused


def test_the_longest_pause_counts(clock: Clock) -> None:
    pace = started(clock, None)
    pace.pause(3)
    pace.pause(1)
    assert [3, 3] == turns(clock, pace, 2)
