"""What several commands need of their options: the organization and the credentials."""

import sys
from pathlib import Path
from typing import NamedTuple

import typer
from sentry_members.auth import Credentials, default_organization, resolve
from sentry_members.errors import ConfigurationError
from sentry_members.secret import Secret
from sentry_members_onboarding.people import SLUG


class Target(NamedTuple):
    """Where a command sends its requests, and as whom.

    Attributes:
        organization: The ID or slug of the organization.
        credentials: The credential and the address of the Sentry.
        token: The token in the file; empty if no file is given.
    """

    organization: str
    credentials: Credentials
    token: Secret


def find_target(org: str | None, token_file: str | None) -> Target:
    """Find the organization and the credentials. Nothing is sent.

    Raises:
        ConfigurationError: They are missing, or can't be used.
        typer.BadParameter: `--org` can't be the ID or slug of an organization.
    """
    name = find_organization(org)
    return Target(name, *find_credentials(token_file))


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


def find_credentials(token_file: str | None) -> tuple[Credentials, Secret]:
    """Return the credentials, and the token in the file, which is empty if no file is given.

    Raises:
        ConfigurationError: There are none, or they can't be used.
    """
    token = None if token_file is None else _read_token(token_file)
    return resolve(token), token or Secret()


def _read_token(file: str) -> Secret:
    try:
        read = sys.stdin.buffer.read if file == "-" else Path(file).read_bytes
        return Secret(read().decode("utf-8-sig"))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
    raise ConfigurationError(f"--token-file {file} can't be read: {reason}")
