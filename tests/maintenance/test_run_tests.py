"""`make test`, `make quick` and `make one` run what they say, and say what they ran."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.maintenance import run_tests
from tests.maintenance.environments import OWN, Environment
from tests.maintenance.quick import folder
from tests.maintenance.run_tests import Step, steps
from tests.support.repo_copy import ROOT, VENV, Tree


def test_every_python_and_both_ends_of_the_ranges_are_tested() -> None:
    alone = [step.environment for step in steps([])]
    assert alone == [None, Environment(OWN), Environment(OWN, "lowest"), Environment(OWN, "newest")]
    beside_one = [step.environment for step in steps(["3.99"])]
    assert beside_one == [*alone[:3], Environment("3.99", "newest")]
    among_others = [step.environment for step in steps(["3.97", "3.98", "3.99"])]
    assert among_others == [
        *alone[:2],
        Environment("3.97", "lowest"),
        Environment("3.98"),
        Environment("3.99", "newest"),
    ]


def test_every_test_is_run_in_full() -> None:
    folders = [folder for step in steps([]) if step.is_whole for folder in step.folders]
    assert sorted(folders) == sorted({file.parent.name for file in ROOT.glob("tests/*/test_*.py")})


@pytest.fixture
def a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders of tests in place of the real ones; the second has a test that fails."""
    for name, test in (("first", "def test_passes(): pass"), ("second", "def test_fails(): 0 / 0")):
        file = tmp_path / f"tests/{name}/test_{name}.py"
        file.parent.mkdir(parents=True)
        file.write_text(test)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_tests, "ALL", [])
    monkeypatch.setattr(run_tests, "other_versions", list)
    monkeypatch.setattr(
        run_tests,
        "steps",
        lambda _: [Step((name,), is_whole=True) for name in ("first", "second", "third")],
    )


@pytest.mark.slow
@pytest.mark.usefixtures("a_run")
def test_says_where_it_is_what_was_skipped_and_how_it_ended(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.programs.PATH", "/nowhere")
    assert 1 == run_tests.main()
    lines = capfd.readouterr().out.splitlines()
    assert ["1 of 3: the tree", "2 of 3: the tree"] == [
        line for line in lines if " of 3: " in line
    ][:2]
    assert "SKIPPED: Python 3.15, which is not found" in lines
    assert any("SKIPPED: all tests that need nginx" in line for line in lines)
    assert re.fullmatch(r"failed: 2 of 3: the tree, in \d+ min \d+ s", lines[-1])
    assert "ZeroDivisionError" in "".join(lines)


PARAMETRIZED = """
import pytest

@pytest.mark.parametrize("number", [pytest.param(0, marks=pytest.mark.slow), 1, 2])
@pytest.mark.parametrize("client", ["sync", "async"])
def test_both(client, number): assert number == 1

def test_alone(): pass
"""


@pytest.mark.slow
def test_another_environment_gets_the_first_case_for_each_client(tmp_path: Path) -> None:
    (tmp_path / "test_cases.py").write_text(PARAMETRIZED)
    command = [sys.executable, *run_tests.PYTEST, *run_tests.FIRST_CASES, str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "3 passed" in ran.stdout, ran.stdout


def test_an_environment_that_cannot_be_made_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(subprocess.CalledProcessError):
        Step(("client",), Environment("3.1")).run()


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("README.md", "project"),
        ("generated/sentry_members_api/client.py", "contract"),
        ("overlays/gateway/run.py", "gateway"),
        ("overlays/sentry_members/client.py", "client"),
        ("overlays/sentry_members_cli/whoami.py", "cli"),
        ("tests/client/test_client.py", "client"),
        ("tests/support/raw_server.py", "project"),
    ],
)
def test_quick_finds_the_tests_of_a_file(file: str, tests: str) -> None:
    assert f"tests/{tests}" == folder(file)


@pytest.mark.slow
def test_quick_runs_the_fast_tests_of_what_changed(tree: Tree) -> None:
    for file in tree.path.glob("tests/*/test_*.py"):
        file.unlink()
    tree.commit()
    nothing = tree.make("quick")
    assert (2, "nothing has changed since the last commit: name a path (make quick T=…)") == (
        nothing.returncode,
        nothing.stderr.splitlines()[0],
    )
    (tree.path / "tests/testing/test_new.py").write_text(
        "import pytest\ndef test_fast(): pass\n@pytest.mark.slow\ndef test_slow(): 0 / 0\n"
    )
    assert "1 passed" in tree.make("quick").stdout
    one = tree.make("one", "T=tests/testing/test_new.py::test_slow")
    assert 2 == one.returncode
    assert "ZeroDivisionError" in one.stdout
    assert "name a test: make one T=path::name" in tree.make("one").stderr


def test_another_python_sets_the_environment_up_anew(tree: Tree) -> None:
    other = tree.path / "other-python"
    other.write_text("#!/bin/sh\necho /another 3.99\n")
    other.chmod(0o755)
    for python, is_new in ((sys.executable, False), (str(other), True)):
        command = ["make", "--dry-run", f"VENV={VENV}", f"PYTHON={python}", f"{VENV}/.ready"]
        planned = subprocess.run(command, cwd=tree.path, capture_output=True, text=True, check=True)
        assert is_new == ("setting up" in planned.stdout)
