"""What any README shows works: its Python, its commands, its verbs, its links."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sentry_members_testing import FakeSentry

from tests.support.readme import READMES, Readme
from tests.support.repo_copy import MAKE, ROOT, VENV

IDS = [path.parent.relative_to(ROOT).as_posix() for path in READMES]
WITH_PYTHON = [path for path in READMES if Readme(path).python]
PEOPLE = "email,member_id,teams\nada@example.com,,backend\n,{target},frontend\n"

# Commands that a test of their part runs as they are shown there.
RUN_ELSEWHERE = ("docker", "export", "GATEWAY_", "nginx", "pip", "uv", "kill", "curl", "source")


def reader(folder: Path, fake: FakeSentry) -> dict[str, str]:
    """The environment of a reader in this folder, who has a token and a file of people."""
    (folder / "people.csv").write_text(PEOPLE.format(target=fake.member_id("acme", "target")))
    token = fake.issue_token("acme", owner="owner", scopes=["org:read", "member:admin"])
    return {
        **os.environ,
        "HOME": str(folder),
        "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
        "SENTRY_AUTH_TOKEN": token,
        "SENTRY_ORG": "acme",
    }


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: path.parent.name)
def test_the_python_of_a_readme_runs(path: Path, tmp_path: Path) -> None:
    """Block after block in one program, for a reader with a token of the example's owner."""
    readme, fake = Readme(path), FakeSentry.example()
    environment = reader(tmp_path, fake)
    with fake.serve() as environment["SENTRY_URL"]:
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", "\n".join(readme.python)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (0, "") == (ran.returncode, ran.stderr)


@pytest.mark.slow
def test_the_tests_of_each_readme_pass(tmp_path: Path) -> None:
    count = 0
    for name, path in zip(IDS, READMES, strict=True):
        tests = Readme(path).tests
        (tmp_path / f"test_{Path(name).name}.py").write_text("\n".join(tests))
        count += len(tests)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f" {count} passed" in ran.stdout, ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", READMES, ids=IDS)
def test_the_commands_of_a_readme_run(path: Path, tmp_path: Path) -> None:
    """Line after line, as a reader would."""
    fake = FakeSentry.example()
    environment = reader(tmp_path, fake)
    with fake.serve() as environment["SENTRY_URL"]:
        for line in Readme(path).commands():
            command = line.split()[0]
            if command == "sentry-members" and line.split()[1:2] != ["fake"]:
                ran = subprocess.run(
                    line,
                    shell=True,
                    cwd=tmp_path,
                    env=environment,
                    capture_output=True,
                    check=False,
                )
                assert ran.returncode in (0, 3), f"{line}: {ran.stderr.decode()}"
            elif command not in ("sentry-members", "make"):
                assert command.startswith(RUN_ELSEWHERE), f"nothing runs {line!r}"


def test_the_verbs_of_every_readme_are_there() -> None:
    listed = subprocess.run([*MAKE], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    verbs = {line.split()[1] for line in listed.splitlines()}
    for path in (*READMES, ROOT / "CONTRIBUTING.md"):
        readme = Readme(path)
        shown = [f"`{line}`" for line in readme.commands()]
        named = set(re.findall(r"`make ([a-z]+)", "\n".join([*shown, readme.text])))
        assert named <= verbs, f"{path}: {named - verbs}"


@pytest.mark.parametrize("path", READMES, ids=IDS)
def test_the_links_of_a_readme_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8"))
    for link in links:
        if "://" not in link and not link.startswith("#"):
            assert (path.parent / link.partition("#")[0]).exists(), link
