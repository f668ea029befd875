"""Runs the command line in this process, against a served fake Sentry."""

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
from sentry_members_cli import output
from sentry_members_cli.app import app
from sentry_members_testing import FakeSentry
from typer.testing import CliRunner


@dataclass
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def values(self) -> list[dict[str, Any]]:
        """The values that `--json` printed, one a line, and nothing else."""
        assert "" == self.err
        return [json.loads(line) for line in self.out.splitlines()]


class Shell:
    """Runs commands in this process, against a served fake."""

    def __init__(self, fake: FakeSentry, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        self.fake = fake
        self.monkeypatch = monkeypatch
        self.set(SENTRY_URL=url, SENTRY_ORG="acme")
        self.use_token("acme", "owner", "member:admin", "org:read")

    def set(self, **variables: str | None) -> None:
        for name, value in variables.items():
            if value is None:
                self.monkeypatch.delenv(name, raising=False)
            else:
                self.monkeypatch.setenv(name, value)

    def use_token(self, organization: str, owner: str, *scopes: str) -> None:
        self.token = self.fake.issue_token(organization, owner=owner, scopes=scopes)
        self.set(SENTRY_AUTH_TOKEN=self.token)

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ran:
        output.out.quiet = False  # An earlier command of this process may have been quiet.
        result = CliRunner().invoke(app, arguments, input=stdin, prog_name="sentry-members")
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        assert self.token[7:] not in result.output, "the token is never shown"
        assert "\x1b" not in result.output, "there is no terminal"
        return Ran(result.exit_code, result.stdout, result.stderr)

    @property
    def bodies(self) -> list[Any]:
        return [request.body for request in self.fake.requests]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Generator[Shell]:
    fake = FakeSentry.example()
    with fake.serve() as url:
        yield Shell(fake, monkeypatch, url)
