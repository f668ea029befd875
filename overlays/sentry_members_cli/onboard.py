"""The command `onboard`."""

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import aclosing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import sentry_members_onboarding as onboarding
import typer
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text
from sentry_members.client import AsyncSentryMembers
from sentry_members.errors import SentryMembersError
from sentry_members_onboarding import (
    People,
    PeopleError,
    Result,
    ResultsFile,
    ResultsFileError,
    RowOutcome,
    read_people,
)

from .exits import Exit, exit_of, worst
from .options import AsJson, Organization, TokenFile, credentials, organization
from .output import as_fields, as_line, colour, out, print_error, print_json


def onboard(
    people: Annotated[str, typer.Argument(metavar="PEOPLE.csv", help="Or - for standard input.")],
    org: Organization = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to record the outcome of each row.",
            show_default="PEOPLE.results.csv or stdin.results.csv",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Skip bad rows.")] = False,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Retry rows that were refused before.")
    ] = False,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Invite many people, or add many members to teams: one for each row of a CSV file.

    The file's first line names its columns: `email`, `org_role`, `teams`, `member_id`. A row has
    either an `email`, to invite a person, or a `member_id`, to add a member to the `teams`. Teams
    are slugs separated by blanks; in an invite each may be followed by a team role, as in
    `backend:admin`.

    The outcome of each row is recorded immediately. After an interruption, or on the day after the
    invite quota was used up, run the same command again: it continues where it stopped.
    """
    if people == "-" == token_file:
        raise typer.BadParameter(
            "only one of them can be standard input", param_hint="--token-file"
        )
    path = results
    counts: Mapping[RowOutcome, int] = {}
    try:
        rows = read_people(sys.stdin.buffer if people == "-" else people)
        path = path or Path("stdin" if people == "-" else people).with_suffix(".results.csv")
        _report_bad_rows(rows, skip_bad=skip_bad, as_json=as_json)
        name = organization(org)
        if dry_run and not path.exists():
            exit_ = _print_dry_run(rows, None, as_json=as_json)
        else:
            sentry = AsyncSentryMembers(**credentials(token_file))
            with ResultsFile(path, sentry.url, name) as results_file:
                if retry_refused:
                    results_file.forget_refused()
                if dry_run:
                    exit_ = _print_dry_run(rows, results_file, as_json=as_json)
                else:
                    exit_, counts = _send(sentry, name, rows, results_file, as_json=as_json)
    except SentryMembersError as error:
        exit_ = exit_of(RowOutcome.NOT_ATTEMPTED, error)
        print_error("stopped", error, as_json=as_json)
    if as_json:
        print_json({"outcomes": counts, "results_file": path and str(path), "exit_code": exit_})
    elif path and counts:
        _print_table(counts, path)
    raise typer.Exit(exit_)


def _report_bad_rows(people: People, *, skip_bad: bool, as_json: bool) -> None:
    """Print every bad row.

    Raises:
        PeopleError: There are bad rows, and they are not to be skipped.
    """
    for bad in people.bad:
        _print_result(Result(bad, RowOutcome.NOT_ATTEMPTED, detail=bad.reason), as_json=as_json)
    if people.bad and not skip_bad:
        raise PeopleError(
            f"bad rows: {len(people.bad)}. Nothing was sent: correct them, or skip them with "
            "--skip-bad"
        )


def _print_dry_run(people: People, results_file: ResultsFile | None, *, as_json: bool) -> Exit:
    """Print what would be sent, without sending or recording anything."""
    left = 0
    for row in people:
        outcome = results_file.outcome(row) if results_file else None
        is_done = outcome is not None and outcome.is_final
        left += not is_done
        if as_json:
            print_json(
                {
                    **as_fields(Result(row, RowOutcome.NOT_ATTEMPTED)),
                    "outcome": outcome if is_done else None,
                }
            )
        else:
            text = f"skip: {row}: {outcome}" if is_done else str(row)
            out.print(f"line {row.line}: {text}", soft_wrap=True)
    if not as_json:
        out.print(f"To be sent: {left}. Skipped: {len(people) - left}. Bad: {len(people.bad)}.")
    return Exit.USAGE if people.bad else Exit.DONE


def _send(
    sentry: AsyncSentryMembers,
    organization: str,
    people: People,
    results_file: ResultsFile,
    *,
    as_json: bool,
) -> tuple[Exit, Mapping[RowOutcome, int]]:
    """Send the rows without a final outcome and print each result.

    Returns:
        The exit code, and how many rows of the file have each outcome.
    """
    # Two errors, where the invites and the additions ended by different ones.
    ended_by: list[SentryMembersError] = []
    exits: set[Exit] = {Exit.USAGE} if people.bad else set()
    for bad in people.bad:
        results_file.record(Result(bad, RowOutcome.NOT_ATTEMPTED, detail=bad.reason))

    async def send(show: Callable[[Result], None]) -> None:
        _cancel_on_signals()
        results = onboarding.onboard(sentry, organization, people, results_file)
        async with sentry, aclosing(results):
            async for result in results:
                show(result)
                error = result.error if result.outcome is RowOutcome.NOT_ATTEMPTED else None
                if error and error not in ended_by:
                    ended_by.append(error)

    before = (results_file.outcome(row) for row in people)
    done = sum(outcome.is_final for outcome in before if outcome)
    try:
        with _progress(done, len(people), as_json=as_json) as show:
            asyncio.run(send(show))
    except (KeyboardInterrupt, asyncio.CancelledError):
        exits.add(Exit.INTERRUPTED)
    except ResultsFileError as error:
        ended_by.append(error)
    counts = Counter(results_file.outcome(row) or RowOutcome.NOT_ATTEMPTED for row in people)
    exits |= {exit_of(outcome) for outcome in counts if outcome is not RowOutcome.NOT_ATTEMPTED}
    exits |= {exit_of(RowOutcome.NOT_ATTEMPTED, end) for end in ended_by}
    counts[RowOutcome.NOT_ATTEMPTED] += len(people.bad)
    for end in ended_by:
        print_error("stopped", end, as_json=as_json)
    return worst(exits), +counts


def _cancel_on_signals() -> None:
    """End the run on SIGHUP and SIGTERM as on Ctrl-C."""
    task = asyncio.current_task()
    assert task
    if sys.platform != "win32":
        for number in (signal.SIGHUP, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _print_result(result: Result, *, as_json: bool) -> None:
    if as_json:
        print_json(as_fields(result))
    else:
        out.print(Text(f"line {result.row.line}: ").append_text(as_line(result)), soft_wrap=True)


_SUCCESSES = (Exit.DONE, Exit.NOTHING_TO_DO)


@contextmanager
def _progress(done: int, total: int, *, as_json: bool) -> Generator[Callable[[Result], None]]:
    """Yield a function that shows a result: as a line, or on a terminal in a progress bar."""
    if as_json:
        yield partial(_print_result, as_json=True)
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
    with Progress(*columns, console=out, disable=not out.is_terminal) as progress:
        bar = progress.add_task("", completed=done, total=total, rate=0.0, counts="")

        def show(result: Result) -> None:
            if result.outcome is RowOutcome.NOT_ATTEMPTED:
                return  # There may be very many. The table at the end counts them.
            if not out.is_terminal or exit_of(result.outcome) not in _SUCCESSES:
                _print_result(result, as_json=False)
            counts[result.outcome] += 1
            text = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
            rate = counts.total() / (time.monotonic() - began)
            progress.update(bar, advance=1, rate=rate, counts=text)

        yield show


def _print_table(counts: Mapping[RowOutcome, int], path: Path) -> None:
    table = Table("Outcome", Column("Rows", justify="right"), box=box.SIMPLE_HEAD)
    for outcome in RowOutcome:
        if outcome in counts:
            table.add_row(Text(outcome, colour(outcome)), str(counts[outcome]))
    out.print(table)
    out.print(f"What came of each row: {path}", soft_wrap=True)
    if any(not outcome.is_final for outcome in counts):
        out.print("Run the same command again to send the rows without a final outcome.")
