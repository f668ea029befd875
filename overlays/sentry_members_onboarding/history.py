"""What is known of each person, or member, from the lines of a results file."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Self

from .results_lines import Line, Request, Terms
from .rows import RowOutcome

DONE = frozenset(each for each in RowOutcome if each.is_final) - {RowOutcome.REFUSED}
_MAY_HAVE_ACTED = DONE | {RowOutcome.OUTCOME_UNKNOWN}


@dataclass(slots=True)
class _Known:
    """The latest line about a request.

    Attributes:
        entry: The number of the line.
        outcome: The outcome.
        terms: What is asked for.
        other: The next request for the same person: a linked list, as most people have one
            request, and a list for each would take too much memory.
    """

    entry: int
    outcome: RowOutcome
    terms: Terms
    other: Self | None


class History:
    """The latest outcome of each request."""

    def __init__(self) -> None:
        self._latest: dict[bytes, _Known] = {}
        self._terms: dict[Terms, Terms] = {}  # Those that many people have are kept once.
        self._forgotten: set[int] = set()

    def _of(self, person: bytes) -> Iterator[_Known]:
        known = self._latest.get(person)
        while known:
            yield known
            known = known.other

    def _find(self, request: Request) -> _Known | None:
        return next(
            (each for each in self._of(request.person) if each.terms == request.terms), None
        )

    def note(self, line: Line) -> None:
        """Record a line, unless a later one about the same request is known."""
        known = self._find(line.request)
        if known is None:
            person, terms = line.request
            terms = self._terms.setdefault(terms, terms)
            other = self._latest.get(person)
            self._latest[person] = _Known(line.entry, line.row_outcome, terms, other)
        elif known.entry <= line.entry:
            known.entry, known.outcome = line.entry, line.row_outcome

    def is_latest(self, line: Line) -> bool:
        """Return whether no later line about the same request is known."""
        known = self._find(line.request)
        return known is None or known.entry <= line.entry

    def outcome(self, request: Request) -> RowOutcome | None:
        """Return the outcome of a request; None if it has never been sent, or is forgotten.

        A request is also done if other requests with the same role are done and had all its teams.
        """
        role, teams = request.terms
        covered: frozenset[str] = frozenset()
        for each in sorted(self._of(request.person), key=attrgetter("entry")):
            if each.outcome in DONE and each.terms[0] == role:
                covered |= each.terms[1]
                if teams <= covered:
                    return each.outcome
        known = self._find(request)
        return None if known is None or known.entry in self._forgotten else known.outcome

    def has_other(self, request: Request) -> bool:
        """Return whether a request for another role or other teams may have acted."""
        return any(
            each.terms != request.terms and each.outcome in _MAY_HAVE_ACTED
            for each in self._of(request.person)
        )

    def forget_refused(self) -> None:
        """Treat refused requests as not sent."""
        known = (each for person in self._latest for each in self._of(person))
        self._forgotten = {each.entry for each in known if each.outcome is RowOutcome.REFUSED}

    def is_forgotten(self, request: Request) -> bool:
        """Return whether a request is treated as not sent, and was not sent again."""
        known = self._find(request)
        return known is not None and known.entry in self._forgotten
