"""The command `onboard`."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import sentry_members_onboarding as onboarding
import typer
from sentry_members.client import AsyncSentryMembers
from sentry_members.errors import InviteQuotaError, SentryMembersError
from sentry_members_onboarding import (
    OtherSentryError,
    People,
    PeopleError,
    Result,
    ResultsFile,
    ResultsFileError,
    RowOutcome,
    read_people,
)

from . import report
from .exits import Exit, worst
from .options import find_organization, make_client
from .outcomes import exit_of
from .output import print_error, print_json, set_verbosity
from .report import Target


@dataclass(frozen=True)
class Settings:
    """The arguments and options of the command, by their names."""

    people: str
    org: str | None
    results: Path | None
    dry_run: bool
    yes: bool
    no_email: bool
    skip_bad: bool
    retry_refused: bool
    same_sentry: bool
    token_file: str | None
    as_json: bool
    quiet: bool
    verbose: bool

    @property
    def asks(self) -> bool:
        """Whether there is somebody to ask."""
        return not (self.yes or self.as_json) and sys.stdin.isatty()


def onboard(settings: Settings) -> None:
    """Bring in the people of a file, and exit with the code of the worst row."""
    set_verbosity(quiet=settings.quiet, verbose=settings.verbose)
    if settings.people == "-" == settings.token_file:
        raise typer.BadParameter(
            "only one of PEOPLE and --token-file can be standard input", param_hint="--token-file"
        )
    path = settings.results
    counts: Mapping[RowOutcome, int] = {}
    try:
        people = read_people(sys.stdin.buffer if settings.people == "-" else settings.people)
        path = path or _results_path(settings)
        report.print_ignored(people, settings)
        report.print_bad_rows(people, settings)
        if people.bad and not settings.skip_bad:
            raise PeopleError(
                f"bad rows: {len(people.bad)}. Nothing was sent: correct them, or skip them with "
                "--skip-bad"
            )
        organization = find_organization(settings.org)
        target = Target(organization, make_client(AsyncSentryMembers, settings.token_file))
        if settings.dry_run and not os.path.exists(path):
            exit_ = report.print_dry_run(people, None, target, settings)
        else:
            with _open_results(path, target, settings) as results_file:
                if settings.retry_refused:
                    results_file.forget_refused()
                if settings.dry_run:
                    exit_ = report.print_dry_run(people, results_file, target, settings)
                else:
                    exit_, counts = _run(people, results_file, target, settings)
                    path = results_file.path
    except SentryMembersError as error:
        exit_ = exit_of(RowOutcome.NOT_ATTEMPTED, error)
        print_error("stopped", error, as_json=settings.as_json)
    except KeyboardInterrupt:
        exit_ = Exit.INTERRUPTED
    if settings.as_json:
        print_json({"outcomes": counts, "results_file": path and str(path), "exit_code": exit_})
    raise typer.Exit(exit_)


def _results_path(settings: Settings) -> Path:
    """Return the path beside the people file."""
    if settings.people == "-":
        return Path("stdin.results.csv")
    if not Path(settings.people).is_file():
        raise typer.BadParameter(
            f"{settings.people} is a pipe, and no file can be beside it: name a file for the "
            "outcomes",
            param_hint="--results",
        )
    return Path(settings.people).with_suffix(".results.csv")


def _open_results(path: Path, target: Target, settings: Settings) -> ResultsFile:
    """Open the results file; ask, or have an option say, whether another address is the same.

    Raises:
        ResultsFileError: It can't be used.
    """
    url = target.sentry.url
    try:
        return ResultsFile(path, url, target.organization, same_sentry=settings.same_sentry)
    except OtherSentryError as error:
        if not (settings.asks and report.confirm(f"{error}. Is it the same Sentry?")):
            raise ResultsFileError(
                f"{error}. If it is the same Sentry, give --same-sentry; otherwise name another "
                "file with --results"
            ) from error
    return ResultsFile(path, url, target.organization, same_sentry=True)


def _run(
    people: People, results_file: ResultsFile, target: Target, settings: Settings
) -> tuple[Exit, Mapping[RowOutcome, int]]:
    """Send the rows without a final outcome, after a question on a terminal.

    Returns:
        The exit code, and how many rows of the file have each outcome.
    """
    work = report.Work.of(people, results_file)
    if settings.asks and (work.invites or work.additions):
        report.print_plan(work, target)
        if not report.confirm("Send?"):
            report.print_nothing_sent()
            return Exit.INTERRUPTED, {}
    # Two errors, where the invites and the additions ended by different ones; each of them once.
    ended_by: dict[SentryMembersError, None] = {}
    exits: set[Exit] = {Exit.USAGE} if people.bad else set()

    async def send(show: Callable[[Result], None]) -> None:
        _cancel_on_signals()
        for bad in people.bad:
            results_file.record(Result(bad, RowOutcome.NOT_ATTEMPTED, detail=bad.reason))
        organization, sentry = target
        results = onboarding.onboard(
            sentry, organization, people, results_file, send_invite=not settings.no_email
        )
        async with sentry, aclosing(results):
            async for result in results:
                show(result)
                if result.error and result.outcome is RowOutcome.NOT_ATTEMPTED:
                    ended_by[result.error] = None

    try:
        with report.progress(work, settings) as show:
            asyncio.run(send(show))
    except (KeyboardInterrupt, asyncio.CancelledError):
        exits.add(Exit.INTERRUPTED)
    except ResultsFileError as error:
        ended_by[error] = None
    try:
        results_file.check_in_place()
    except ResultsFileError as error:
        ended_by[error] = None
    counts = report.count(people, results_file)
    exits |= {exit_of(outcome) for outcome in counts if outcome is not RowOutcome.NOT_ATTEMPTED}
    exits |= {exit_of(RowOutcome.NOT_ATTEMPTED, end) for end in ended_by}
    for end in ended_by:
        print_error("stopped", end, as_json=settings.as_json)
    if not settings.as_json:
        is_quota = any(isinstance(end, InviteQuotaError) for end in ended_by)
        report.print_summary(counts, people, results_file, settings, is_quota=is_quota)
    counts[RowOutcome.NOT_ATTEMPTED] += len(people.bad)
    return worst(exits), +counts


def _cancel_on_signals() -> None:
    """End the run on SIGHUP and SIGTERM as on Ctrl-C."""
    task = asyncio.current_task()
    assert task
    if sys.platform != "win32":
        for number in (signal.SIGHUP, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
