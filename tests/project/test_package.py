"""The wheel and the sdist: complete, reproducible, typed."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.repo_copy import ROOT, VENV, Tree, tracked_files

EXTRA = 'sentry-members: the command line needs more: pip install "sentry-members[cli]"\n'
PACKAGES = {
    "pytest_sentry_members": "overlays",
    "sentry_members": "overlays",
    "sentry_members_api": "generated",
    "sentry_members_cli": "overlays",
    "sentry_members_onboarding": "overlays",
    "sentry_members_testing": "overlays",
}
SOURCES = {
    name
    for name in tracked_files()
    if name.startswith(tuple(f"{folder}/{package}/" for package, folder in PACKAGES.items()))
}
BESIDE = {"CHANGELOG.md", "LICENSE", "README.md", "openapi.yaml", "pyproject.toml"}
TYPING = ROOT / "tests/client/typing_usage.py"

UNRELATED = """
import sys

def test_nothing_of_the_project_is_imported():
    ours = ("httpx", "sentry_members")
    assert [] == [name for name in sys.modules if name.startswith(ours)]
"""
WITH_THE_FIXTURE = """
from sentry_members import SentryMembers

def test_a_call(fake_sentry):
    token = fake_sentry.issue_token("acme", owner="manager", scopes=["org:read"])
    member = fake_sentry.member_id("acme", "target")
    with SentryMembers(token=token, transport=fake_sentry.transport()) as sentry:
        added = sentry.add_an_organization_member_to_a_team("acme", member, "backend")
    assert "backend" == added.team.slug
"""


def file_of(built: Path, suffix: str) -> Path:
    [file] = built.glob(f"*{suffix}")
    return file


def test_the_wheel_holds_the_packages_and_nothing_else(built: Path) -> None:
    held = {
        name
        for name in zipfile.ZipFile(file_of(built, ".whl")).namelist()
        if not name.startswith("sentry_members-")
    }
    assert {name.partition("/")[2] for name in SOURCES} == held
    assert {f"{package}/py.typed" for package in PACKAGES} <= held


def test_the_sdist_holds_what_the_wheel_is_made_of_and_nothing_else(built: Path) -> None:
    with tarfile.open(file_of(built, ".tar.gz")) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    assert SOURCES | BESIDE | {".gitignore", "PKG-INFO"} == held


def test_two_builds_are_the_same_bytes(built: Path, tree: Tree) -> None:
    assert 0 == tree.make("build").returncode
    first = {f"dist/{file.name}": file.read_bytes() for file in built.iterdir()}
    assert first == tree.files("dist")


def test_the_sdist_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    with tarfile.open(file_of(built, ".tar.gz")) as sdist:
        sdist.extractall(tmp_path, filter="data")
    [unpacked] = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(command, cwd=unpacked, capture_output=True, check=True)
    wheel, again = file_of(built, ".whl"), file_of(unpacked / "dist", ".whl")
    assert wheel.name == again.name
    assert wheel.read_bytes() == again.read_bytes()


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel, what it needs, and pytest."""
    environment = tmp_path_factory.mktemp("installed")
    lock, uv = str(ROOT / "requirements.lock"), str(VENV / "bin/uv")
    install = [uv, "pip", "install", "--quiet", "--constraint", lock]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [*install, "--python", str(environment), str(file_of(built, ".whl")), "pytest"],
    ):
        subprocess.run(command, check=True)
    return environment / "bin/python"


@pytest.mark.parametrize("test", [UNRELATED, WITH_THE_FIXTURE], ids=["unrelated", "its fixture"])
def test_the_pytest_plugin_costs_only_those_who_use_it(
    test: str, installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(test)
    environment = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    ran = subprocess.run(
        [str(installed), "-m", "pytest", "--trace-config"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ran.returncode, ran.stdout
    assert "pytest_sentry_members" in ran.stdout


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
