"""The template for CI: valid, safe by its own checker, and silent while nothing changes."""

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.contracts import PUBLISHED, agree
from tests.support.repo_copy import MAKE, ROOT, VENV, VERSION, Tree

WORKFLOWS = {path.stem: path for path in (ROOT / ".github/workflows").iterdir()}


def workflow(name: str) -> Any:
    return yaml.safe_load(WORKFLOWS[name].read_text("utf-8"))


@pytest.mark.parametrize(
    "command",
    [
        "check-jsonschema --builtin-schema vendor.github-workflows",
        "check-jsonschema --builtin-schema custom.github-workflows-require-timeout",
        "zizmor --offline --strict-collection --persona pedantic",
    ],
)
def test_checkers_of_workflows_find_nothing(command: str) -> None:
    program, *arguments = command.split()
    checked = subprocess.run(
        [VENV / "bin" / program, *arguments, *WORKFLOWS.values()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == checked.returncode, checked.stdout + checked.stderr


def test_actions_are_pinned_by_their_full_hash() -> None:
    for path in WORKFLOWS.values():
        for action in re.findall(r"uses: (.*)", path.read_text("utf-8")):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), path


def test_every_python_that_the_classifiers_name_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    assert named == workflow("check")["jobs"]["test"]["strategy"]["matrix"]["python"]


# It records what it is asked to do, and lists the issue in the file `issues`.
GH = """#!/bin/sh
echo "$1 $2" >>"$RUNNER_TEMP/gh"
[ "$2" != list ] || cat "$RUNNER_TEMP/issues"
"""


class Runner:
    """Runs steps of a workflow as they are, with the real make and a gh that records its calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = Tree(ROOT)
        self.output = folder / "output"
        for name in ("output", "issues", "gh"):
            (folder / name).touch()
        (folder / "bin").mkdir()
        make = f'#!/bin/sh\nexec {shutil.which("make")} {shlex.join(MAKE[1:])} "$@"\n'
        for program, script in {"gh": GH, "make": make}.items():
            (folder / "bin" / program).write_text(script)
            (folder / "bin" / program).chmod(0o755)

    def run(self, step: dict[str, Any], **variables: str) -> int:
        """Return the exit code of a step."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MAKE")
        }
        environment |= {
            "GITHUB_OUTPUT": str(self.output),
            "RUNNER_TEMP": str(self.folder),
            "PATH": f"{self.folder / 'bin'}:{VENV / 'bin'}:{os.environ['PATH']}",
        }
        command = ["bash", "-e", "-c", step["run"]]
        return subprocess.run(
            command, cwd=self.tree.path, env=environment | variables, check=False
        ).returncode

    def gh(self) -> list[str]:
        """Return the commands that were given to gh."""
        return (self.folder / "gh").read_text().splitlines()


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def comparing(runner: Runner, tree: Tree) -> Runner:
    """A runner in a tree whose contract agrees with the published schema."""
    agree(tree)
    runner.tree = tree
    return runner


COMPARE, REPORT = workflow("upstream")["jobs"]["upstream"]["steps"][-2:]


@pytest.mark.slow
def test_opens_no_issue_while_nothing_has_changed(comparing: Runner) -> None:
    assert 0 == comparing.run(COMPARE, SCHEMA=str(PUBLISHED))
    assert "" == comparing.output.read_text()
    assert "steps.comparison.outputs.moved == 'true'" == REPORT["if"]


def test_opens_no_issue_while_the_schema_cannot_be_read(runner: Runner) -> None:
    assert 0 != runner.run(COMPARE, SCHEMA="missing.json")
    assert "" == runner.output.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("issues", "expected"), [("", "issue create"), ("7\n", "issue edit")], ids=["new", "open"]
)
def test_keeps_one_issue_about_what_has_changed(
    issues: str, expected: str, comparing: Runner, tmp_path: Path
) -> None:
    schema = PUBLISHED.read_text("utf-8").replace('"maxLength": 75', '"maxLength": 80')
    (tmp_path / "schema.json").write_text(schema, "utf-8")
    (tmp_path / "issues").write_text(issues)
    assert 0 == comparing.run(COMPARE, SCHEMA=str(tmp_path / "schema.json"))
    assert "moved=true\n" == comparing.output.read_text()
    assert 0 == comparing.run(REPORT, TITLE="Changed")
    assert ["issue list", expected] == comparing.gh()
    fence, difference, *_, end = (tmp_path / "body").read_text().splitlines()
    assert ("```", "```") == (fence, end)
    assert difference.endswith("maxLength: ours 75, Sentry's 80")


def test_tags_the_version_of_the_contract(runner: Runner) -> None:
    jobs = workflow("publish")["jobs"]
    assert 0 == runner.run(jobs["publish"]["steps"][-1])
    assert f"version={VERSION}\n" == runner.output.read_text()
    [tag] = jobs["tag"]["steps"]
    assert 0 == runner.run(tag, GITHUB_REPOSITORY="a/b", GITHUB_SHA="0", VERSION=VERSION)
    assert ["api repos/a/b/git/refs"] == runner.gh()


def test_the_targets_that_they_call_are_there() -> None:
    targets = re.findall(r"^\.PHONY: ([a-z]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for path in (*WORKFLOWS.values(), ROOT / ".pre-commit-config.yaml"):
        called = set(re.findall(r"(?:run:|entry:|if) make ([a-z]+)", path.read_text("utf-8")))
        assert called, path
        assert called <= {*targets}, path
