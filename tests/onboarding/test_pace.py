"""How turns are given out."""

import asyncio
import time
from itertools import pairwise

import pytest
from sentry_members.errors import RateLimit
from sentry_members_onboarding.pace import Pace

from tests.support.fake_requests import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only sleeping moves on; nobody waits."""
    clock = Clock(1_000)

    async def sleep(seconds: float) -> None:
        clock.now += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def turns(clock: Clock, pace: Pace, count: int) -> list[float]:
    """When so many turns are given, in seconds from now on."""

    async def take() -> list[float]:
        taken: list[float] = []
        for _ in range(count):
            await pace.turn()
            taken.append(round(clock.now - began, 3))
        return taken

    began = clock.now
    return asyncio.run(take())


def started(clock: Clock, told: RateLimit | None) -> Pace:
    pace = Pace()
    assert [0] == turns(clock, pace, 1)
    pace.hear(told)
    return pace


def limit(
    remaining: int | None = 39, reset: int | None = 5000, limit: int | None = 40
) -> RateLimit:
    return RateLimit(limit, remaining, reset, 25, 24)


@pytest.mark.parametrize("told", [None, limit(limit=None), limit(reset=None)])
def test_without_figures_turns_are_given_at_once(told: RateLimit | None, clock: Clock) -> None:
    assert [0] * 5 == turns(clock, started(clock, told), 5)


def test_with_figures_turns_are_evenly_spaced(clock: Clock) -> None:
    taken = turns(clock, started(clock, limit()), 101)
    gaps = [round(after - before, 3) for before, after in pairwise(taken)]
    assert {0.025, 0.026} == set(gaps[2:])
    assert 2.5 <= taken[-1] <= 2.6


def test_little_is_made_up_for(clock: Clock) -> None:
    pace = started(clock, limit(limit=10))
    turns(clock, pace, 10)
    clock.now += 5
    assert [0, 0, 0] == turns(clock, pace, 3)
    assert [0.102, 0.204] == turns(clock, pace, 2)


def test_nothing_is_sent_where_nothing_is_left(clock: Clock) -> None:
    pace = started(clock, limit(reset=5000))
    clock.now += 0.25
    pace.hear(limit(remaining=0, reset=5000))
    assert pace.is_held
    assert 0.75 == turns(clock, pace, 1)[0]
    assert not pace.is_held
    pace.hear(limit(remaining=0, reset=5001))
    assert 1 == turns(clock, pace, 1)[0]


def test_an_answer_that_comes_late_says_nothing_new(clock: Clock) -> None:
    pace = started(clock, limit(reset=5001))
    clock.now += 1
    pace.hear(limit(remaining=0, reset=5000))
    assert not pace.is_held


def test_held_for_a_while(clock: Clock) -> None:
    pace = started(clock, None)
    pace.hold(3)
    pace.hold(1)
    assert [3, 3] == turns(clock, pace, 2)
