"""The entry point of `sentry-members` and of `python -m sentry_members_cli`."""

import os
import sys
from io import TextIOWrapper
from typing import NoReturn, cast

from .exits import Exit


def main() -> None:
    """Run the command line; if its libraries are missing, say what to install."""
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        _fail('the command line needs more: pip install "sentry-members[cli]"')
    # A character that the encoding lacks is printed by its code, as stderr does by default.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    try:
        try:
            app(prog_name="sentry-members")
        finally:
            sys.stdout.flush()
    except OSError as error:
        # Python flushes stdout once more at exit, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _fail(f"the output can't be written ({error.strerror}); the command may have done its work")


def _fail(reason: str) -> NoReturn:
    print(f"sentry-members: {reason}", file=sys.stderr)
    sys.exit(Exit.CONFIGURATION)


if __name__ == "__main__":
    main()
