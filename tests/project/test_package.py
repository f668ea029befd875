"""The wheel and the sdist: complete, reproducible, typed."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.repo_copy import ROOT, VENV, Tree, tracked_files

EXTRA = 'sentry-members: the command line needs more: pip install "sentry-members[cli]"\n'
PACKAGES = ("overlays/pytest_sentry_members/", "overlays/sentry_members")
TYPING = ROOT / "tests/client/typing_usage.py"


def build(tree: Tree) -> dict[str, bytes]:
    built = tree.make("build")
    assert 0 == built.returncode, built.stderr
    return tree.files("dist")


def test_the_wheel_holds_both_packages_and_nothing_else(tree: Tree) -> None:
    build(tree)
    [wheel] = (tree.path / "dist").glob("*.whl")
    held = {
        name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("sentry_members-")
    }
    expected = {
        name.partition("/")[2]
        for name in tracked_files()
        if name.startswith(("generated/sentry_members_api/", *PACKAGES))
    }
    assert expected == held
    assert {"sentry_members/py.typed", "sentry_members_api/py.typed"} <= held


def test_two_builds_are_the_same_bytes(tree: Tree) -> None:
    first = build(tree)
    assert first == build(tree)


def test_the_sdist_builds_the_same_wheel(tree: Tree, tmp_path: Path) -> None:
    build(tree)
    [sdist] = (tree.path / "dist").glob("*.tar.gz")
    (tmp_path / "sdist").mkdir()
    subprocess.run(["tar", "-xzf", str(sdist), "-C", str(tmp_path / "sdist")], check=True)
    [unpacked] = (tmp_path / "sdist").iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(command, cwd=unpacked, capture_output=True, check=True)
    [wheel] = (tree.path / "dist").glob("*.whl")
    [again] = (unpacked / "dist").glob("*.whl")
    assert wheel.name == again.name
    assert wheel.read_bytes() == again.read_bytes()


@pytest.fixture
def installed(tree: Tree, tmp_path: Path) -> Path:
    """The Python of an environment with the wheel and what it needs, away from the tree."""
    build(tree)
    [wheel] = (tree.path / "dist").glob("*.whl")
    environment = tmp_path / "installed"
    lock, uv = str(ROOT / "requirements.lock"), str(VENV / "bin/uv")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [uv, "pip", "install", "--quiet", "--python", str(environment), "-c", lock, str(wheel)],
    ):
        subprocess.run(command, check=True)
    return environment / "bin/python"


def test_the_installed_wheel_is_typed(installed: Path, tmp_path: Path) -> None:
    usage = tmp_path / TYPING.name
    usage.write_bytes(TYPING.read_bytes())
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(installed)]
    pyright = [sys.executable, "-m", "pyright", "--pythonpath", str(installed)]
    settings = {
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": True,
        "enableTypeIgnoreComments": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    for checker in (mypy, pyright):
        checked = subprocess.run(
            [*checker, usage.name], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert 0 == checked.returncode, checked.stdout


@pytest.mark.parametrize(
    "command", [["bin/python", "-m", "sentry_members_cli"], ["bin/sentry-members"]]
)
def test_without_the_extra_the_command_line_says_what_it_needs(
    command: list[str], installed: Path
) -> None:
    program, *arguments = command
    ran = subprocess.run(
        [installed.parent.parent / program, *arguments, "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (8, "", EXTRA) == (ran.returncode, ran.stdout, ran.stderr)
