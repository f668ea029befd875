"""Whichever way a call ends, no reporter shows the token."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client_harness import USER_TOKEN
from tests.support.raw_server import Recorder, recorder
from tests.support.repo_copy import ROOT

RAISED = {
    "method": "AnswerTimeoutError",
    "invite": "AnswerTimeoutError",
    "bad_argument": "InvalidArgumentError",
    "interrupted_anywhere": "ExceptionGroup",
    "cancel_anywhere": "BaseExceptionGroup",
    "closed": "ConfigurationError",
    "generated": "AnswerTimeoutError",
    "ctrl_c": "KeyboardInterrupt",
    "alarm": "LimitError",
    "alarm_in_a_generated_function": "LimitError",
    "async_method": "AnswerTimeoutError",
    "async_generated": "AnswerTimeoutError",
    "timeout": "TimeoutError",
    "wait_for": "TimeoutError",
    "wait_for_a_generated_function": "TimeoutError",
    "cancel": "CancelledError",
    "cancel_while_it_retries": "TimeoutError",
    "group": "ExceptionGroup",
    "async_ctrl_c": "KeyboardInterrupt",
}
TEST = """
from tests.support.endings import cancel
import asyncio

def test_fails():
    asyncio.run(cancel())
"""


@pytest.fixture
def silent_server() -> Iterator[Recorder]:
    """A server that receives requests and never responds."""
    with recorder() as server:
        server.response = b""
        yield server


def environment(server: Recorder) -> dict[str, str]:
    return {**os.environ, "SENTRY_AUTH_TOKEN": USER_TOKEN, "SENTRY_URL": server.url()}


# An exception at any point may leave a process unable to make further calls.
ALONE = "interrupted_anywhere"
ORDINARY = sorted(RAISED.keys() - {ALONE})
# Importing the reporters takes over a second, and most endings wait for another.
GROUPS = [ORDINARY[0::3], ORDINARY[1::3], ORDINARY[2::3], [ALONE]]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("endings", GROUPS, ids=",".join)
def test_no_reporter_shows_the_token(endings: list[str], silent_server: Recorder) -> None:
    """The token is only in the environment, which the reporters don't show."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.endings", *endings],
        cwd=ROOT,
        env=environment(silent_server),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    raised = {}
    for line in ran.stdout.splitlines():
        ending, raised[ending], shown = json.loads(line)
        assert USER_TOKEN[7:] not in shown, ending
        assert ending == "group" or "sentry_members" in shown, ending
    assert {ending: RAISED[ending] for ending in endings} == raised, ran.stderr


@pytest.mark.slow
@pytest.mark.everywhere
def test_pytest_does_not_show_the_token(silent_server: Recorder, tmp_path: Path) -> None:
    (tmp_path / "test_fails.py").write_text(TEST)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "--showlocals", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=ROOT,
        env=environment(silent_server),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "CancelledError" in ran.stdout
    assert "1 failed" in ran.stdout
    assert USER_TOKEN[7:] not in ran.stdout
