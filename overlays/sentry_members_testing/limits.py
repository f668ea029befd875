"""How often may be asked and invited."""

import json
from collections import Counter
from collections.abc import Callable

from .messages import Answer, Refused, html_answer

_DAY = 24 * 60 * 60


class Limits:
    """The request limiter and the invite quota; each is off while it is `None`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        # So many requests a second and at once, by caller.
        self.requests: tuple[int, int] | None = None
        # So many invites a day, by caller and by organization, and by address.
        self.invites: tuple[int, int] | None = None
        self.running: Counter[str] = Counter()
        self._clock = clock
        self._counts: Counter[tuple[int, tuple[str, ...]]] = Counter()

    def limit_request(self, caller: str) -> tuple[dict[str, str], Answer | None]:
        """The headers for the answer, and the answer itself if the request is one too many."""
        if self.requests is None:
            return {}, None
        per_second, concurrent = self.requests
        remaining = per_second - self._count(1, caller)
        free = concurrent - self.running[caller] - 1
        # Sentry doesn't look at what is running once the second's requests are used up.
        free_told = max(free, 0) if remaining >= 0 else None
        headers = {
            "X-Sentry-Rate-Limit-Remaining": str(max(remaining, 0)),
            "X-Sentry-Rate-Limit-Limit": str(per_second),
            "X-Sentry-Rate-Limit-Reset": str(int(self._clock()) + 1),
            "X-Sentry-Rate-Limit-ConcurrentRemaining": str(free_told),
            "X-Sentry-Rate-Limit-ConcurrentLimit": str(concurrent),
        }
        if min(remaining, free) >= 0:
            return headers, None
        text = "You are attempting to use this endpoint too frequently. Limit is "
        text += f"{per_second} requests in 1 seconds"
        return headers, html_answer(429, json.dumps(text))

    def limit_invite(self, caller: str, organization: str, email: str) -> None:
        """Count an invite; `Refused` if it is one too many."""
        if self.invites is None:
            return
        per_day, per_address = self.invites
        by_caller = self._count(_DAY, "caller", caller)
        by_organization = self._count(_DAY, "organization", organization)
        by_address = self._count(_DAY, "address", organization, email)
        if max(by_caller, by_organization) > per_day or by_address > per_address:
            raise Refused(429, {"detail": "You are being rate limited for too many invitations."})

    def _count(self, seconds: int, *who: str) -> int:
        """Count within the current second or day of the clock, as Sentry does."""
        window = (int(self._clock()) // seconds, who)
        self._counts[window] += 1
        return self._counts[window]
