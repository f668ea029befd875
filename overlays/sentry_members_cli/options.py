"""The options that several commands have."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from sentry_members.auth import default_organization
from sentry_members.errors import ConfigurationError

Organization = Annotated[
    str | None,
    typer.Option(
        "--org",
        help="The organization's ID or slug. Default: SENTRY_ORG, then .sentryclirc.",
        show_default=False,
    ),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="A file with the token; - is standard input. Default: SENTRY_AUTH_TOKEN, then "
        ".sentryclirc; none is needed with a gateway.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def organization(given: str | None) -> str:
    """Return the organization given, or else the one in the environment or in .sentryclirc.

    Raises:
        ConfigurationError: There is none.
    """
    return given or default_organization()


def credentials(token_file: str | None) -> dict[str, Any]:
    """Return the arguments for a client: the token in the file, if there is a file.

    Raises:
        ConfigurationError: The file can't be read.
    """
    if token_file is None:
        return {}
    try:
        read = sys.stdin.buffer.read if token_file == "-" else Path(token_file).read_bytes
        return {"token": read().decode("utf-8-sig")}
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
    raise ConfigurationError(f"--token-file {token_file} can't be read: {reason}")
