"""The helpers of the tests: a missing program is told, and a server's own failure is raised."""

import socket
import socketserver

import pytest

from tests.support import programs
from tests.support.raw_server import recorder
from tests.support.repo_copy import ROOT
from tests.support.serving import serving


@pytest.fixture(autouse=True)
def without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PATH", "/nowhere")


def test_skips_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="nginx is not installed"):
        programs.find("nginx")


def test_fails_in_ci_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="nginx is not installed"):
        programs.find("nginx")


def test_names_each_missing_program_and_its_package(capsys: pytest.CaptureFixture[str]) -> None:
    programs.print_missing()
    lines = capsys.readouterr().out.splitlines()
    assert len(programs.PACKAGES) == len(lines)
    for line, (program, package) in zip(lines, programs.PACKAGES.items(), strict=True):
        assert "SKIPPED" in line
        assert program in line
        assert f"apt install {package}" in line


def test_ci_installs_the_programs() -> None:
    run = (ROOT / ".ci/run").read_text()
    assert "export CI=true" in run
    assert f"for program in {' '.join(programs.PACKAGES)};" in run
    assert f"--no-install-recommends {' '.join(programs.PACKAGES.values())}\n" in run


def test_a_server_that_fails_fails_the_test() -> None:
    class Failing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raise LookupError

    server = socketserver.TCPServer(("127.0.0.1", 0), Failing)
    with pytest.raises(ExceptionGroup) as caught, serving(server):
        fetch(server)
    assert [LookupError] == [type(error) for error in caught.value.exceptions]


def test_a_failing_test_ends_the_server() -> None:
    with pytest.raises(ZeroDivisionError), recorder() as server:
        fail_while_connected(server)


def fetch(server: socketserver.TCPServer) -> bytes:
    with socket.create_connection(server.server_address) as connection:
        return connection.recv(1)


def fail_while_connected(server: socketserver.TCPServer) -> None:
    with socket.create_connection(server.server_address):
        raise ZeroDivisionError
