"""The command that brings many people in."""

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
    people: Annotated[str, typer.Argument(metavar="PEOPLE.csv", help="Who; - is standard input.")],
    org: Organization = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where to write down what came of each row.",
            show_default="PEOPLE.results.csv or stdin.results.csv",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out the bad rows.")] = False,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Ask again for what was refused before.")
    ] = False,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Bring many people in: each row of a CSV file is invited, or added to teams.

    The file's first line names its columns: `email`, `org_role`, `teams`, `member_id`. A row has
    an `email`, to be invited, or a `member_id`, to be added to the `teams`. Teams are slugs with
    blanks between them; in an invite a team role may follow each, as in `backend:admin`.

    What came of each row is written down as it happens. After an interruption, or on the day after
    the invite quota was used up, the same command goes on where it was.
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
        _check(rows, skip_bad=skip_bad, as_json=as_json)
        name = organization(org)
        if dry_run and not path.exists():
            exit_ = _show(rows, None, as_json=as_json)
        else:
            sentry = AsyncSentryMembers(**credentials(token_file))
            with ResultsFile(path, sentry.url, name) as results_file:
                if retry_refused:
                    results_file.forget_refused()
                if dry_run:
                    exit_ = _show(rows, results_file, as_json=as_json)
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


def _check(people: People, *, skip_bad: bool, as_json: bool) -> None:
    """Tell every bad row.

    Raises:
        PeopleError: There are some, and they are not to be left out.
    """
    for bad in people.bad:
        _tell(Result(bad, RowOutcome.NOT_ATTEMPTED, detail=bad.reason), as_json=as_json)
    if people.bad and not skip_bad:
        raise PeopleError(
            f"bad rows: {len(people.bad)}. Nothing was sent: correct them, or leave them out with "
            "--skip-bad"
        )


def _show(people: People, results_file: ResultsFile | None, *, as_json: bool) -> Exit:
    """Print what would be sent; send and write nothing."""
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
            shown = f"pass over: {row}: {outcome}" if is_done else str(row)
            out.print(f"line {row.line}: {shown}", soft_wrap=True)
    if not as_json:
        out.print(f"To be sent: {left}. Passed over: {len(people) - left}. Bad: {len(people.bad)}.")
    return Exit.USAGE if people.bad else Exit.DONE


def _send(
    sentry: AsyncSentryMembers,
    organization: str,
    people: People,
    results_file: ResultsFile,
    *,
    as_json: bool,
) -> tuple[Exit, Mapping[RowOutcome, int]]:
    """Send what has no final outcome yet, and tell of each row; count the outcomes of all."""
    # Invites and additions may each end by another.
    ended_by: list[SentryMembersError] = []
    exits: set[Exit] = {Exit.USAGE} if people.bad else set()
    for bad in people.bad:
        results_file.record(Result(bad, RowOutcome.NOT_ATTEMPTED, detail=bad.reason))

    async def send(tell: Callable[[Result], None]) -> None:
        _take_other_signals_for_ctrl_c()
        results = onboarding.onboard(sentry, organization, people, results_file)
        async with sentry, aclosing(results):
            async for result in results:
                tell(result)
                error = result.error if result.outcome is RowOutcome.NOT_ATTEMPTED else None
                if error and error not in ended_by:
                    ended_by.append(error)

    before = (results_file.outcome(row) for row in people)
    done = sum(outcome.is_final for outcome in before if outcome)
    try:
        with _telling(done, len(people), as_json=as_json) as tell:
            asyncio.run(send(tell))
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


def _take_other_signals_for_ctrl_c() -> None:
    task = asyncio.current_task()
    assert task
    if sys.platform != "win32":
        for number in (signal.SIGHUP, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _tell(result: Result, *, as_json: bool) -> None:
    if as_json:
        print_json(as_fields(result))
    else:
        out.print(Text(f"line {result.row.line}: ").append_text(as_line(result)), soft_wrap=True)


_AS_HOPED = (Exit.DONE, Exit.NOTHING_TO_DO)


@contextmanager
def _telling(done: int, total: int, *, as_json: bool) -> Generator[Callable[[Result], None]]:
    """What tells of a result: a line, or on a terminal a bar that moves on."""
    if as_json:
        yield partial(_tell, as_json=True)
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

        def tell(result: Result) -> None:
            if result.outcome is RowOutcome.NOT_ATTEMPTED:
                return  # the summary tells of them all at once
            if not out.is_terminal or exit_of(result.outcome) not in _AS_HOPED:
                _tell(result, as_json=False)
            counts[result.outcome] += 1
            shown = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
            rate = counts.total() / (time.monotonic() - began)
            progress.update(bar, advance=1, rate=rate, counts=shown)

        yield tell


def _print_table(counts: Mapping[RowOutcome, int], path: Path) -> None:
    table = Table("Outcome", Column("Rows", justify="right"), box=box.SIMPLE_HEAD)
    for outcome in RowOutcome:
        if outcome in counts:
            table.add_row(Text(outcome, colour(outcome)), str(counts[outcome]))
    out.print(table)
    out.print(f"What came of each row: {path}", soft_wrap=True)
    if any(not outcome.is_final for outcome in counts):
        out.print("The same command goes on with the rows that have no final outcome yet.")
