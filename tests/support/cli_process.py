"""Runs the command line as a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

COMMAND = [sys.executable, "-W", "error", "-m", "sentry_members_cli"]

# Variables that change whether output is coloured, and how wide it is.
_STYLE_VARIABLES = ("CLICOLOR", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS")


def environment(**variables: str) -> Mapping[str, str]:
    """Return an environment with these variables, and no other about Sentry, proxies or colours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SENTRY_") and not name.lower().endswith("_proxy")
        if name not in _STYLE_VARIABLES
    }
    return {**kept, "PYTHONUTF8": "1", **variables}


@contextmanager
def running(*arguments: str, **variables: str) -> Generator["subprocess.Popen[str]"]:
    """Run a command with these variables, and kill it if a test fails while it runs."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: The condition is still false after this many seconds.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"the condition is still false after {seconds} s")
        time.sleep(0.005)
