"""What the README shows is true."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sentry_members_cli.app import app
from sentry_members_cli.exits import MEANINGS, Exit
from sentry_members_cli.output import as_fields
from sentry_members_onboarding import Invite, Result, RowOutcome
from sentry_members_testing import FakeSentry
from typer.testing import CliRunner

from tests.support import programs
from tests.support.gateway import await_start, settings
from tests.support.repo_copy import MAKE, ROOT, VENV, Tree

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
SHELL = "\n".join(code for language, code in BLOCKS if language == "sh")
[PEOPLE] = [code for language, code in BLOCKS if language == "csv"]
SCOPES = ["org:read", "member:admin"]
TESTS = [code for code in PYTHON if "def test_" in code]


def table(name: str) -> dict[str, str]:
    """The second column of a table by its first, which has this name."""
    [rows] = re.findall(rf"^\| {name} +\|.*\n\|[ |-]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    return dict(re.findall(r"^\| (.+?) +\| (.+?) +\|$", rows, re.MULTILINE))


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    """Block after block, as a reader would: against the example organizations."""
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="owner", scopes=SCOPES)
    (tmp_path / "people.csv").write_text(PEOPLE)
    script = "\n".join(code for code in PYTHON if code not in TESTS)
    with fake.serve() as url:
        environment = {**os.environ, "SENTRY_AUTH_TOKEN": token, "SENTRY_URL": url}
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert "" == ran.stderr
    assert [
        "now on frontend",
        "in the organization already, or invited",
    ] == ran.stdout.splitlines()[:2]
    assert "204" in ran.stdout.splitlines()[-1]
    assert ["ada@example.com", "mary@example.com", "grace@example.com"] == [
        member.email for member in fake.members if member.email.endswith("@example.com")
    ]


def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    """Line after line, as a reader would: against the example organizations."""
    lines = re.findall(r"^sentry-members .*", SHELL, re.MULTILINE)
    assert {"invite", "add-to-team", "scopes", "onboard"} <= {line.split()[1] for line in lines}
    (tmp_path / "people.csv").write_text(PEOPLE)
    fake = FakeSentry.example()
    environment = {
        **os.environ,
        "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
        "SENTRY_AUTH_TOKEN": fake.issue_token("acme", owner="owner", scopes=SCOPES),
    }
    with fake.serve() as environment["SENTRY_URL"]:
        for line in lines:
            ran = subprocess.run(
                line, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=False
            )
            assert (ran.returncode, ran.stderr) in ((0, b""), (3, b"")), line
    assert ["ada@example.com", "mary@example.com"] == [
        member.email for member in fake.members if member.email.endswith("@example.com")
    ]
    target = next(member for member in fake.members if member.name == "target")
    assert {"backend", "frontend"} == set(target.teams)


def test_the_tables_of_the_command_line_are_whole() -> None:
    codes = [(str(exit_.value), meaning) for exit_, meaning in MEANINGS.items()]
    assert codes == list(table("code").items())
    assert list(Exit) == list(MEANINGS)
    [row, *_] = json.loads(CliRunner().invoke(app, ["scopes", "--json"]).stdout)
    assert all(f"`{key}`" in README for key in row)
    keys = table("key")
    assert [f"`{key}`" for key in as_fields(Result(Invite("a@x.de"), RowOutcome.INVITED))] == [
        *keys
    ]
    assert all(f"`{outcome}`" in keys["`outcome`"] for outcome in RowOutcome)


def test_the_tests_of_the_readme_pass(tmp_path: Path) -> None:
    (tmp_path / "test_readme.py").write_text("\n".join(TESTS))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"{len(TESTS)} passed" in ran.stdout


def test_the_demo_prints_what_the_readme_shows() -> None:
    command = [sys.executable, "-m", "tests.maintenance.demo"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "") == (ran.returncode, ran.stderr)
    assert ran.stdout in [code for language, code in BLOCKS if not language]


@pytest.mark.parametrize("way", ["make gateway", "docker run"])
def test_the_gateway_of_the_readme_runs(way: str, tree: Tree, tmp_path: Path) -> None:
    """With the environment shown, and so does the client behind it."""
    shell = [code for language, code in BLOCKS if language == "sh"]
    [start] = [code for code in shell if "GATEWAY_KEY=$(" in code]
    [[name]] = [
        re.findall(r"SENTRY_GATEWAY_URL=(\S+)", c) for c in shell if "SENTRY_GATEWAY_URL" in c
    ]
    exports, _, _ = start.partition("make gateway")
    [run] = [code[code.index(way) :] for code in shell if way in code]
    programs.find("openssl")
    programs.find("envsubst")
    environment = settings(tmp_path)
    (tmp_path / "docker").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m tests.support.docker "$@"\n'
    )
    (tmp_path / "docker").chmod(0o755)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    (tree.path / "overlays/reference/site").mkdir(parents=True, exist_ok=True)
    (tree.path / "overlays/reference/site/index.html").touch()
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="manager", scopes=["org:read"])
    with fake.serve() as url:
        script = exports.replace("https://sentry.io", url).replace("sntryu_…", token)
        script += f'echo "$GATEWAY_KEY" > {tmp_path}/key\n'
        script += run.replace("make gateway", f"{' '.join(MAKE)} gateway")
        process = subprocess.Popen(
            ["sh", "-ec", script.replace("127.0.0.1:8080", environment["GATEWAY_LISTEN"])],
            cwd=tree.path,
            env=environment,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        await_start(environment, process)
        client = {
            "SENTRY_GATEWAY_URL": name.replace("127.0.0.1:8080", environment["GATEWAY_LISTEN"]),
            "SENTRY_GATEWAY_KEY": (tmp_path / "key").read_text(),
        }
        call = f"add_an_organization_member_to_a_team('acme', '{fake.member_id('acme', 'target')}', 'backend')"
        code = f"from sentry_members import *; print(SentryMembers().{call})"
        joined = subprocess.run(
            [sys.executable, "-c", code], env=client, capture_output=True, text=True, check=False
        )
        os.killpg(process.pid, signal.SIGTERM)
        stdout, _ = process.communicate()
    assert joined.stdout.startswith("Added("), joined.stderr
    assert b'" 201 sentry="201"' in stdout


def test_the_answers_of_the_gateway_are_those_of_its_configuration() -> None:
    configuration = (ROOT / "overlays/gateway/default.conf.template").read_text()
    assert [*table("status")] == re.findall(
        r'^    (\d{3}) "The gateway', configuration, re.MULTILINE
    )


def test_the_verbs_of_the_readme_are_there(tree: Tree) -> None:
    verbs = set(re.findall(r"^make ([a-z]+)", SHELL, re.MULTILINE))
    verbs |= set(re.findall(r"`make ([a-z]+)`", README))
    listed = {line.split()[1] for line in tree.make().stdout.splitlines()}
    assert verbs <= listed
    assert {"demo", "test", "generate", "check", "build"} <= verbs


def test_the_tree_is_as_the_readme_says() -> None:
    assert [] == [path for path in table("path") if not (ROOT / path.strip("`")).exists()]
