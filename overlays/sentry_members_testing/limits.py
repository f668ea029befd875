"""The rate limiter and the invite quota."""

import json
from collections import Counter
from collections.abc import Callable

from .messages import Refused, Request, Response, html_response

_DAY = 24 * 60 * 60

Bucket = tuple[str, str]
"""What the rate limiter counts by: the caller, and the operation or method."""


def bucket_of(request: Request, caller: str) -> Bucket:
    """Return the bucket of a request: inviting has its own, all else shares one per method."""
    if request.operation == "add_a_member_to_an_organization" and request.method == "POST":
        return caller, request.operation
    return caller, request.method


class Limits:
    """The rate limiter and the invite quota; each is off while it is `None`."""

    def __init__(self, clock: Callable[[], float], is_current: bool) -> None:
        # Requests in one second and in flight, by bucket.
        self.requests: tuple[int, int] | None = None
        # Invites in one day, by caller and by organization, and by address.
        self.invites: tuple[int, int] | None = None
        self.in_flight: Counter[Bucket] = Counter()
        self._clock = clock
        self._is_current = is_current
        self._counts: Counter[tuple[int, tuple[str, ...]]] = Counter()

    def limit_request(self, bucket: Bucket) -> tuple[dict[str, str], Response | None]:
        """Count a request; return headers for its response, and a 429 if it is above the limit."""
        if self.requests is None:
            return {}, None
        per_second, concurrent = self.requests
        remaining = per_second - self._count(1, *bucket)
        free = concurrent - self.in_flight[bucket] - 1
        headers = {
            "X-Sentry-Rate-Limit-Remaining": str(max(remaining, 0)),
            "X-Sentry-Rate-Limit-Limit": str(per_second),
            "X-Sentry-Rate-Limit-Reset": str(int(self._clock()) + 1),
        }
        if not self._is_current:
            # 23.7 doesn't count the requests in flight once the second's requests are used up.
            shown = max(free, 0) if remaining >= 0 else None
            headers["X-Sentry-Rate-Limit-ConcurrentRemaining"] = str(shown)
            headers["X-Sentry-Rate-Limit-ConcurrentLimit"] = str(concurrent)
        if min(remaining, free) >= 0:
            return headers, None
        text = "You are attempting to use this endpoint too frequently. Limit is "
        text += f"{per_second} requests in 1 seconds"
        if not self._is_current:
            return headers, html_response(429, json.dumps(text))
        if remaining >= 0:
            text = "You are attempting to go above the allowed concurrency for this endpoint. "
            text += f"Concurrency limit is {concurrent}"
        return headers, html_response(429, json.dumps({"detail": text}))

    def limit_invite(self, caller: str, organization: str, email: str) -> None:
        """Count an invite; raise `Refused` if it is above the quota."""
        if self.invites is None:
            return
        per_day, per_address = self.invites
        by_caller = self._count(_DAY, "caller", caller)
        by_organization = self._count(_DAY, "organization", organization)
        by_address = self._count(_DAY, "address", organization, email.lower())
        if max(by_caller, by_organization) > per_day or by_address > per_address:
            raise Refused(429, {"detail": "You are being rate limited for too many invitations."})

    def _count(self, seconds: int, *key: str) -> int:
        """Count one more in the current second or day of the clock; return the new count."""
        window = (int(self._clock()) // seconds, key)
        self._counts[window] += 1
        return self._counts[window]
