"""Faults on demand: of Sentry, of sentry.io's API gateway, of a proxy, of the connection."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from sentry_members.scopes import Operation

from .messages import Response, coded_detail, html_response, internal_error, json_response

Fault = Literal[
    408,
    500,
    502,
    503,
    504,
    520,
    "apigateway-404",
    "apigateway-429",
    "apigateway-502",
    "apigateway-503",
    "apigateway-503-breaker",
    "apigateway-504",
    "slow",
    "refused",
    "drop-before",
    "drop-after",
]

_TAKE_EFFECT: tuple[Fault, ...] = (
    408,
    504,
    "apigateway-502",
    "apigateway-504",
    "slow",
    "drop-after",
)
_API_GATEWAY: dict[Fault, tuple[int, str]] = {
    "apigateway-404": (404, "Not found"),
    "apigateway-429": (429, "Too many requests"),
    "apigateway-502": (502, "Downstream error"),
    "apigateway-503": (503, "Downstream service unavailable"),
    "apigateway-503-breaker": (503, "Downstream service temporarily unavailable"),
    "apigateway-504": (504, "Downstream timeout"),
}


@dataclass(slots=True)
class PendingFault:
    """A fault of every `every`-th matching request, until `last` matching requests were seen."""

    fault: Fault
    every: int
    last: int | None
    operation: Operation | None
    seconds: float
    seen: int = 0

    @property
    def is_sentrys_own(self) -> bool:
        """Whether the response comes from Sentry, not from something in front of it."""
        return self.fault in (500, "slow")

    def apply(self, perform: Callable[[], Response]) -> Response:
        """Return the response to a request, which takes effect only if `perform` is called."""
        response = perform() if self.fault in _TAKE_EFFECT else Response(0)
        if self.fault == "slow":
            return replace(response, seconds=self.seconds)
        if self.fault == 500:
            return json_response(500, internal_error())
        if self.fault == 408:
            return json_response(408, coded_detail("request-timeout", "Proxied request timed out"))
        if gateway := _API_GATEWAY.get(self.fault):
            status, detail = gateway
            return json_response(status, {"error": "apigateway", "detail": detail})
        if isinstance(self.fault, int):
            return html_response(self.fault, f"<html><h1>Error {self.fault}</h1></html>")
        return replace(response, lost=self.fault)


def next_fault(pending: list[PendingFault], operation: Operation | None) -> PendingFault | None:
    """Return the oldest fault that is due, and remove it from the list if it was its last time."""
    for fault in pending:
        if fault.operation not in (None, operation):
            continue
        fault.seen += 1
        if fault.seen % fault.every == 0:
            if fault.seen == fault.last:
                pending.remove(fault)
            return fault
    return None
