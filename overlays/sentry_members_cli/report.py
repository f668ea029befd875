"""What `onboard` prints: before a run, while it goes on, and after it."""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from typing import NamedTuple, Protocol, Self

import typer
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text
from sentry_members.client import AsyncSentryMembers
from sentry_members.errors import SentryMembersError
from sentry_members_onboarding import BadRow, Invite, People, Result, ResultsFile, Row, RowOutcome
from sentry_members_onboarding.rows import merge, parts_of

from .exits import Exit
from .outcomes import colour, exit_of
from .output import as_fields, as_line, err, in_terms_of_options, out, print_block, print_json

_MOST_REFUSED = 20
_SUCCESSES = (Exit.DONE, Exit.NOTHING_TO_DO)


class _Settings(Protocol):
    """The options that what is printed depends on."""

    @property
    def as_json(self) -> bool: ...
    @property
    def quiet(self) -> bool: ...
    @property
    def verbose(self) -> bool: ...


class Target(NamedTuple):
    """Where the rows are sent, and as whom."""

    organization: str
    sentry: AsyncSentryMembers


class Work(NamedTuple):
    """What is to be done: the numbers of requests, and of rows."""

    invites: int
    additions: int
    done: int
    rows: int

    @classmethod
    def of(cls, people: People, results_file: ResultsFile | None) -> Self:
        """Count what is to be done, by the outcomes of earlier runs."""
        invites = additions = done = rows = 0
        for row in people:
            outcomes = [outcome for _, outcome in _final_outcomes(row, results_file)]
            rows += len(outcomes)
            done += len(outcomes) - outcomes.count(None)
            if None in outcomes and isinstance(row, Invite):
                invites += 1
            elif None in outcomes:
                additions += 1
        return cls(invites, additions, done, rows)


def _final_outcomes(
    row: Row, results_file: ResultsFile | None
) -> list[tuple[Row, RowOutcome | None]]:
    """Return the parts of a row, each with its outcome if that is final."""
    if not results_file:
        return [(part, None) for part in parts_of(row)]
    found = results_file.part_outcomes(row)
    return [(part, outcome if outcome and outcome.is_final else None) for part, outcome in found]


def count(people: People, results_file: ResultsFile) -> Counter[RowOutcome]:
    """Return how many rows of the file have each outcome; not of the bad ones."""
    counts: Counter[RowOutcome] = Counter()
    for row in people:
        outcomes = (outcome for _, outcome in results_file.part_outcomes(row))
        counts.update(outcome or RowOutcome.NOT_ATTEMPTED for outcome in outcomes)
    return counts


# Before a run


def print_ignored(people: People, settings: _Settings) -> None:
    """Name the columns that are not used, once."""
    if people.ignored and not settings.as_json and not settings.quiet:
        err.print(f"Ignored columns: {', '.join(people.ignored)}", soft_wrap=True)


def print_bad_rows(people: People, settings: _Settings) -> None:
    """Print the bad rows: summed up by cause, or each of them."""
    if settings.as_json:
        for bad in people.bad:
            print_result(Result(bad, RowOutcome.NOT_ATTEMPTED, detail=bad.reason), as_json=True)
        return
    causes: dict[str, list[BadRow]] = {}
    for bad in people.bad:
        causes.setdefault(bad.cause, []).append(bad)
    for cause, rows in causes.items():
        if settings.verbose or len(rows) == 1:
            lines = [f"line {bad.line}: {bad.reason}" for bad in rows]
        else:
            lines = [f"lines {_ranges(bad.line for bad in rows)}: {cause}"]
        print_block(f"bad rows: {len(rows)}", *lines)
    if any(len(rows) > 1 for rows in causes.values()) and not settings.verbose:
        err.print("--verbose lists each bad row.")


def _ranges(numbers: Iterable[int]) -> str:
    """Return sorted numbers in few characters, such as `2-40, 42`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _lines_of(row: Row | BadRow) -> str:
    parts = (row,) if isinstance(row, BadRow) else parts_of(row)
    return f"line {_ranges(part.line for part in parts)}"


def print_plan(work: Work, target: Target) -> None:
    """Print what would be sent, where and as whom."""
    for line in _plan(work, target):
        err.print(line, soft_wrap=True)


def _plan(work: Work, target: Target) -> list[str]:
    organization, sentry = target
    return [
        f"Invites: {work.invites}. Additions to teams: {work.additions}. Rows done: {work.done}.",
        f"Organization: {organization}, at {sentry.url}",
        f"Credential: {in_terms_of_options(sentry.credentials.description)}",
    ]


def confirm(question: str) -> bool:
    """Ask on the terminal; no answer is a no."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        err.print()
        return False


def print_nothing_sent() -> None:
    """Print that the answer was a no."""
    err.print("Nothing was sent.")


def print_dry_run(
    people: People, results_file: ResultsFile | None, target: Target, settings: _Settings
) -> Exit:
    """Print what would be sent, without sending or recording anything."""
    for row in people:
        found = _final_outcomes(row, results_file)
        for part, outcome in found:
            if settings.as_json:
                fields = as_fields(Result(part, RowOutcome.NOT_ATTEMPTED))
                print_json({**fields, "outcome": outcome})
            elif outcome:
                out.print(f"line {part.line}: skip: {part}: {outcome}", soft_wrap=True)
        rest = [part for part, outcome in found if not outcome]
        if rest and not settings.as_json:
            row = merge(rest)
            out.print(f"{_lines_of(row)}: {row}", soft_wrap=True)
    if not settings.as_json:
        for line in _plan(Work.of(people, results_file), target):
            out.print(line, soft_wrap=True)
        out.print("Nothing was sent: this is a dry run.")
    return Exit.USAGE if people.bad else Exit.DONE


# During a run


def print_result(result: Result, *, as_json: bool) -> None:
    """Print the result of a row."""
    if as_json:
        print_json(as_fields(result))
    else:
        out.print(Text(f"line {result.row.line}: ").append_text(as_line(result)), soft_wrap=True)


@contextmanager
def progress(work: Work, settings: _Settings) -> Generator[Callable[[Result], None]]:
    """Yield a function that shows a result: as a line, or on a terminal in a progress bar."""
    if settings.as_json:
        yield partial(print_result, as_json=True)
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f}/s"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[counts]}"),
    )
    counts: Counter[RowOutcome] = Counter()
    began = time.monotonic()
    is_hidden = settings.quiet or not out.is_terminal
    with Progress(*columns, console=out, disable=is_hidden) as bar:
        task = bar.add_task("", completed=work.done, total=work.rows, rate=0.0, counts="")

        def show(result: Result) -> None:
            if result.outcome is RowOutcome.NOT_ATTEMPTED:
                return  # There may be very many. The table at the end counts them.
            # On a terminal the refusals are listed at the end.
            is_listed = result.outcome is RowOutcome.REFUSED
            is_success = exit_of(result.outcome) in _SUCCESSES
            if settings.verbose or not out.is_terminal or not (is_success or is_listed):
                print_result(result, as_json=False)
            counts[result.outcome] += 1
            text = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
            rate = counts.total() / (time.monotonic() - began)
            bar.update(task, advance=1, rate=rate, counts=text)

        yield show


# After a run


def print_summary(
    counts: Counter[RowOutcome],
    people: People,
    results_file: ResultsFile,
    settings: _Settings,
    *,
    is_quota: bool,
) -> None:
    """Print how many rows have each outcome, who was refused, and what to do next."""
    _print_refused(people, results_file)
    table = Table("Outcome", Column("Rows", justify="right"), box=box.SIMPLE_HEAD)
    for outcome in RowOutcome:
        number = counts[outcome]
        if outcome is RowOutcome.NOT_ATTEMPTED:
            number += len(people.bad)
        if number:
            table.add_row(Text(outcome, colour(outcome)), str(number))
    out.print(table)
    out.print(f"What came of each row: {results_file.path}", soft_wrap=True)
    for hint in _hints(counts, people, is_quota=is_quota):
        out.print(hint, soft_wrap=True)


def _print_refused(people: People, results_file: ResultsFile) -> None:
    found = (results_file.part_outcomes(row) for row in people)
    refused = (
        [part for part, outcome in parts if outcome is RowOutcome.REFUSED] for parts in found
    )
    rows = map(merge, filter(None, refused))
    first = list(islice(rows, _MOST_REFUSED))
    listed, left = (sum(len(parts_of(row)) for row in each) for each in (first, rows))
    results: list[Result] = []
    with suppress(SentryMembersError, OSError):  # `close` reports what matters.
        results = sorted(results_file.results(first), key=lambda result: result.row.line)
    if results:
        lines = (f"{_lines_of(result.row)}: {as_line(result).plain}" for result in results)
        print_block(f"refused: {listed + left}", *lines)
    if left:
        err.print(f"    and {left} more, in {results_file.path}", soft_wrap=True)


def _hints(counts: Counter[RowOutcome], people: People, *, is_quota: bool) -> list[str]:
    hints: list[str] = []
    if people.bad:
        hints.append("Correct the bad rows, and run the same command again.")
    if counts[RowOutcome.REFUSED]:
        hints.append(
            "Correct the refused rows, and run the same command again; or mend the cause in "
            "Sentry, and run it again with --retry-refused."
        )
    if counts[RowOutcome.ACCESS_REQUESTED]:
        hints.append("Somebody has to approve the access requests in Sentry.")
    there = counts[RowOutcome.ALREADY_MEMBER] + counts[RowOutcome.ALREADY_INVITED]
    if there and any(row.team for row in people):
        hints.append("Who was there already got no teams: add them by rows with a member_id.")
    if is_quota:
        hints.append("Run the same command again tomorrow, when Sentry takes more invites.")
    elif any(not outcome.is_final for outcome in +counts):
        hints.append("Run the same command again to send the rows without a final outcome.")
    return hints
