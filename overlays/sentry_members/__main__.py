"""`python -m sentry_members` is the command line."""

import sys
from io import TextIOWrapper
from typing import cast


def main() -> None:
    """Run the command line; say what to install where its libraries are missing."""
    try:
        from .cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        sys.exit('The command line needs more: pip install "sentry-members[cli]"')
    # What the encoding lacks is printed as on stderr: by its code.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    app(prog_name="sentry-members")


if __name__ == "__main__":
    main()
