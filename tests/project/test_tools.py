"""Tests that need a missing program are skipped, with a notice, or fail in CI."""

import pytest

from tests.support import programs
from tests.support.repo_copy import ROOT


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
