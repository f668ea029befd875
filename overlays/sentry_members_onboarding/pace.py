"""When the next request may leave: as fast as Sentry allows, and no faster."""

import asyncio
import time

from sentry_members.errors import RateLimit

# The limiter counts by whole seconds (the server's behaviour). A request may arrive in the next
# one: what is sent stays a little below what is allowed.
_WINDOW = 1.0
_SHARE = 0.98
# How many requests that came late may be made up for at once.
_CATCH_UP = 2


class Pace:
    """Gives out turns, evenly spaced as the request limiter's figures ask for.

    The first turn is given alone: its answer tells whether there is a limiter. Without one, turns
    are given at once.
    """

    def __init__(self) -> None:
        self._one_by_one = asyncio.Lock()
        self._heard = asyncio.Event()
        self._is_first = True
        self._interval = 0.0
        self._next = 0.0
        self._held_until = 0.0
        self._window: int = 0
        self._window_end = 0.0

    async def turn(self) -> None:
        """Wait for a turn."""
        async with self._one_by_one:
            if not self._is_first:
                await self._heard.wait()
            self._is_first = False
            while (wait := max(self._next, self._held_until) - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            late = time.monotonic() - _CATCH_UP * self._interval
            self._next = max(self._next, late) + self._interval

    def hear(self, told: RateLimit | None) -> None:
        """Follow the figures of the latest answer; None if it has none, or there is none."""
        self._heard.set()
        if told is None or not told.limit or told.reset is None:
            return
        self._interval = _WINDOW / (told.limit * _SHARE)
        # Only the server's clock knows where a window ends: it is the first answer that tells.
        if told.reset > self._window:
            self._window, self._window_end = told.reset, time.monotonic() + _WINDOW
        if told.remaining == 0:
            self._held_until = max(self._held_until, self._window_end)

    def hold(self, seconds: float) -> None:
        """Give no turn for so many seconds."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)

    @property
    def is_held(self) -> bool:
        """Whether no turn is given at the moment."""
        return time.monotonic() < self._held_until
