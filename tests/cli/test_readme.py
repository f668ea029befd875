"""The README of the command line agrees with the commands."""

import json
import shlex
from collections.abc import Iterable

import typer.main
from sentry_members_cli.app import app
from sentry_members_cli.exits import MEANINGS, Exit
from sentry_members_cli.outcomes import exit_of
from sentry_members_cli.output import as_fields
from sentry_members_onboarding import Invite, Result, RowOutcome
from typer.testing import CliRunner

from tests.support.cli_process import running
from tests.support.readme import Readme
from tests.support.repo_copy import ROOT

FOLDER = ROOT / "overlays/sentry_members_cli"
README = Readme(FOLDER / "README.md")


def quoted(names: Iterable[str]) -> list[str]:
    return [f"`{name}`" for name in names]


def test_lists_the_commands() -> None:
    commands: Iterable[str] = typer.main.get_group(app).commands
    assert sorted(quoted(commands)) == sorted(README.table("command"))


def test_lists_the_exit_codes_from_the_best_to_the_worst() -> None:
    codes = {str(exit_.value): meaning for exit_, meaning in MEANINGS.items()}
    assert list(codes.items()) == list(README.table("code").items())
    assert list(Exit) == list(MEANINGS)


def test_lists_the_outcomes_with_their_exit_codes() -> None:
    codes = README.table("outcome")
    assert quoted(RowOutcome) == list(codes)
    codes.pop("`not attempted`")
    assert {f"`{outcome}`": str(exit_of(outcome).value) for outcome in RowOutcome}.items() >= (
        codes.items()
    )


def test_lists_the_keys_of_a_result() -> None:
    fields = as_fields(Result(Invite("ada@example.com"), RowOutcome.INVITED))
    assert quoted(fields) == list(README.table("key"))


def test_lists_the_keys_of_the_summary_and_of_the_scopes() -> None:
    ran = CliRunner().invoke(app, ["onboard", "missing.csv", "--json"])
    summary = json.loads(ran.stdout.splitlines()[-1])
    assert quoted(summary) == list(README.table("total"))
    [row, *_] = json.loads(CliRunner().invoke(app, ["scopes", "--json"]).stdout)
    assert all(key in README.text for key in quoted(row))


def test_lists_the_modules() -> None:
    modules = {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
    assert sorted(quoted(modules)) == sorted(README.table("file"))


def test_serves_the_fake_as_shown() -> None:
    [command] = [line for line in README.commands() if line.startswith("sentry-members fake")]
    with running(*shlex.split(command)[1:]) as process:
        assert process.stdout
        exports = [process.stdout.readline() for _ in range(3)]
        process.terminate()
        process.wait(60)
    assert all(f"export {name}=" in "".join(exports) for name in ("SENTRY_URL", "SENTRY_ORG"))
    assert 0 == process.returncode
