"""The gateway's README is right: its commands, its settings, its status codes, its files."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import yaml
from sentry_members import SentryMembers, errors
from sentry_members_testing import FakeSentry

from tests.support import programs
from tests.support.gateway import KEY, START, TOKEN, Gateway, await_start, settings
from tests.support.raw_server import Recorder
from tests.support.readme import Readme
from tests.support.repo_copy import MAKE, ROOT, Tree

FOLDER = ROOT / "overlays/gateway"
README = Readme(FOLDER / "README.md")
JOIN = "add_an_organization_member_to_a_team"


def shell_block(command: str) -> str:
    [block] = [block for block in README.shell if command in block]
    return block


def with_docker(folder: Path) -> dict[str, str]:
    """Return an environment with valid settings and the stand-in for docker."""
    environment = settings(folder)
    (folder / "docker").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m tests.support.docker "$@"\n'
    )
    (folder / "docker").chmod(0o755)
    environment["PATH"] = f"{folder}:{environment['PATH']}"
    return environment


@pytest.mark.slow
@pytest.mark.parametrize("command", ["make gateway", "docker run"])
def test_a_gateway_started_as_shown_serves_a_client_configured_as_shown(
    command: str, tree: Tree, tmp_path: Path
) -> None:
    programs.find("openssl")
    programs.find("envsubst")
    environment = with_docker(tmp_path)
    listen = environment["GATEWAY_LISTEN"]
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
            [sys.executable, "-c", code],
            env=client,
            capture_output=True,
            text=True,
            check=False,
            timeout=START,
        )
        os.killpg(process.pid, signal.SIGTERM)
        stdout, _ = process.communicate(timeout=START)
    assert joined.stdout.startswith("Added("), joined.stderr
    logged = [json.loads(line) for line in stdout.splitlines() if line.startswith(b"{")]
    assert [("default", 201)] == [
        (line["caller"], line["sentry_status"]) for line in logged if line["operation"]
    ]


@pytest.mark.slow
def test_a_gateway_started_by_compose_is_reloaded_as_shown(
    upstream: Recorder, tree: Tree, tmp_path: Path
) -> None:
    programs.find("envsubst")
    environment = with_docker(tmp_path)
    listen = environment["GATEWAY_LISTEN"]
    tree.edit("overlays/gateway/compose.yaml", "127.0.0.1:8080", listen)
    assert 0 == tree.make("reference").returncode
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "token").write_text(f"{TOKEN}\n")
    (secrets / "keys").write_text(f"ada {KEY}\nbob {KEY.swapcase()}\n")
    for name in ("SENTRY_AUTH_TOKEN", "GATEWAY_KEY", "GATEWAY_LISTEN", "GATEWAY_PAGE"):
        del environment[name]
    exports, start = shell_block("compose.yaml up").split("docker ")
    script = exports.replace("make reference", "").replace("https://sentry.io", upstream.url())
    script = script.replace("/etc/sentry-gateway", str(secrets))
    process = subprocess.Popen(
        ["sh", "-ec", f"{script}\nexec docker {start}"],
        cwd=tree.path,
        # Not a setting of the file: it is not filled in, nor in nginx's own $status.
        env=environment | {"status": "200"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    await_start({"GATEWAY_LISTEN": listen}, process)

    def reload() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-ec", shell_block("exec gateway")],
            cwd=tree.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=START,
        )

    def status(key: str) -> int:
        headers = {"X-Gateway-Key": key}
        url = f"http://{listen}/api/0/organizations/acme/members/8/teams/backend/"
        return httpx.post(url, headers=headers, trust_env=False, timeout=START).status_code

    try:
        assert [204, 204] == [status(KEY), status(KEY.swapcase())]
        (secrets / "keys").write_text(f"ada {KEY}\nbob weak\n")
        failed = reload()
        assert (1, 1) == (failed.returncode, len(failed.stderr.splitlines()))
        assert failed.stderr.startswith("gateway: GATEWAY_KEYS_FILE, line 2: the key is weak")
        assert 204 == status(KEY.swapcase())
        (secrets / "keys").write_text(f"ada {KEY}\n")
        assert 0 == reload().returncode
        assert any(status(KEY.swapcase()) == 403 for _ in range(1000))
        assert 204 == status(KEY)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        stdout, _ = process.communicate(timeout=START)
    logged = [json.loads(line) for line in stdout.splitlines() if line.startswith(b"{")]
    assert ["ada", "bob"] == [line["caller"] for line in logged[:2]]
    assert {TOKEN.encode()} == set(
        re.findall(rb"Bearer (\S+)", b"".join(head for head, _ in upstream.requests))
    )


def test_compose_sets_only_settings_that_are_checked_and_mounts_files_that_exist() -> None:
    [service] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"].values()
    settings = {f"`{name}`" for name in service["environment"]}
    assert settings - {"`NGINX_ENVSUBST_FILTER`"} <= README.table("setting").keys()
    # What the image's own variables would be filled in for.
    assert re.search(service["environment"]["NGINX_ENVSUBST_FILTER"], "GATEWAY_KEYS")
    assert not re.search(service["environment"]["NGINX_ENVSUBST_FILTER"], "NGINX_VERSION")
    mounted = {volume.split(":")[0] for volume in service["volumes"] if volume[0] == "."}
    assert {".", "./15-gateway.envsh", "../reference/site"} == mounted
    assert os.access(FOLDER / "15-gateway.envsh", os.X_OK)


def test_the_keys_of_the_log_are_those_shown(gate: Gateway, upstream: Recorder) -> None:
    gate.http.get("/")
    assert [f"`{key}`" for key in gate.log()[-1]] == [*README.table("key")]


def test_the_settings_are_those_that_are_checked() -> None:
    checks = (FOLDER / "15-gateway.envsh").read_text("utf-8")
    read = re.findall(r"\$\{(\w+):=", checks)
    assert {f"`{name}`" for name in read} == README.table("setting").keys()


def test_the_status_codes_are_those_with_a_message() -> None:
    configuration = (FOLDER / "default.conf.template").read_text("utf-8")
    with_message = re.findall(
        r'^    (\d{3}) (?:"The gateway|\$gateway_limit)', configuration, re.MULTILINE
    )
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


def test_the_compose_file_fits_the_schema_of_compose_files() -> None:
    command = [
        "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        FOLDER / "compose.yaml",
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert 0 == ran.returncode, ran.stdout
