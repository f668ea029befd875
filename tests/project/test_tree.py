"""The tree: what stands at its top, what its files hold, what its verbs say."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repo_copy import ROOT, Tree, tracked_files

TOP = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "generated",
    "openapi.yaml",
    "overlays",
    "pyproject.toml",
    "requirements.lock",
    "tests",
}
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com")


def test_the_top_level_is_what_was_asked_for() -> None:
    top = {name.partition("/")[0] for name in tracked_files()}
    assert TOP == {name for name in top if not name.startswith(".")}


def test_no_file_names_a_package_registry() -> None:
    for name in tracked_files():
        content = (ROOT / name).read_bytes()
        assert not any(host.encode() in content for host in REGISTRIES), name


@pytest.mark.parametrize(
    "checker",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["pyright"]],
    ids=" ".join,
)
def test_a_checker_finds_nothing(checker: list[str]) -> None:
    command = [sys.executable, "-m", *checker]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == checked.returncode, checked.stdout


def test_make_alone_lists_every_verb(tree: Tree) -> None:
    listed = tree.make().stdout
    for verb in (
        "demo",
        "test",
        "generate",
        "check",
        "gateway",
        "build",
        "publish",
        "lock",
        "upgrade",
        "bench",
    ):
        assert f"make {verb} " in listed


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.1\nexit 1\n", "Python 3.9.1 is too old"),
        ('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n', "can't make virtual environments"),
        (None, "no nothon found: install Python 3.11 or newer"),
    ],
    ids=["too old", "without venv", "missing"],
)
def test_a_machine_that_lacks_something_is_told_so(
    python: str | None, said: str, tree: Tree, tmp_path: Path
) -> None:
    if python:
        (tmp_path / "nothon").write_text(python)
        (tmp_path / "nothon").chmod(0o755)
    named = str(tmp_path / "nothon") if python else "nothon"
    refused = tree.make(f"PYTHON={named}", f"VENV={tmp_path}/new", "check")
    assert 2 == refused.returncode
    assert said in refused.stdout
    assert 1 == len(refused.stdout.splitlines())
    assert not (tmp_path / "new").exists()
