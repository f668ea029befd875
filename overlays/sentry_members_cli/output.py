"""What a command prints: text for people, or JSON for programs."""

import json

from rich.console import Console
from rich.text import Text
from sentry_members.error_mapping import join_sentences
from sentry_members.errors import ApiError, SentryMembersError
from sentry_members_onboarding import BadRow, Result, RowOutcome
from sentry_members_onboarding.rows import reason_of

# They print no colours where there is no terminal, or where NO_COLOR is set.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(highlight=False, markup=False, emoji=False, stderr=True)


def colour(outcome: RowOutcome) -> str:
    """The colour of an outcome."""
    match outcome:
        case RowOutcome.INVITED | RowOutcome.ADDED:
            return "green"
        case RowOutcome.REFUSED | RowOutcome.OUTCOME_UNKNOWN | RowOutcome.NOT_ATTEMPTED:
            return "red"
        case _:
            return "yellow"


def as_fields(result: Result) -> dict[str, object]:
    """A result as the object that `--json` prints of it."""
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
    """Print a value on a line of its own."""
    print(json.dumps(value), flush=True)


def as_line(result: Result) -> Text:
    """A result in a line."""
    row = result.row
    if isinstance(row, BadRow):
        return Text.assemble(("bad", "red"), f": {row.reason}")
    who = row.email or f"member {row.member_id}, {row.team}"
    text = Text.assemble((result.outcome, colour(result.outcome)), f": {who}")
    if result.member_id:
        text.append(f", member {result.member_id}")
    if result.detail:
        text.append(f": {result.detail}")
    return text


def print_error(title: str, error: SentryMembersError, *, as_json: bool) -> None:
    """Print an error as a block, its advice last."""
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
