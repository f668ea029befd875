"""`make publish` uploads the tested files to a real index, or nothing, and says why in one line."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.maintenance import publish
from tests.maintenance.environments import OWN
from tests.support import devpi_server, pypi_server
from tests.support.contracts import Edit
from tests.support.pypi_server import PASSWORD, USER, Index
from tests.support.readme import Readme
from tests.support.repo_copy import ROOT, VENV, VERSION, Tree
from tests.support.serving import serving

README = Readme(ROOT / "tests/maintenance/README.md")
WHEEL, SDIST = f"sentry_members-{VERSION}-py3-none-any.whl", f"sentry_members-{VERSION}.tar.gz"
CREDENTIALS = {"UV_PUBLISH_USERNAME": USER, "UV_PUBLISH_PASSWORD": PASSWORD}

# The only test where the real `make test` runs: it records which files it ran with.
QUICK = """
import hashlib
import os
import sys
from pathlib import Path

import sentry_members

def test_quick() -> None:
    assert [] == [name for name in os.environ if name.startswith("UV_PUBLISH_")]
    assert "CI" in os.environ
    with open("../tested", "a") as tested:
        for file in Path("dist").iterdir():
            print(sys.prefix, file.name, hashlib.sha256(file.read_bytes()).hexdigest(), file=tested)
"""

COMMIT = "git -c user.name=Ada -c user.email=ada@example.com commit --quiet --allow-empty -m More"

# A make that records its verbs: `build` copies the built files, and the rest succeeds at once.
FAKE_MAKE = """#!/bin/sh
echo "$2" >> ../verbs
[ "$2" != build ] || { mkdir -p dist && cp ../built/* dist; }
"""


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of a `make publish` that runs these tests, and any proxy for loopback."""
    for name in os.environ:
        if name.startswith(("UV_PUBLISH_", "UV_KEYRING_")) or name in ("INDEX_URL", "DRY_RUN"):
            monkeypatch.delenv(name)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1,localhost")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Index]:
    folder = tmp_path_factory.mktemp("index")
    with pypi_server.serve(
        folder, "--disable-fallback", "--authenticate", "update,list,download"
    ) as running:
        yield running


@pytest.fixture
def empty(running: Index) -> Index:
    """An index without files that requires a password, for reading too."""
    for file in running.packages.iterdir():
        file.unlink()
    return running


@dataclass
class Project:
    """The files that publish.py reads, committed, with a fake make.

    Attributes:
        path: Their folder.
        output: What the last `publish` printed.
    """

    path: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]
    output: str = ""

    def program(self, name: str, script: str) -> None:
        """Put a program on PATH."""
        file = self.path.parent / "bin" / name
        file.write_text(script)
        file.chmod(0o755)

    def publish(self, url: str, **variables: str) -> str:
        """Publish, and return the reason for the failure; empty if it succeeded."""
        reason = ""
        with self.monkeypatch.context() as patch:
            patch.chdir(self.path)
            for name, value in {**CREDENTIALS, "INDEX_URL": url, **variables}.items():
                if value:
                    patch.setenv(name, value)
            try:
                publish.main()
            except SystemExit as exit_:
                reason = str(exit_.code).removeprefix("publish: ")
        self.output = "".join(self.capfd.readouterr())
        assert 1 >= len(reason.splitlines())
        assert PASSWORD not in f"{reason}{self.output}"
        return reason

    def verbs(self) -> list[str]:
        """Return the verbs that the fake make has run."""
        verbs = self.path.parent / "verbs"
        return verbs.read_text().split() if verbs.exists() else []


@pytest.fixture
def project(
    tmp_path: Path,
    built: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Project:
    tree = Tree(tmp_path / "project")
    tree.path.mkdir()
    for name in ("pyproject.toml", "openapi.yaml", ".gitignore"):
        shutil.copy(ROOT / name, tree.path)
    (tree.path / "CHANGELOG.md").write_text(f"## [{VERSION}] - 2026-01-31\n")
    tree.commit()
    (tmp_path / "built").symlink_to(built)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{VENV / 'bin'}:{os.environ['PATH']}")
    project = Project(tree.path, monkeypatch, capfd)
    project.program("make", FAKE_MAKE)
    return project


@pytest.fixture
def quick(tree: Tree) -> Tree:
    """A committed tree with quick tests only, which run in one environment and in one process."""
    tree.edit("tests/maintenance/environments.py", '"3.11", "3.12", "3.13", "3.14", "3.15"', "OWN,")
    tree.edit("tests/maintenance/run_tests.py", "{PROCESSES}", "0")
    for other in ('first, "lowest"', 'last, "newest"'):
        tree.edit("tests/maintenance/run_tests.py", f"Step(WHEEL, Environment({other})),", "")
    tree.edit("Makefile", "@mypy --no-error-summary", "")
    tests = tree.path / "tests"
    for file in (*tests.rglob("test_*.py"), *tests.rglob("conftest.py")):
        file.unlink()
    for folder in ("project", "client"):
        (tests / folder / "test_quick.py").write_text(QUICK)
    linter = tests / "contract/node_modules/.package-lock.json"
    linter.parent.mkdir()
    linter.touch()
    (tree.path / "CHANGELOG.md").write_text(f"## [{VERSION}] - 2026-01-31\n")
    # Otherwise make would set up the environment again.
    for name in ("pyproject.toml", "requirements.lock"):
        os.utime(tree.path / name, (0, 0))
    tree.commit()
    return tree


@pytest.mark.slow
def test_uploads_the_tested_files(
    quick: Tree, empty: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real verb, as the README shows it."""
    [block] = [code for code in README.shell if "make publish" in code]
    export, dry_run, publish = block.replace(
        "https://packages.example.com/", empty.url
    ).splitlines()
    assert dry_run.startswith(f"{publish} DRY_RUN=1 ")
    for name in re.findall(r"(\w+)=…", export):
        monkeypatch.setenv(name, CREDENTIALS[name])
    published = quick.make(*publish.split()[1:])
    assert 0 == published.returncode, published.stderr
    tag = f"git tag v{VERSION} && git push origin HEAD v{VERSION}"
    last = f"publish: sentry-members {VERSION} is on the index: {tag}"
    assert last == published.stdout.splitlines()[-1]
    assert PASSWORD not in published.stdout + published.stderr
    assert {WHEEL, SDIST} == empty.files().keys()
    tested = (quick.path.parent / "tested").read_text().splitlines()
    assert set(tested) == {
        f"{prefix} {name} {hashlib.sha256(content).hexdigest()}"
        for prefix in (VENV, quick.path / ".venvs" / f"{OWN}-pinned")
        for name, content in empty.files().items()
    }
    again = quick.make(*publish.split()[1:])
    assert 2 == again.returncode
    assert f"publish: the index has sentry-members {VERSION} already: raise the" in again.stderr


def test_rejects_uncommitted_changes(quick: Tree) -> None:
    (quick.path / "tests" / "untracked.py").touch()
    quick.edit("CHANGELOG.md", "##", "#")
    rejected = quick.make("publish", "INDEX_URL=http://127.0.0.1:9/")
    assert 2 == rejected.returncode
    assert "commit or stash first:  M CHANGELOG.md ?? tests/untracked.py\n" == rejected.stdout


def test_asks_for_no_commit_where_git_fails(tree: Tree) -> None:
    failed = tree.make("committed")
    assert (2, "") == (failed.returncode, failed.stdout)
    assert "fatal: not a git repository" in failed.stderr


def test_dry_run_uploads_nothing(project: Project, empty: Index) -> None:
    assert "" == project.publish(empty.url, DRY_RUN="1")
    assert f"dry run: would upload dist/{WHEEL}, dist/{SDIST}\n" in project.output
    assert ["build", "check", "test"] == project.verbs()
    assert {} == empty.files()


@pytest.mark.parametrize("algorithm", ["sha256", "md5", "off"])
def test_completes_a_failed_upload(
    algorithm: str, project: Project, built: Path, tmp_path: Path
) -> None:
    """Whatever hash the index states."""
    folder = tmp_path / "index"
    folder.mkdir()
    options = ("--disable-fallback", "--authenticate", "update", f"--hash-algo={algorithm}")
    with pypi_server.serve(folder, *options) as index:
        shutil.copy(built / WHEEL, index.packages)
        assert "" == project.publish(index.url)
        assert WHEEL not in project.output
        assert {file.name: file.read_bytes() for file in built.iterdir()} == index.files()


def test_names_the_tag_of_an_upload_whose_last_response_was_lost(
    project: Project, built: Path, empty: Index
) -> None:
    for name in (WHEEL, SDIST):
        shutil.copy(built / name, empty.packages)
    tag = f"git tag v{VERSION} && git push origin HEAD v{VERSION}"
    assert project.publish(empty.url).endswith(f"; or, if only its tag is missing, {tag}")


def test_rejects_another_file_of_the_same_name(project: Project, empty: Index) -> None:
    (empty.packages / WHEEL).write_text("other")
    assert f"the index has another {WHEEL}: raise the version" in project.publish(empty.url)
    assert ["build"] == project.verbs()
    assert {WHEEL: b"other"} == empty.files()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "INDEX_URL must be an http(s) URL, such as INDEX_URL=https://"),
        ("packages.example.com", "INDEX_URL must be an http(s) URL"),
        ("file:///packages", "INDEX_URL must be an http(s) URL"),
        (f"{USER}:{PASSWORD}@packages.example.com", "INDEX_URL must be an http(s) URL"),
        ("http://[::1", "INDEX_URL must be an http(s) URL"),
        (f"https://{USER}:{PASSWORD}@packages.example.com/", "INDEX_URL holds a user or a"),
        ("https://packages.example.com/simple/", "INDEX_URL=https://packages.example.com/"),
        ("https://packages.example.com/a/+simple", "INDEX_URL=https://packages.example.com/a/"),
        ("https://packages.example.com/a/+simple/", "INDEX_URL=https://packages.example.com/a/"),
    ],
)
def test_rejects_a_url_that_is_not_of_an_index(url: str, reason: str, project: Project) -> None:
    assert reason in project.publish(url)
    assert [] == project.verbs()


@pytest.mark.parametrize(
    "entry", ["## [Unreleased]", f"## [{VERSION}]", f"## [{VERSION}0] - 2026-01-31"]
)
def test_rejects_a_version_without_a_changelog_entry(entry: str, project: Project) -> None:
    (project.path / "CHANGELOG.md").write_text(f"{entry}\n")
    reason = project.publish("http://127.0.0.1:9/")
    assert f"CHANGELOG.md has no entry for {VERSION}: write ## [{VERSION}] - YYYY-MM-DD" == reason
    assert [] == project.verbs()


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of version 0.0.1, with an optional field that is required in this one."""
    tree = Tree.copied(tmp_path_factory.mktemp("older") / "tree")
    tree.edit("openapi.yaml", f"version: {VERSION}", "version: 0.0.1")
    with Edit(tree) as edit:
        edit.schemas["NewMember"]["required"].remove("email")
    tree.commit()
    assert 0 == tree.make("build").returncode
    return tree.path / "dist/sentry_members-0.0.1.tar.gz"


@pytest.fixture
def released(older: Path, project: Project, empty: Index) -> Index:
    """An index that has the older version."""
    shutil.copy(older, empty.packages)
    for name in ("generated", "overlays"):
        shutil.copytree(ROOT / name, project.path / name)
    return empty


def commit_version(project: Project, version: str) -> None:
    tree = Tree(project.path)
    tree.edit("openapi.yaml", f"version: {VERSION}", f"version: {version}")
    (project.path / "CHANGELOG.md").write_text(f"## [{version}] - 2026-01-31\n")
    tree.commit()


BREAKING = "  request NewMember > email: is required now\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("0.0.2", "the next version is 0.1.0: raise the 0.0.2 in openapi.yaml"),
        ("0.0.0", "the index has sentry-members 0.0.1: raise the 0.0.0 in openapi.yaml"),
    ],
)
def test_rejects_a_version_too_low_for_the_changes_since_the_newest_release(
    version: str, reason: str, project: Project, released: Index
) -> None:
    commit_version(project, version)
    assert reason == project.publish(released.url)
    assert (version > "0.0.1") == (BREAKING in project.output)
    assert [] == project.verbs()


@pytest.mark.slow
def test_accepts_the_version_that_the_changes_require(project: Project, released: Index) -> None:
    commit_version(project, VERSION)
    assert "" == project.publish(released.url, DRY_RUN="1")
    assert f"Breaking since 0.0.1 on the index:\n{BREAKING}" in project.output


def test_compares_with_the_last_tag_if_the_index_is_empty(
    project: Project, released: Index
) -> None:
    for file in released.packages.iterdir():
        file.unlink()
    tree = Tree(project.path)
    tree.commit()
    tree.git("tag", "v0.0.1")
    with Edit(tree) as edit:
        edit.schemas["NewMember"]["required"].remove("email")
    commit_version(project, "0.0.2")
    tree.git("tag", "v0.0.2")
    reason = project.publish(released.url)
    assert f"the next version is {VERSION[:-1]}1: raise the 0.0.2 in openapi.yaml" == reason
    assert [] == project.verbs()


def test_reports_a_release_that_cannot_be_read(project: Project, released: Index) -> None:
    (released.packages / "sentry_members-0.0.1.tar.gz").write_text("no archive")
    reason = project.publish(released.url)
    assert "the newest release on the index is not an sdist" == reason
    assert [] == project.verbs()


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:9", "unknown://127.0.0.1:9", "http://127.0.0.1:x"]
)
def test_reports_a_proxy_that_cannot_be_used(proxy: str, project: Project) -> None:
    reason = project.publish("http://index.example/", HTTP_PROXY=proxy, http_proxy=proxy)
    assert reason.startswith("the index can't be reached at http://index.example/: ")
    assert [] == project.verbs()


def test_reports_an_unreachable_index(project: Project) -> None:
    reason = project.publish("http://127.0.0.1:9/")
    assert reason.startswith("the index can't be reached at http://127.0.0.1:9/: ")
    assert [] == project.verbs()


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"UV_PUBLISH_PASSWORD": "wrong"}, "the index rejects these credentials, or they"),
        ({"UV_PUBLISH_PASSWORD": ""}, "no credentials: export UV_PUBLISH_TOKEN, or UV_"),
        ({"UV_PUBLISH_USERNAME": ""}, "no credentials: export UV_PUBLISH_TOKEN, or UV_"),
    ],
    ids=str,
)
def test_rejects_wrong_credentials(
    variables: dict[str, str], reason: str, project: Project, empty: Index
) -> None:
    assert reason in project.publish(empty.url, **variables)
    assert [] == project.verbs()


def test_rejects_wrong_credentials_of_a_public_index(project: Project, tmp_path: Path) -> None:
    with pypi_server.serve(tmp_path, "--disable-fallback", "--authenticate", "update") as readable:
        reason = project.publish(readable.url, UV_PUBLISH_PASSWORD="wrong")
        assert reason.startswith(
            "the index rejects these credentials, or they lack a permission (403 at"
        )
        assert [] == project.verbs()


def test_fails_before_the_tests_if_uv_rejects_the_upload(project: Project, empty: Index) -> None:
    reason = project.publish(empty.url, UV_PUBLISH_INDEX="other")
    assert "uv can't upload these files (see above)" == reason
    assert "'--publish-url <PUBLISH_URL>' cannot be used with '--index <INDEX>'" in project.output
    assert ["build"] == project.verbs()


def test_passes_no_password_as_an_argument(project: Project, empty: Index) -> None:
    project.program("uv", f'#!/bin/sh\necho "$@" >> ../arguments\nexec {VENV}/bin/uv "$@"\n')
    assert "" == project.publish(empty.url)
    arguments = (project.path.parent / "arguments").read_text()
    assert 2 == arguments.count(f"--publish-url {empty.url}")
    assert PASSWORD not in arguments


def test_uploads_with_a_token(project: Project, empty: Index) -> None:
    token = {"UV_PUBLISH_USERNAME": "", "UV_PUBLISH_PASSWORD": "", "UV_PUBLISH_TOKEN": PASSWORD}
    assert "" == project.publish(empty.url, **token)
    assert {WHEEL, SDIST} == empty.files().keys()


def test_uploads_with_a_password_from_a_keyring(project: Project, empty: Index) -> None:
    expected = f"get {empty.url} {USER}"
    project.program("keyring", f'#!/bin/sh\n[ "$*" != "{expected}" ] || echo {PASSWORD}\n')
    keyring = {"UV_PUBLISH_PASSWORD": "", "UV_KEYRING_PROVIDER": "subprocess"}
    reason = project.publish(empty.url, **keyring, UV_PUBLISH_USERNAME="mary")
    assert f"the keyring has no password: keyring set {empty.url} mary" == reason
    assert [] == project.verbs()
    assert "" == project.publish(empty.url, **keyring)
    assert {WHEEL, SDIST} == empty.files().keys()


def test_the_environment_hides_no_keyring_of_the_user() -> None:
    assert not (VENV / "bin/keyring").exists()


@pytest.mark.parametrize("verb", ["build", "check", "test"])
def test_uploads_nothing_if_a_verb_fails(verb: str, project: Project, empty: Index) -> None:
    project.program("make", f'{FAKE_MAKE}[ "$2" != {verb} ]')
    assert f"make {verb} failed: nothing was uploaded" == project.publish(empty.url)
    assert verb == project.verbs()[-1]
    assert {} == empty.files()


@pytest.mark.parametrize(
    "change",
    [f"echo >> dist/{WHEEL}", "touch dist/other", "echo >> CHANGELOG.md", "touch new", COMMIT],
)
def test_uploads_nothing_if_files_change_during_the_tests(
    change: str, project: Project, empty: Index
) -> None:
    project.program("make", f'{FAKE_MAKE}[ "$2" != test ] || {change}')
    assert "changed while the tests ran: nothing" in project.publish(empty.url)
    assert {} == empty.files()


class FakeIndex(BaseHTTPRequestHandler):
    """Responds with the first status code of the path, and to an upload with the second.

    Its redirects lead to the page of another host, which lists files of this project.
    """

    def do_GET(self) -> None:
        self.respond(int(self.path.split("/")[1]))

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"]))
        is_upload = b'name="content"' in form
        self.respond(int(self.path.split("/")[2]) if is_upload else 400)

    def respond(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/200/")
        self.end_headers()
        self.wfile.write(f"<a href='{WHEEL}#sha256=0'></a><a href='{SDIST}'></a>".encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def fake_index() -> Generator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeIndex)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_reports_an_index_that_fails(project: Project, fake_index: str) -> None:
    reason = project.publish(f"{fake_index}/503/")
    assert f"the index responds with 503 at {fake_index}/503/simple/sentry-members/" == reason
    assert [] == project.verbs()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "the upload failed: run the same command again to upload the rest"),
        (403, "the index rejects these credentials, or they lack a permission (403 at {url})"),
    ],
)
def test_reports_an_upload_that_fails(
    status: int, reason: str, project: Project, fake_index: str
) -> None:
    url = f"{fake_index}/404/{status}/"
    assert reason.format(url=url) == project.publish(url)
    assert "test" == project.verbs()[-1]


def test_ignores_the_files_of_a_public_index(project: Project, fake_index: str) -> None:
    """An index may redirect to it for a project that it doesn't have."""
    assert "" == project.publish(f"{fake_index}/302/", DRY_RUN="1")
    assert "/302/simple/sentry-members/ is empty" in project.output


def test_reads_the_listing_from_another_url(project: Project, fake_index: str) -> None:
    reason = project.publish(f"{fake_index}/404/", UV_PUBLISH_CHECK_URL=f"{fake_index}/200/+simple")
    assert f"the index has another {WHEEL}: raise the version in openapi.yaml" == reason


def test_reports_an_upload_that_puts_nothing_on_the_index(
    project: Project, fake_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "LISTED_WITHIN", 0)
    reason = project.publish(f"{fake_index}/404/200/")
    page = f"{fake_index}/404/200/simple/sentry-members/"
    assert reason.startswith(f"the upload succeeded, but {page} lists no {WHEEL} (files elsewhere?")


@pytest.mark.parametrize("path", ["packages", "packages/"])
def test_rejects_a_url_that_takes_no_uploads(path: str, project: Project, empty: Index) -> None:
    reason = project.publish(f"{empty.url}{path}")
    assert reason.startswith(f"nothing can be uploaded to INDEX_URL={empty.url}{path} (")
    assert [] == project.verbs()


def test_publishes_first_on_an_index_whose_public_one_cannot_be_reached(
    project: Project, tmp_path: Path
) -> None:
    """The index redirects to the public one for a project that it doesn't have."""
    folder = tmp_path / "index"
    folder.mkdir()
    with pypi_server.serve(folder, "--fallback-url=http://localhost:9/simple/") as index:
        assert "" == project.publish(index.url)
        assert {WHEEL, SDIST} == index.files().keys()


@pytest.fixture(scope="module")
def devpi(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with devpi_server.serve(tmp_path_factory.mktemp("devpi")) as url:
        yield url


@pytest.mark.slow
def test_publishes_to_devpi(project: Project, built: Path, devpi: str) -> None:
    reason = project.publish(devpi, UV_PUBLISH_PASSWORD="wrong")
    assert reason.startswith("the index rejects these credentials, or they lack a permission (401")
    assert [] == project.verbs()
    upload = ["uv", "publish", "--publish-url", devpi, str(built / WHEEL)]
    cut_off = {**os.environ, **CREDENTIALS}
    subprocess.run(upload, env=cut_off, capture_output=True, check=True)
    assert "" == project.publish(devpi)
    assert f"Uploading {WHEEL}" not in project.output
    listed = httpx.get(f"{devpi}+simple/sentry-members/").text
    assert all(f">{file.name}</a>" in listed for file in built.iterdir())
    assert "the index has sentry-members" in project.publish(devpi)


@pytest.mark.slow
def test_shows_the_first_failures_of_the_tests(
    project: Project, empty: Index, tmp_path: Path
) -> None:
    (tmp_path / "test_numbers.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('number', range(50))\n"
        "def test_one(number):\n"
        "    assert number < 0, 'too high'\n"
    )
    run = "python -m pytest -p no:cacheprovider ../test_numbers.py"
    project.program("make", f'{FAKE_MAKE}[ "$2" != test ] || {run}')
    assert "make test failed: nothing was uploaded" == project.publish(empty.url)
    assert 3 == project.output.count("E   AssertionError: too high")
    assert len(project.output.splitlines()) < 50
