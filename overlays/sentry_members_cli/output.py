"""The output of commands: text for people, or JSON for programs."""

import json
import logging

import typer
from rich.console import Console
from rich.text import Text
from sentry_members.error_mapping import join_sentences
from sentry_members.errors import ApiError, SentryMembersError
from sentry_members_onboarding import BadRow, Result
from sentry_members_onboarding.rows import reason_of

from .outcomes import colour

# Without a terminal, or with NO_COLOR set, rich prints no colours.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(highlight=False, markup=False, emoji=False, stderr=True)


def set_verbosity(*, quiet: bool, verbose: bool) -> None:
    """Print no results if quiet; if verbose, log each request to stderr.

    Raises:
        typer.BadParameter: Both are given.
    """
    if quiet and verbose:
        raise typer.BadParameter("give one of them, not both", param_hint="--quiet and --verbose")
    out.quiet = quiet
    logger = logging.getLogger("sentry_members")
    logger.setLevel(logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING)
    if verbose:
        logging.basicConfig(format="%(message)s")


# The client's messages name its arguments; here are the options in place of them.
_OPTIONS = {
    "the argument token": "the token of --token-file",
    "SENTRY_GATEWAY_KEY, or gateway_key,": "SENTRY_GATEWAY_KEY",
    "give gateway_key, or set": "set",
    "as an argument or in SENTRY_URL": "in SENTRY_URL",
    "the argument url, SENTRY_URL": "SENTRY_URL",
}


def in_terms_of_options(message: str) -> str:
    """Return a message of the client that names options instead of Python arguments."""
    for name, option in _OPTIONS.items():
        message = message.replace(name, option)
    return message


def as_fields(result: Result) -> dict[str, object]:
    """Return a result as the object that `--json` prints."""
    row = result.row
    return {
        "line": row.line or None,
        "email": row.email,
        "member_id": result.member_id or row.member_id,
        "team": row.team,
        "outcome": result.outcome,
        "detail": in_terms_of_options(result.detail),
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
        text.append(f": {in_terms_of_options(result.detail)}")
    return text


def print_error(title: str, error: SentryMembersError, *, as_json: bool) -> None:
    """Print an error as a title and indented lines, the advice last."""
    if as_json:
        detail = in_terms_of_options(str(error))
        print_json({"outcome": title, "detail": detail, **_error_fields(error)})
        return
    texts = [reason_of(error)]
    if isinstance(error, ApiError):
        reason = join_sentences(*error.messages) or "no reason given"
        texts = [f"{error.status}: {reason}", error.advice]
    print_block(title, *map(in_terms_of_options, filter(None, texts)))


def print_block(title: str, *lines: str) -> None:
    """Print a title and indented lines below it to stderr."""
    err.print(Text(title, "bold red"))
    for line in lines:
        err.print(f"    {line}", soft_wrap=True)
