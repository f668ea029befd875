"""The entry point of `sentry-members` and of `python -m sentry_members_cli`."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Literal, NoReturn, cast

from .exits import Exit


class OutputError(Exception):
    """Standard output can't be written. Libraries don't catch it, as some do an OSError."""


class _Output(TextIOWrapper):
    """Standard output, of which no failure goes unnoticed."""

    def write(self, text: str, /) -> int:
        with _noticed():
            return super().write(text)

    def flush(self) -> None:
        with _noticed():
            super().flush()


@contextmanager
def _noticed() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(error.strerror) from error


def main() -> None:
    """Run the command line; if its libraries are missing, say what to install."""
    try:
        from .app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        _fail("the command line needs sentry-members[cli], from your index")
    # Each is None if the shell has closed it.
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")
    given = cast(TextIOWrapper, sys.stdout)
    # A character that the encoding lacks is printed by its code, as stderr does by default.
    sys.stdout = _Output(
        given.buffer,
        given.encoding,
        "backslashreplace",
        line_buffering=given.line_buffering,
        write_through=given.write_through,
    )
    try:
        try:
            app(prog_name="sentry-members")
        finally:
            sys.stdout.flush()
    except OutputError as error:
        # Python flushes stdout once more at exit, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _fail(f"the output can't be written ({error}); the command may have done its work")


def _nowhere(mode: Literal["r", "w"]) -> TextIOWrapper:
    """Return a file that is empty and swallows all. It takes the place that the shell left empty."""
    return open(os.open(os.devnull, os.O_RDWR), mode, closefd=False)


def _fail(reason: str) -> NoReturn:
    with suppress(OSError):
        print(f"sentry-members: {reason}", file=sys.stderr)
    sys.exit(Exit.CONFIGURATION)


if __name__ == "__main__":
    main()
