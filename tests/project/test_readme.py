"""The page for a newcomer: short, and what it shows is what happens."""

import os
import subprocess
import sys
from pathlib import Path

from sentry_members_testing import FakeSentry

from tests.support.readme import Readme
from tests.support.repo_copy import ROOT

README = Readme(ROOT / "README.md")
LINES = 170


def test_it_is_a_page() -> None:
    assert len(README.text.splitlines()) <= LINES


def test_the_first_calls_end_as_it_says() -> None:
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=["org:read", "member:admin"])
    with fake.serve() as url:
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", "\n".join(README.python)],
            env={**os.environ, "SENTRY_AUTH_TOKEN": token, "SENTRY_URL": url},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    lines = ["now on frontend", "in the organization already, or invited"]
    assert (lines, "") == (ran.stdout.splitlines(), ran.stderr)
    [ada] = [member for member in fake.members if member.email == "ada@example.com"]
    assert {"backend", "frontend"} == set(ada.teams)


def test_the_demo_prints_what_it_shows(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.maintenance.demo"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (0, "") == (ran.returncode, ran.stderr)
    assert ran.stdout in README.blocks("")
