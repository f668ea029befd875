"""The gateway's README is right: its commands, its settings, its status codes, its files."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sentry_members import SentryMembers, errors
from sentry_members_testing import FakeSentry

from tests.support import programs
from tests.support.gateway import Gateway, await_start, settings
from tests.support.raw_server import Recorder
from tests.support.readme import Readme
from tests.support.repo_copy import MAKE, ROOT, Tree

FOLDER = ROOT / "overlays/gateway"
README = Readme(FOLDER / "README.md")
JOIN = "add_an_organization_member_to_a_team"


def shell_block(command: str) -> str:
    [block] = [block for block in README.shell if command in block]
    return block


@pytest.mark.parametrize("command", ["make gateway", "docker run"])
def test_a_gateway_started_as_shown_serves_a_client_configured_as_shown(
    command: str, tree: Tree, tmp_path: Path
) -> None:
    programs.find("openssl")
    programs.find("envsubst")
    environment = settings(tmp_path)
    listen = environment["GATEWAY_LISTEN"]
    (tmp_path / "docker").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m tests.support.docker "$@"\n'
    )
    (tmp_path / "docker").chmod(0o755)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    fake = FakeSentry.example()
    token = fake.issue_token("acme", owner="manager", scopes=["org:read"])
    with fake.serve() as url:
        exports = shell_block("GATEWAY_KEY=$(").partition("make gateway")[0]
        script = exports.replace("https://sentry.io", url).replace("sntryu_…", token)
        script += f'echo "$GATEWAY_KEY" > {tmp_path}/key\n'
        # `make reference` comes before `docker run`, and in `make gateway`.
        script += re.sub(
            r"\bmake ", f"{' '.join(MAKE)} ", shell_block(command).replace(exports, "")
        )
        process = subprocess.Popen(
            ["sh", "-ec", script.replace("127.0.0.1:8080", listen)],
            cwd=tree.path,
            env=environment,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        await_start(environment, process)
        [gateway_url] = re.findall(r"SENTRY_GATEWAY_URL=(\S+)", shell_block("SENTRY_GATEWAY_URL"))
        client = {
            "SENTRY_GATEWAY_URL": gateway_url.replace("127.0.0.1:8080", listen),
            "SENTRY_GATEWAY_KEY": (tmp_path / "key").read_text(),
        }
        call = f"{JOIN}('acme', '{fake.member_id('acme', 'target')}', 'backend')"
        code = f"from sentry_members import *; print(SentryMembers().{call})"
        joined = subprocess.run(
            [sys.executable, "-c", code], env=client, capture_output=True, text=True, check=False
        )
        os.killpg(process.pid, signal.SIGTERM)
        stdout, _ = process.communicate()
    assert joined.stdout.startswith("Added("), joined.stderr
    assert b'" 201 sentry="201"' in stdout


def test_the_settings_are_those_that_are_checked() -> None:
    checks = (FOLDER / "15-gateway.envsh").read_text("utf-8")
    read = re.findall(r"\$\{(\w+):=", checks)
    assert sorted(f"`{name}`" for name in read) == sorted(README.table("setting"))


def test_the_status_codes_are_those_with_a_message() -> None:
    configuration = (FOLDER / "default.conf.template").read_text("utf-8")
    with_message = re.findall(r'^    (\d{3}) "The gateway', configuration, re.MULTILINE)
    assert with_message == [*README.table("status")]


def test_the_client_raises_the_errors_shown(gate: Gateway, upstream: Recorder) -> None:
    shown = re.findall(r"^\| (\d{3}) .*\| `(\w+)` +\|$", README.text, re.MULTILINE)
    assert [*README.table("status")] == [status for status, _ in shown]
    with SentryMembers(gateway_url=gate.url, gateway_key=gate.key, attempts=1) as client:
        for status, name in shown:
            upstream.respond(int(status), b'{"gateway": true, "detail": "A message."}')
            with pytest.raises(errors.ApiError) as caught:
                getattr(client, JOIN)("acme", "8", "backend")
            assert (name, True) == (type(caught.value).__name__, caught.value.from_gateway)


def test_the_files_are_those_of_the_folder() -> None:
    files = {f"`{file.name}`" for file in FOLDER.iterdir() if file.is_file()}
    assert files - {"`README.md`"} == README.table("file").keys()
