"""What several commands need of their options: the organization and the credentials."""

import sys
from pathlib import Path
from typing import TypeVar

import typer
from sentry_members.auth import default_organization
from sentry_members.client import AsyncSentryMembers, SentryMembers
from sentry_members.errors import ConfigurationError
from sentry_members_onboarding.people import SLUG

ClientT = TypeVar("ClientT", SentryMembers, AsyncSentryMembers)


def find_organization(org: str | None) -> str:
    """Return the organization given, or else the one in the environment or in .sentryclirc.

    Raises:
        ConfigurationError: There is none, or it can't be one.
        typer.BadParameter: The one given can't be one.
    """
    if org is None:
        return default_organization()
    name = org.strip().strip("\"'").strip()
    if not SLUG.fullmatch(name):
        raise typer.BadParameter(
            f"{org!r} is not the slug or ID of an organization: letters, digits, - and _, such as "
            "acme in https://acme.sentry.io",
            param_hint="--org",
        )
    return name


def make_client(kind: type[ClientT], token_file: str | None) -> ClientT:
    """Make a client with the token in the file, or else with the credentials that it finds.

    A command makes one client and shows its credentials: found twice, they might differ.

    Raises:
        ConfigurationError: There are no credentials, or they can't be used.
    """
    return kind(token=None if token_file is None else _read_token(token_file))


def _read_token(file: str) -> str:
    try:
        read = sys.stdin.buffer.read if file == "-" else Path(file).read_bytes
        return read().decode("utf-8-sig")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
    raise ConfigurationError(f"--token-file {file} can't be read: {reason}")
