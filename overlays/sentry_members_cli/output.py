"""The output of commands: text for people, or JSON for programs."""

import json

from rich.console import Console
from rich.text import Text
from sentry_members.error_mapping import join_sentences
from sentry_members.errors import ApiError, SentryMembersError
from sentry_members_onboarding import BadRow, Result, RowOutcome
from sentry_members_onboarding.rows import reason_of

# Without a terminal, or with NO_COLOR set, rich prints no colours.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(highlight=False, markup=False, emoji=False, stderr=True)


def colour(outcome: RowOutcome) -> str:
    """Return the colour that an outcome is printed in."""
    match outcome:
        case RowOutcome.INVITED | RowOutcome.ADDED:
            return "green"
        case RowOutcome.REFUSED | RowOutcome.OUTCOME_UNKNOWN | RowOutcome.NOT_ATTEMPTED:
            return "red"
        case _:
            return "yellow"


def as_fields(result: Result) -> dict[str, object]:
    """Return a result as the object that `--json` prints."""
    row = result.row
    return {
        "line": row.line or None,
        "email": row.email,
        "member_id": result.member_id or row.member_id,
        "team": row.team,
        "outcome": result.outcome,
        "detail": result.detail,
        **_error_fields(result.error),
    }


def _error_fields(error: SentryMembersError | None) -> dict[str, object]:
    return {
        "error": type(error).__name__ if error else None,
        "status": error.status if isinstance(error, ApiError) else None,
    }


def print_json(value: object) -> None:
    """Print a value as JSON, on a line of its own."""
    print(json.dumps(value), flush=True)


def as_line(result: Result) -> Text:
    """Return a result as a line of text."""
    row = result.row
    if isinstance(row, BadRow):
        return Text.assemble(("bad", "red"), f": {row.reason}")
    name = row.email or f"member {row.member_id}, {row.team}"
    text = Text.assemble((result.outcome, colour(result.outcome)), f": {name}")
    if result.member_id:
        text.append(f", member {result.member_id}")
    if result.detail:
        text.append(f": {result.detail}")
    return text


def print_error(title: str, error: SentryMembersError, *, as_json: bool) -> None:
    """Print an error as a title and indented lines, the advice last."""
    if as_json:
        print_json({"outcome": title, "detail": str(error), **_error_fields(error)})
        return
    texts = [reason_of(error)]
    if isinstance(error, ApiError):
        reason = join_sentences(*error.messages) or "no reason given"
        texts = [f"{error.status}: {reason}", error.advice]
    err.print(Text(title, "bold red"))
    for text in filter(None, texts):
        err.print(f"    {text}", soft_wrap=True)
