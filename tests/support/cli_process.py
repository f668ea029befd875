"""The command line as a process of its own."""

import os
import sys
import time
from collections.abc import Callable, Mapping

COMMAND = [sys.executable, "-W", "error", "-m", "sentry_members_cli"]

# What makes a library colour its output where there is no terminal, or not colour it on one.
_COLOURS = ("CLICOLOR", "COLUMNS", "FORCE_COLOR", "GITHUB_ACTIONS", "NO_COLOR", "PY_COLORS")


def environment(**variables: str) -> Mapping[str, str]:
    """An environment that says nothing of Sentry, proxies and colours but these variables."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SENTRY_") and not name.lower().endswith("_proxy")
        if name not in _COLOURS
    }
    return {**kept, "PYTHONUTF8": "1", **variables}


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for a condition; TimeoutError if it does not come in so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not so within {seconds} s")
        time.sleep(0.005)
