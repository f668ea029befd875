"""What the README shows is true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sentry_members.testing import FakeSentry
from tree import ROOT, Tree

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
TESTS = [code for code in PYTHON if "def test_" in code]


def test_the_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Block after block, as a reader would: against the example organizations."""
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="manager", scopes=["org:read", "member:invite"])
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", token)
    script = "\n".join(code for code in PYTHON if code not in TESTS)
    with fake.serve() as url:
        environment = {**os.environ, "SENTRY_AUTH_TOKEN": token, "SENTRY_URL": url}
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "" == ran.stderr
    assert [
        "now on frontend",
        "in the organization already, or invited",
    ] == ran.stdout.splitlines()[:2]
    assert "204" in ran.stdout.splitlines()[2]
    assert ["ada@example.com", "grace@example.com"] == [
        member.email for member in fake.members if member.email.endswith("@example.com")
    ]


def test_the_tests_of_the_readme_pass(tmp_path: Path) -> None:
    (tmp_path / "test_readme.py").write_text("\n".join(TESTS))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"{len(TESTS)} passed" in ran.stdout


def test_the_demo_prints_what_the_readme_shows() -> None:
    command = [sys.executable, str(ROOT / "tests/demo.py")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (ran.returncode, ran.stderr)
    assert ran.stdout in [code for language, code in BLOCKS if not language]


def test_the_verbs_of_the_readme_are_there(tree: Tree) -> None:
    shown = "\n".join(code for language, code in BLOCKS if language == "sh")
    verbs = set(re.findall(r"^make ([a-z]+)", shown, re.MULTILINE))
    verbs |= set(re.findall(r"`make ([a-z]+)`", README))
    listed = {line.split()[1] for line in tree.make().stdout.splitlines()}
    assert verbs <= listed
    assert {"demo", "test", "generate", "check", "build"} <= verbs


def test_the_tree_is_as_the_readme_says() -> None:
    paths = re.findall(r"^\| `([^`]+)` +\|", README, re.MULTILINE)
    assert paths
    assert [] == [path for path in paths if not (ROOT / path).exists()]
