"""The options that commands share."""

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
        help="The organization's ID or slug. Else SENTRY_ORG, else that of .sentryclirc.",
        show_default=False,
    ),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="A file with the token; - is standard input. Else the token is that of "
        "SENTRY_AUTH_TOKEN or .sentryclirc, or a gateway's.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def organization(given: str | None) -> str:
    """The organization given, or the one that the environment or a file names.

    Raises:
        ConfigurationError: None is named anywhere.
    """
    return given or default_organization()


def credentials(token_file: str | None) -> dict[str, Any]:
    """The token in a file as the argument for a client; nothing, without a file.

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
