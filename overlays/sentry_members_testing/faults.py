"""Answers that go wrong on demand."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from sentry_members.scopes import Operation

from .messages import Answer, html_answer, internal_error, json_answer

Fault = Literal[500, 502, 503, 504, 520, "slow", "refused", "drop-before", "drop-after"]

_TAKE_EFFECT: tuple[Fault, ...] = ("slow", 504, "drop-after")


@dataclass(slots=True)
class PendingFault:
    """A fault for every `every`-th matching request, until `last` of them were seen."""

    kind: Fault
    every: int
    last: int | None
    operation: Operation | None
    seconds: float
    seen: int = 0

    def spoil(self, answer: Callable[[], Answer]) -> Answer:
        """What comes of a request instead of its answer; asking for that takes effect."""
        result = answer() if self.kind in _TAKE_EFFECT else Answer(0)
        if self.kind == "slow":
            return replace(result, seconds=self.seconds)
        if self.kind == 500:
            return json_answer(500, internal_error())
        if isinstance(self.kind, int):
            return html_answer(self.kind, f"<html><body><h1>Error {self.kind}</h1></body></html>")
        return replace(result, lost=self.kind)


def next_fault(pending: list[PendingFault], operation: Operation | None) -> PendingFault | None:
    """The oldest fault that is due; it leaves the list with its last time."""
    for fault in pending:
        if fault.operation not in (None, operation):
            continue
        fault.seen += 1
        if fault.seen % fault.every == 0:
            if fault.seen == fault.last:
                pending.remove(fault)
            return fault
    return None
