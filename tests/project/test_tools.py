"""What becomes of the tests that need a program that is missing."""

import pytest

from tests.support import programs
from tests.support.repo_copy import ROOT, Tree


@pytest.fixture(autouse=True)
def without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PATH", "/nowhere")


def test_they_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="nginx is not installed"):
        programs.find("nginx")


def test_they_fail_where_a_change_is_decided_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="nginx is not installed"):
        programs.find("nginx")


def test_the_end_of_make_test_says_so(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        tree.make("--dry-run", "test").stdout.rstrip().endswith("python -m tests.support.programs")
    )
    programs.tell()
    told = capsys.readouterr().out.splitlines()
    assert len(programs.PACKAGES) == len(told)
    for line, (program, package) in zip(told, programs.PACKAGES.items(), strict=True):
        assert "SKIPPED" in line
        assert program in line
        assert f"apt install {package}" in line


def test_ci_installs_them_and_says_that_it_is_ci() -> None:
    run = (ROOT / ".ci/run").read_text()
    assert "export CI=true" in run
    assert f"for program in {' '.join(programs.PACKAGES)};" in run
    assert f"--no-install-recommends {' '.join(programs.PACKAGES.values())}\n" in run
