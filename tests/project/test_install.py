"""Installing from an index with a password, by pip and by uv, as the README shows it."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support import pypi_server
from tests.support.new_member import REQUIRED
from tests.support.pypi_server import PASSWORD, USER, Index
from tests.support.repo_copy import ROOT, VENV, VERSION

README = (ROOT / "README.md").read_text("utf-8")
SHOWN_URL = "https://packages.example.com/"

USAGE = f"""
from sentry_members import NewMember, SentryMembers
from sentry_members_testing import FakeSentry

fake = FakeSentry.example()
token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
with fake.serve() as url, SentryMembers(token=token, url=url) as sentry:
    member = sentry.add_a_member_to_an_organization("acme", NewMember.from_dict({REQUIRED}))
    print("invited", member.email)
"""


def command_shown(start: str) -> str:
    """Return the command of the README that starts with this."""
    [command] = re.findall(rf"^{start} .*", README, re.MULTILINE)
    return str(command)


@pytest.fixture(scope="module")
def published(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Index]:
    """An index with the wheel and the sdist, which redirects to the public one for the rest."""
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
def squatted(tmp_path: Path) -> str:
    """The URL of a public index where somebody else published a higher version of this name."""
    folder = tmp_path / "public/sentry-members"
    folder.mkdir(parents=True)
    wheel = "sentry_members-99-py3-none-any.whl"
    (folder / "index.html").write_text(f"<a href='{wheel}'>{wheel}</a>")
    metadata = {
        "METADATA": "Metadata-Version: 2.1\nName: sentry-members\nVersion: 99\nProvides-Extra: cli\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / wheel, "w") as archive:
        for name, text in metadata.items():
            archive.writestr(f"sentry_members-99.dist-info/{name}", text)
    return folder.parent.as_uri()


class User:
    """A user with an environment, whose `~/.netrc` has the password of the index."""

    def __init__(self, folder: Path, published: Index) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.index = published
        (folder / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
        self.run(f"uv venv --seed --python {sys.executable}")

    def run(self, command: str, **variables: str) -> str:
        """Run a command of the README, and return what it prints."""
        variables |= {
            "NETRC": str(self.folder / "netrc"),
            "NO_PROXY": "127.0.0.1",
            "PATH": f"{self.folder / '.venv/bin'}:{VENV / 'bin'}:{os.environ['PATH']}",
            "PIP_NO_COMPILE": "1",
            "VIRTUAL_ENV": str(self.folder / ".venv"),
        }
        ran = subprocess.run(
            command.replace(SHOWN_URL, self.index.url),
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
        """Return the names of the package's files and folders in the environment."""
        return {file.name for file in (self.folder / ".venv").rglob("*sentry*")}

    def use(self) -> None:
        """Run a program that imports the package, and the command line."""
        (self.folder / "usage.py").write_text(USAGE)
        assert "invited ada@example.com\n" == self.run("python usage.py")
        assert self.run("sentry-members --version").endswith(f" {VERSION}\n")


@pytest.fixture
def user(tmp_path: Path, published: Index) -> User:
    return User(tmp_path / "user", published)


@pytest.mark.slow
def test_installs_with_pip(user: User, built: Path, squatted: str) -> None:
    # pip is slow, so it only has to install the package, and one that the index redirects for.
    [wheel] = built.glob("*.whl")
    user.run(f"uv pip install '{wheel}[cli]' && uv pip uninstall sentry-members anyio")
    assert set() == user.installed()
    install = command_shown("pip install --index-url")
    with_two_indexes = user.run(f"{install} --extra-index-url {squatted} --no-deps --dry-run")
    assert "Would install sentry-members-99" in with_two_indexes
    user.run(install)
    user.use()
    user.run("pip uninstall --yes sentry-members")
    assert set() == user.installed()


@pytest.mark.slow
def test_installs_with_uv(user: User, squatted: str) -> None:
    user.run(f"{command_shown('uv pip install')} --no-deps", UV_DEFAULT_INDEX=squatted)
    assert f"sentry_members-{VERSION}.dist-info" in user.installed()
    user.run(command_shown("uv pip install"))
    user.use()
    user.run("uv pip uninstall sentry-members")
    assert set() == user.installed()


@pytest.mark.slow
def test_adds_to_a_project_with_uv(user: User, squatted: str) -> None:
    [sources] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (user.folder / "pyproject.toml").write_text(
        '[project]\nname = "ours"\nversion = "1"\nrequires-python = ">=3.11"\n'
        + sources.replace(SHOWN_URL, user.index.url)
    )
    user.run(command_shown("uv add"), UV_INDEX=squatted)
    assert f"sentry_members-{VERSION}.dist-info" in user.installed()
    user.run("uv remove sentry-members")
    assert set() == user.installed()
