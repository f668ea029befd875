"""`python -m sentry_members_cli` is the command line."""

import os
import sys
from io import TextIOWrapper
from typing import NoReturn, cast

from .exits import Exit


def main() -> None:
    """Run the command line; say what to install where its libraries are missing."""
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        _refuse('the command line needs more: pip install "sentry-members[cli]"')
    # What the encoding lacks is printed as on stderr: by its code.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    try:
        try:
            app(prog_name="sentry-members")
        finally:
            sys.stdout.flush()
    except OSError as error:
        # Else what is left of the output would fail once more at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _refuse(f"the output can't be written ({error.strerror}); what it was about may be done")


def _refuse(reason: str) -> NoReturn:
    print(f"sentry-members: {reason}", file=sys.stderr)
    sys.exit(Exit.CONFIGURATION)


if __name__ == "__main__":
    main()
