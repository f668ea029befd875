"""`python -m sentry_members` is the command line."""

import sys


def main() -> None:
    """Run the command line; say what to install where its libraries are missing."""
    try:
        from .cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        sys.exit('The command line needs more: pip install "sentry-members[cli]"')
    app(prog_name="sentry-members")


if __name__ == "__main__":
    main()
