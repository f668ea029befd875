"""The pace of requests: as fast as Sentry's rate limiter allows, and no faster."""

import asyncio
import time

from sentry_members.errors import RateLimit

# The rate limiter counts by whole seconds of the server's clock (the server's behaviour). A request
# may arrive in a later second than it left in, so the pace stays a little below the limit.
_WINDOW = 1.0
_SHARE = 0.98
# How many requests a late caller may send without a gap between them, to catch up.
_CATCH_UP = 2


class Pace:
    """Spaces requests evenly, by the figures of the rate limiter.

    The first request leaves alone: its response shows whether there is a rate limiter. Without one,
    no request waits.
    """

    def __init__(self) -> None:
        self._turns = asyncio.Lock()
        self._first_response = asyncio.Event()
        self._is_first = True
        self._interval = 0.0
        self._next_turn = 0.0
        self._paused_until = 0.0
        self._window: int = 0
        self._window_end = 0.0

    async def wait_for_turn(self) -> None:
        """Wait until the next request may leave."""
        async with self._turns:
            if not self._is_first:
                await self._first_response.wait()
            self._is_first = False
            while (wait := max(self._next_turn, self._paused_until) - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            earliest = time.monotonic() - _CATCH_UP * self._interval
            self._next_turn = max(self._next_turn, earliest) + self._interval

    def update(self, rate_limit: RateLimit | None) -> None:
        """Adapt the pace to the latest response's figures; None if it has none."""
        self._first_response.set()
        if rate_limit is None or not rate_limit.limit or rate_limit.reset is None:
            return
        self._interval = _WINDOW / (rate_limit.limit * _SHARE)
        # The server's clock decides where a window ends. The first response of a window is the
        # closest sign of its start.
        if rate_limit.reset > self._window:
            self._window, self._window_end = rate_limit.reset, time.monotonic() + _WINDOW
        if rate_limit.remaining == 0:
            self._paused_until = max(self._paused_until, self._window_end)

    def pause(self, seconds: float) -> None:
        """Let no request leave for a number of seconds."""
        self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    @property
    def is_paused(self) -> bool:
        """Whether no request may leave at the moment."""
        return time.monotonic() < self._paused_until
