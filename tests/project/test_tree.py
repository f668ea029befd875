"""The tree: its top level, its files, the checkers, and what make prints."""

import re
import subprocess
from pathlib import Path

import editorconfig
import pytest

from tests.support.repo_copy import MAKE, ROOT, Tree, tracked_files

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


def test_top_level_has_only_the_known_entries() -> None:
    top = {name.partition("/")[0] for name in tracked_files()}
    assert TOP == {name for name in top if not name.startswith(".")}


def test_every_file_is_as_the_editorconfig_says() -> None:
    for name in tracked_files():
        text = (ROOT / name).read_bytes()
        expected = editorconfig.get_properties(str(ROOT / name))
        if b"\0" in text:
            continue
        if expected["end_of_line"] == "lf":
            assert b"\r" not in text, name
        if expected["insert_final_newline"] == "true":
            assert text[-1:] in (b"", b"\n"), name
        if expected["trim_trailing_whitespace"] == "true":
            assert not re.search(rb"[ \t]$", text, re.MULTILINE), name
        if expected["indent_style"] == "space":
            assert not re.search(rb"^ *\t", text, re.MULTILINE), name


def test_no_file_names_a_package_registry() -> None:
    for name in tracked_files():
        content = (ROOT / name).read_bytes()
        assert not any(host.encode() in content for host in REGISTRIES), name


@pytest.mark.slow
@pytest.mark.parametrize("target", ["lint", "types"])
def test_checkers_find_nothing(target: str) -> None:
    command = [*MAKE, target]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert 0 == checked.returncode, checked.stdout


def test_make_alone_lists_every_verb(tree: Tree) -> None:
    targets = re.findall(r"^\.PHONY: ([a-z]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    listed = [line.split()[1] for line in tree.make().stdout.splitlines()]
    assert set(targets) - {"anew", "committed"} == {*listed}


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.1\nexit 1\n", "Python 3.9.1 is too old"),
        ('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n', "can't make virtual environments"),
        (None, "no nothon found: install Python 3.11 or newer"),
    ],
    ids=["too old", "without venv", "missing"],
)
def test_make_names_what_the_machine_lacks(
    python: str | None, message: str, tree: Tree, tmp_path: Path
) -> None:
    if python:
        (tmp_path / "nothon").write_text(python)
        (tmp_path / "nothon").chmod(0o755)
    name = str(tmp_path / "nothon") if python else "nothon"
    failed = tree.make(f"PYTHON={name}", f"VENV={tmp_path}/new", "check")
    assert 2 == failed.returncode
    assert message in failed.stdout
    assert 1 == len(failed.stdout.splitlines())
    assert not (tmp_path / "new").exists()
