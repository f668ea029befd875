"""`make gateway` runs the gateway until it is stopped."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support import programs
from tests.support.gateway import START, address, await_start, settings
from tests.support.repo_copy import MAKE, Tree


@pytest.mark.slow
def test_runs_until_ctrl_c_and_leaves_no_files(tree: Tree, tmp_path: Path) -> None:
    environment = settings(tmp_path)
    process = subprocess.Popen(
        [*MAKE, "gateway"],
        cwd=tree.path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    await_start(environment, process)
    with socket.create_connection(address(environment)) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
    assert process.stderr
    assert process.stderr.readline().startswith(
        f"gateway: at http://{environment['GATEWAY_LISTEN']} "
    )
    # Ctrl-C sends the signal to every process of the terminal.
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=START)
    [line] = [json.loads(line) for line in stdout.splitlines() if "HTTP" in line]
    assert ("GET / HTTP/1.0", 200) == (line["request"], line["status"])
    assert "nginx:" not in stderr
    assert "Traceback" not in stderr
    assert [] == os.listdir(environment["TMPDIR"])


@pytest.mark.slow
def test_names_the_setting_that_is_missing(tree: Tree) -> None:
    programs.find("nginx")
    completed = tree.make("--assume-old=reference", "gateway", "SENTRY_URL=")
    assert 2 == completed.returncode
    assert "gateway: SENTRY_URL must be set" in completed.stderr
