"""The package from an index with a password, by pip and by uv, as the README shows it."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support import pypi_server
from tests.support.pypi_server import PASSWORD, USER, Index
from tests.support.repo_copy import ROOT, VENV

README = (ROOT / "README.md").read_text("utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
SHOWN = "https://packages.example.com/"

USAGE = """
from sentry_members import NewMember, SentryMembers
from sentry_members_testing import FakeSentry

fake = FakeSentry.example()
token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
with fake.serve() as url, SentryMembers(token=token, url=url) as sentry:
    member = sentry.add_a_member_to_an_organization("acme", NewMember(email="ada@example.com"))
    print("invited", member.email)
"""


def shown(beginning: str) -> str:
    """The command of the README that begins so."""
    [command] = re.findall(rf"^{beginning} .*", README, re.MULTILINE)
    return str(command)


@pytest.fixture(scope="module")
def published(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Index]:
    """An index with the wheel and the sdist, which hands on public packages."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    configured = subprocess.run(pip, capture_output=True, text=True, check=True).stdout
    public = re.findall(r"\.index-url='(.*)'$", configured, re.MULTILINE)
    options = [f"--fallback-url={public[-1]}"] if public else []
    folder = tmp_path_factory.mktemp("index")
    with pypi_server.serve(folder, "--authenticate", "update,list,download", *options) as served:
        for file in built.iterdir():
            (served.packages / file.name).write_bytes(file.read_bytes())
        yield served


@pytest.fixture
def taken(tmp_path: Path) -> str:
    """The URL of a public index where somebody has taken the name, for a higher version."""
    folder = tmp_path / "public/sentry-members"
    folder.mkdir(parents=True)
    wheel = "sentry_members-99-py3-none-any.whl"
    (folder / "index.html").write_text(f"<a href='{wheel}'>{wheel}</a>")
    described = {
        "METADATA": "Metadata-Version: 2.1\nName: sentry-members\nVersion: 99\nProvides-Extra: cli\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / wheel, "w") as archive:
        for name, text in described.items():
            archive.writestr(f"sentry_members-99.dist-info/{name}", text)
    return folder.parent.as_uri()


class User:
    """Somebody with an environment of their own, whose `~/.netrc` has the index's password."""

    def __init__(self, folder: Path, published: Index) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.index = published
        (folder / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
        self.run(f"uv venv --seed --python {sys.executable}")

    def run(self, command: str, **variables: str) -> str:
        """Run a command of the README; return what it prints."""
        variables |= {
            "NETRC": str(self.folder / "netrc"),
            "NO_PROXY": "127.0.0.1",
            "PATH": f"{self.folder / '.venv/bin'}:{VENV / 'bin'}:{os.environ['PATH']}",
            "PIP_NO_COMPILE": "1",
            "VIRTUAL_ENV": str(self.folder / ".venv"),
        }
        ran = subprocess.run(
            command.replace(SHOWN, self.index.url),
            shell=True,
            cwd=self.folder,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == ran.returncode, ran.stderr
        return ran.stdout

    def installed(self) -> set[str]:
        """What the environment has of the package."""
        return {file.name for file in (self.folder / ".venv").rglob("*sentry*")}

    def uses_it(self) -> None:
        (self.folder / "usage.py").write_text(USAGE)
        assert "invited ada@example.com\n" == self.run("python usage.py")
        assert self.run("sentry-members --version").endswith(f" {VERSION}\n")


@pytest.fixture
def user(tmp_path: Path, published: Index) -> User:
    return User(tmp_path / "user", published)


def test_by_pip(user: User, built: Path, taken: str) -> None:
    # pip is slow: all is there already but the package, and one that the index hands on.
    [wheel] = built.glob("*.whl")
    user.run(f"uv pip install '{wheel}[cli]' && uv pip uninstall sentry-members anyio")
    assert set() == user.installed()
    install = shown("pip install --index-url")
    beside = user.run(f"{install} --extra-index-url {taken} --no-deps --dry-run")
    assert "Would install sentry-members-99" in beside
    user.run(install)
    user.uses_it()
    user.run("pip uninstall --yes sentry-members")
    assert set() == user.installed()


def test_by_uv(user: User, taken: str) -> None:
    user.run(f"{shown('uv pip install')} --no-deps", UV_DEFAULT_INDEX=taken)
    assert f"sentry_members-{VERSION}.dist-info" in user.installed()
    user.run(shown("uv pip install"))
    user.uses_it()
    user.run("uv pip uninstall sentry-members")
    assert set() == user.installed()


def test_by_uv_in_a_project(user: User, taken: str) -> None:
    [sources] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (user.folder / "pyproject.toml").write_text(
        '[project]\nname = "ours"\nversion = "1"\nrequires-python = ">=3.11"\n'
        + sources.replace(SHOWN, user.index.url)
    )
    user.run(shown("uv add"), UV_INDEX=taken)
    assert f"sentry_members-{VERSION}.dist-info" in user.installed()
    user.run("uv remove sentry-members")
    assert set() == user.installed()
