"""The wheel and the sdist: complete, reproducible, typed."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.maintenance.archives import extract
from tests.support.repo_copy import ROOT, VENV, Tree, tracked_files

EXTRA = "sentry-members: the command line needs sentry-members[cli], from your index\n"
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
PACKAGES: list[str] = TOOLS["hatch"]["build"]["targets"]["wheel"]["packages"]
SOURCES = {
    name
    for name in tracked_files()
    if name.startswith(tuple(f"{package}/" for package in PACKAGES))
}
OTHER_SOURCES = {"CHANGELOG.md", "LICENSE", "README.md", "openapi.yaml", "pyproject.toml"}

UNRELATED = """
import sys

def test_nothing_of_the_project_is_imported():
    ours = ("httpx", "sentry_members")
    assert [] == [name for name in sys.modules if name.startswith(ours)]
"""
USING_THE_FIXTURE = """
from sentry_members import SentryMembers

def test_a_call(fake_sentry):
    token = fake_sentry.issue_token("acme", owner="manager", scopes=["org:read"])
    member = fake_sentry.member_id("acme", "target")
    with SentryMembers(token=token, transport=fake_sentry.transport()) as sentry:
        added = sentry.add_an_organization_member_to_a_team("acme", member, "backend")
    assert "backend" == added.team.slug
"""


def file_of(built: Path, suffix: str) -> Path:
    """Return the only built file with this suffix."""
    [file] = built.glob(f"*{suffix}")
    return file


def wheel_names(wheel: Path) -> set[str]:
    """Return the names of the files of a wheel, but for its metadata."""
    return {
        name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("sentry_members-")
    }


def sdist_names(sdist: Path) -> set[str]:
    """Return the names of the files of an sdist."""
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


@pytest.mark.slow
def test_wheel_contains_only_the_packages(built: Path) -> None:
    contained = wheel_names(file_of(built, ".whl"))
    packed = {name.partition("/")[2] for name in SOURCES}
    assert packed | {"sentry_members_contract/openapi.yaml"} == contained
    modules = [Path(package).name for package in PACKAGES if [*(ROOT / package).glob("*.py")]]
    assert {f"{name}/py.typed" for name in modules} <= contained
    assert {f"sentry_members_contract/{name}" for name in ("llms.txt", "openapi.json")} <= contained


@pytest.mark.slow
def test_sdist_contains_only_the_sources_of_the_wheel(built: Path) -> None:
    contained = sdist_names(file_of(built, ".tar.gz"))
    assert SOURCES | OTHER_SOURCES | {".gitignore", "PKG-INFO"} == contained


def metadata(built: Path) -> list[Message]:
    """Return the metadata of the wheel and of the sdist."""
    with zipfile.ZipFile(file_of(built, ".whl")) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        of_wheel = wheel.read(name)
    with tarfile.open(file_of(built, ".tar.gz")) as sdist:
        [name] = [name for name in sdist.getnames() if name.endswith("/PKG-INFO")]
        file = sdist.extractfile(name)
        assert file
        of_sdist = file.read()
    return [message_from_bytes(of_wheel), message_from_bytes(of_sdist)]


def test_metadata_has_a_version_that_indexes_know(built: Path) -> None:
    assert ["2.4", "2.4"] == [each["Metadata-Version"] for each in metadata(built)]


def test_wheel_has_the_contract_as_it_is(built: Path) -> None:
    packed = zipfile.ZipFile(file_of(built, ".whl")).read("sentry_members_contract/openapi.yaml")
    assert (ROOT / "openapi.yaml").read_bytes() == packed


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "check-wheel-contents {wheel}",
        "pyroma --min=8 {sdist}",
        "twine check --strict {wheel} {sdist}",
        "validate-pyproject pyproject.toml",
    ],
    ids=lambda command: command.split()[0],
)
def test_checkers_of_packages_find_nothing(command: str, built: Path) -> None:
    files = {"wheel": file_of(built, ".whl"), "sdist": file_of(built, ".tar.gz")}
    program, *arguments = command.format_map(files).split()
    checked = subprocess.run(
        [VENV / "bin" / program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == checked.returncode, checked.stdout + checked.stderr


@pytest.mark.slow
def test_the_page_on_the_index_links_to_what_a_team_fills_in(tree: Tree) -> None:
    tree.edit("pyproject.toml", "# [project.urls]", "[project.urls]")
    for name in ("Changelog", "Documentation", "Issues"):
        tree.edit("pyproject.toml", f'# {name} = ""', f'{name} = "https://git.example.com/{name}"')
    tree.commit()
    assert 0 == tree.make("build").returncode
    for each in metadata(tree.path / "dist"):
        assert each.get_all("Project-URL") == [
            f"{name}, https://git.example.com/{name}"
            for name in ("Changelog", "Documentation", "Issues")
        ]


@pytest.mark.slow
def test_the_page_on_the_index_leads_to_no_file_of_the_tree(tree: Tree) -> None:
    (tree.path / "README.md").write_text(
        "# Title\n\n![A picture](.pictures/speed.svg)\n\n"
        '<picture>\n  <img src=".pictures/dark.png">\n</picture>\n\n'
        "[The client](overlays/README.md), [More](#more), [the API](https://docs.example.com/).\n\n"
        "![A badge](https://docs.example.com/badge.svg)\n"
    )
    tree.commit()
    assert 0 == tree.make("build").returncode
    shown = (
        "# Title\n\nThe client, [More](#more), [the API](https://docs.example.com/).\n\n"
        "![A badge](https://docs.example.com/badge.svg)\n"
    )
    assert [shown, shown] == [each.get_payload() for each in metadata(tree.path / "dist")]


@pytest.mark.slow
def test_builds_are_reproducible(built: Path, tree: Tree) -> None:
    tree.commit()
    assert 0 == tree.make("build").returncode
    first = {f"dist/{file.name}": file.read_bytes() for file in built.iterdir()}
    assert first == tree.files("dist")


@pytest.mark.slow
def test_packs_only_what_git_tracks(built: Path, tree: Tree) -> None:
    """Another file may hold a token. What was generated anew is packed before it is committed."""
    tree.commit()
    (tree.path / ".git/info/exclude").write_text(".env\n")
    package = tree.path / "overlays/sentry_members"
    (package / ".env").write_text("SENTRY_AUTH_TOKEN=sntryu_1\n")
    (package / "token.txt").write_text("sntryu_1\n")
    (tree.path / "generated/sentry_members_api/token.txt").write_text("sntryu_1\n")
    (tree.path / "generated/sentry_members_api/new.py").touch()
    built_anew = tree.make("build")
    assert 0 == built_anew.returncode
    for left in ("overlays/sentry_members/token.txt", "generated/sentry_members_api/token.txt"):
        assert f"build: {left} is not packed: git doesn't" in built_anew.stderr
    new = tree.path / "dist"
    packed = wheel_names(file_of(new, ".whl"))
    assert wheel_names(file_of(built, ".whl")) | {"sentry_members_api/new.py"} == packed
    packed = sdist_names(file_of(new, ".tar.gz"))
    assert (
        sdist_names(file_of(built, ".tar.gz")) | {"generated/sentry_members_api/new.py"} == packed
    )


@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_builds_the_commit_of_a_clean_tree(option: str, built: Path, tree: Tree) -> None:
    """Even if git was made not to see a change."""
    tree.commit()
    tree.git("update-index", option, "README.md")
    tree.edit("README.md", "#", "# Changed")
    assert "" == tree.git("status", "--porcelain")
    assert 0 == tree.make("build").returncode
    first = {f"dist/{file.name}": file.read_bytes() for file in built.iterdir()}
    assert first == tree.files("dist")


@pytest.mark.parametrize("name", ["README.md", "overlays/sentry_members/notes.txt", "overlays"])
def test_builds_nothing_from_a_link(name: str, tree: Tree, tmp_path: Path) -> None:
    """hatchling would pack what it leads to, which git doesn't track."""
    outside, link = tmp_path / "outside", tree.path / name
    if link.exists():
        link.rename(outside)
    link.symlink_to(outside)
    tree.commit()
    failed = tree.make("build")
    assert 2 == failed.returncode
    assert f"build: {name} is a link" in failed.stderr
    assert not (tree.path / "dist").exists()


def test_builds_nothing_outside_a_repository(tree: Tree) -> None:
    failed = tree.make("build")
    assert 2 == failed.returncode
    assert "fatal: not a git repository" in failed.stderr
    assert "build: only what git tracks is packed, and git fails (see above)\n" in failed.stderr


@pytest.mark.parametrize(
    ("package", "remedy"),
    [
        ("generated/sentry_members_api", "make generate"),  # killed between removing and moving
        ("generated/sentry_members_contract", "make generate"),
        ("overlays/sentry_members_testing", "git restore overlays"),
    ],
)
def test_builds_nothing_without_a_package(package: str, remedy: str, tree: Tree) -> None:
    tree.commit()
    shutil.rmtree(tree.path / package)
    failed = tree.make("build")
    assert 2 == failed.returncode
    assert f"build: there is no {package}: run {remedy}\n" in failed.stderr


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("  version: ", "  version:  "),
        ("  version: ", "  version: 1e"),
        ("info:", "x-tool:\n  version: 9.9.9\ninfo:"),
        ("title: Sentry", 'title: "Sentry\n  version: 9.9.9"\n  x-title: Sentry'),
        ("openapi: 3.1.0", "openapi: [3.1.0"),
    ],
)
def test_builds_nothing_of_which_the_version_could_be_misread(
    before: str, now: str, tree: Tree
) -> None:
    tree.commit()
    tree.edit("openapi.yaml", before, now)
    failed = tree.make("build")
    assert 2 == failed.returncode
    assert "build: the version in openapi.yaml can't be read: below `info:`, and nowhere" in (
        failed.stderr
    )
    assert not (tree.path / "dist").exists()


def test_builds_a_part_of_a_repository(built: Path, tmp_path: Path) -> None:
    repository, part = Tree(tmp_path), Tree.copied(tmp_path / "part")
    repository.commit()
    assert 0 == part.make("build").returncode
    first = {f"dist/{file.name}": file.read_bytes() for file in built.iterdir()}
    assert first == part.files("dist")


@pytest.mark.slow
def test_sdist_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    with tarfile.open(file_of(built, ".tar.gz")) as sdist:
        extract(sdist, tmp_path)
    [unpacked] = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(command, cwd=unpacked, capture_output=True, check=True)
    wheel, again = file_of(built, ".whl"), file_of(unpacked / "dist", ".whl")
    assert wheel.name == again.name
    assert wheel.read_bytes() == again.read_bytes()


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, its dependencies and pytest."""
    environment = tmp_path_factory.mktemp("installed")
    lock, uv = str(ROOT / "requirements.lock"), str(VENV / "bin/uv")
    install = [uv, "pip", "install", "--quiet", "--constraint", lock]
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [*install, "--python", str(environment), str(file_of(built, ".whl")), "pytest"],
    ):
        subprocess.run(command, check=True)
    return environment / "bin/python"


@pytest.mark.slow
@pytest.mark.parametrize(
    "test", [UNRELATED, USING_THE_FIXTURE], ids=["an unrelated test", "a test with the fixture"]
)
def test_pytest_plugin_imports_the_project_only_for_its_fixture(
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


@pytest.mark.parametrize(
    "command", [["bin/python", "-m", "sentry_members_cli"], ["bin/sentry-members"]]
)
def test_command_line_without_its_extra_names_the_extra(
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


CHECKERS = {
    "mypy": ["mypy", "--strict", "--python-executable", "{python}"],
    "pyright": ["pyright", "--pythonpath", "{python}"],
    "ty": ["ty", "check", "--output-format", "concise", "--python", "{python}"],
    "pyrefly": ["pyrefly", "check", "--output-format", "min-text", "--python-interpreter-path", "{python}"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_type_checker_finds_what_users_get_wrong_and_nothing_else(
    checker: str, installed: Path, tmp_path: Path
) -> None:
    for name in ("typing_usage.py", "typing_mistakes.py"):
        (tmp_path / name).write_bytes((ROOT / "tests/client" / name).read_bytes())
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    command = [part.format(python=installed) for part in CHECKERS[checker]]
    checked = subprocess.run(
        [VENV / "bin" / command[0], *command[1:], "typing_usage.py", "typing_mistakes.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    found = dict(re.findall(r"^.*?(typing_\w+\.py:\d+)(.*)", checked.stdout, re.MULTILINE))
    lines = (tmp_path / "typing_mistakes.py").read_text().splitlines()
    wrong = [number for number, line in enumerate(lines, 1) if line.endswith("# wrong")]
    assert [] == [place + error for place, error in found.items() if "mistakes" not in place]
    assert {f"typing_mistakes.py:{number}" for number in wrong} == found.keys(), checked.stdout


def test_a_client_is_made_without_the_metadata_of_the_package(installed: Path) -> None:
    """Functions as a service are often packed without it."""
    [metadata] = installed.parent.parent.glob("lib/*/site-packages/sentry_members-*.dist-info")
    shutil.rmtree(metadata)
    code = (
        "from sentry_members import SentryMembers\n"
        "print(SentryMembers(token='0' * 64).generated.get_httpx_client().headers['User-Agent'])"
    )
    ran = subprocess.run([installed, "-c", code], capture_output=True, text=True, check=False)
    assert ("sentry-members\n", "") == (ran.stdout, ran.stderr)
