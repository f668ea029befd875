"""However the gateway ends, nginx ends with it, and no secret stays on the disk."""

import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.support.gateway import (
    RUN,
    START,
    Gateway,
    address,
    children,
    gateway,
    settings,
)
from tests.support.raw_server import Recorder
from tests.support.repo_copy import MAKE, Tree


def kill_make(process: subprocess.Popen[bytes], program_pid: int) -> None:
    process.kill()


def kill_program(process: subprocess.Popen[bytes], program_pid: int) -> None:
    os.kill(program_pid, signal.SIGKILL)


def kill_group(process: subprocess.Popen[bytes], program_pid: int) -> None:
    os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [kill_make, kill_program, kill_group])
def test_a_killed_gateway_leaves_neither_nginx_nor_files(
    kill: Callable[[subprocess.Popen[bytes], int], None], tree: Tree, tmp_path: Path
) -> None:
    environment = settings(tmp_path)
    process = subprocess.Popen(
        [*MAKE, "--assume-old=reference", "gateway"],  # without rendering the page first
        cwd=tree.path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr
    # The first line names the command that reloads the keys, and with it the process ID of run.py.
    line = process.stderr.readline().decode()
    program_pid = int(line.partition("kill -HUP ")[2].split()[0])
    [folder] = Path(environment["TMPDIR"]).iterdir()  # It has the secrets.
    kill(process, program_pid)
    process.wait(START)
    end = monotonic() + START
    while folder.exists() or is_served(environment):
        assert monotonic() < end, "the gateway is still there"
        sleep(0.02)
    process.stderr.close()


def guard_of(master: Path) -> Path:
    """Return the folder in /proc of the guard, which began the process group of nginx."""
    return master.with_name(str(os.getpgid(int(master.name))))


def kill_at_once(gate: Gateway, *processes: Path) -> None:
    """Kill the program with these processes of it."""
    # Stopped first, so that it doesn't see how they end. Killed first, it would leave the group
    # without a parent, and the kernel would wake the guard.
    os.kill(gate.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, gate.pid, os.WSTOPPED)
    for pid in (*(int(process.name) for process in processes), gate.pid):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("with_guard", [False, True])
def test_ends_when_the_master_of_nginx_is_killed(
    with_guard: bool, upstream: Recorder, tmp_path: Path
) -> None:
    """The worker lives on without it, and keeps the log open."""
    with gateway(tmp_path, sentry_url=upstream.url()) as gate:
        master, worker = gate.processes()
        for process in [guard_of(master)] * with_guard + [master]:
            os.kill(int(process.name), signal.SIGKILL)
        end = monotonic() + START
        while (worker / "cwd").exists() or any((tmp_path / "temporary").iterdir()):
            assert monotonic() < end, "the gateway is still there"
            sleep(0.02)


def test_the_next_start_removes_what_was_killed_together_with_its_guard(
    upstream: Recorder, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("killed", "running", "next")]
    for folder in folders:
        folder.mkdir()
    temporary = folders[0] / "temporary"
    with gateway(folders[0], sentry_url=upstream.url()) as killed:
        [left] = temporary.iterdir()
        master, worker = killed.processes()
        kill_at_once(killed, guard_of(master), master, worker)
    assert [left] == list(temporary.iterdir())
    shared = {"sentry_url": upstream.url(), "TMPDIR": str(temporary)}
    # Somebody's own files, though the name begins as ours do.
    other = temporary / "sentry-gateway-notes/conf.d"
    other.mkdir(parents=True)
    with gateway(folders[1], **shared):
        assert not left.exists()
        [running] = {*temporary.iterdir()} - {other.parent}
        with gateway(folders[2], **shared):
            assert running.exists()
    assert other.exists()


def test_the_next_start_ends_a_worker_that_is_left(upstream: Recorder, tmp_path: Path) -> None:
    """A gateway of which all but the worker is killed at once goes on serving."""
    folders = [tmp_path / name for name in ("killed", "next")]
    for folder in folders:
        folder.mkdir()
    with gateway(folders[0], sentry_url=upstream.url()) as killed:
        master, worker = killed.processes()
        directory = worker / "cwd"  # no longer there if the process has ended
        kill_at_once(killed, guard_of(master), master)
    assert directory.exists()
    [left] = (folders[0] / "temporary").iterdir()
    shared = {"TMPDIR": str(left.parent), "GATEWAY_LISTEN": killed.url.rpartition("/")[2]}
    with gateway(folders[1], sentry_url=upstream.url(), **shared):
        assert not left.exists()
        assert not directory.exists()


def start_unread(
    open_: Callable[[], tuple[int, int]], environment: dict[str, str], stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a gateway, and close what reads its messages, and its log if that goes nowhere else."""
    ours, its = open_()
    process = subprocess.Popen(
        RUN, env=environment, stdin=its, stdout=its if stdout is None else stdout, stderr=its
    )
    os.close(its)
    assert os.read(ours, 1000).startswith(b"gateway: at ")  # From then on it handles the signal.
    os.close(ours)
    return process


@pytest.mark.parametrize("open_", [pty.openpty, os.pipe], ids=["directly", "through tee"])
def test_ends_when_its_terminal_is_closed(
    open_: Callable[[], tuple[int, int]], tmp_path: Path
) -> None:
    """Nobody sees the log any more, nor that the signal HUP reloads the keys."""
    environment = settings(tmp_path)
    process = start_unread(open_, environment)
    process.send_signal(signal.SIGHUP)
    process.wait(START)
    assert not is_served(environment)
    assert [] == os.listdir(environment["TMPDIR"])


@pytest.mark.parametrize("open_", [pty.openpty, os.pipe], ids=["terminal", "pipe"])
def test_lives_on_though_nobody_reads_its_messages(
    open_: Callable[[], tuple[int, int]], tmp_path: Path
) -> None:
    environment = settings(tmp_path)
    process = start_unread(open_, environment, subprocess.DEVNULL)
    end = monotonic() + START
    try:
        for _ in range(2):  # The second is only heard after all that the first one did.
            before = grandchildren(process)
            process.send_signal(signal.SIGHUP)
            while not {*grandchildren(process)} - {*before}:
                assert monotonic() < end, "nginx does not reload"
                sleep(0.01)
        assert process.poll() is None
        assert is_served(environment)
    finally:
        process.terminate()
        process.wait(START)


def grandchildren(process: subprocess.Popen[bytes]) -> list[str]:
    return [pid for child in children(process.pid) for pid in children(int(child))]


def test_does_not_take_another_gateway_for_its_own(tmp_path: Path) -> None:
    """One that starts at the same time may get the address first."""
    environment = settings(tmp_path)
    nginx = tmp_path / "bin/nginx"
    nginx.parent.mkdir()
    nginx.write_text(
        f"#!{sys.executable}\nimport socket\n"
        f"connection, _ = socket.create_server({address(environment)}).accept()\n"
        "connection.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n')\n"
        "connection.recv(100)\nconnection.close()\nraise SystemExit(1)\n"
    )
    nginx.chmod(0o755)
    environment["PATH"] = f"{nginx.parent}:{environment['PATH']}"
    ran = subprocess.run(RUN, env=environment, capture_output=True, text=True, check=False)
    assert (1, "") == (ran.returncode, ran.stderr)


def test_a_gateway_that_is_killed_while_nginx_starts_ends_nginx(tmp_path: Path) -> None:
    """The file with the process ID of nginx is not there yet."""
    environment = settings(tmp_path)
    nginx, started = tmp_path / "bin/nginx", tmp_path / "started"
    nginx.parent.mkdir()
    nginx.write_text(
        f"#!/bin/sh\necho $$ > {started}.new\nmv {started}.new {started}\nexec sleep 60\n"
    )
    nginx.chmod(0o755)
    environment["PATH"] = f"{nginx.parent}:{environment['PATH']}"
    process = subprocess.Popen(RUN, env=environment, stdout=subprocess.DEVNULL)
    end = monotonic() + START
    while not started.exists():
        assert monotonic() < end, "nginx is not started"
        sleep(0.02)
    process.kill()
    process.wait()
    pid = started.read_text().strip()
    while Path("/proc", pid).exists():
        assert monotonic() < end, "nginx is still there"
        sleep(0.02)
    assert [] == list(Path(environment["TMPDIR"]).iterdir())


def is_served(environment: dict[str, str]) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(address(environment)) == 0
