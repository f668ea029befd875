"""`sentry-members mcp`: an agent's client calls the tools, and can't misread what they did."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import anyio
import pytest
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from sentry_members import AsyncSentryMembers, NewMember
from sentry_members.routes import routes
from sentry_members_cli import mcp
from sentry_members_testing import FakeSentry
from sentry_members_testing.model_fields import fields

from tests.support.cli_process import COMMAND, environment
from tests.support.new_member import BESIDES_EMAIL, REQUIRED

INVITE, JOIN = "add_a_member_to_an_organization", "add_an_organization_member_to_a_team"
ACME = {"organization_id_or_slug": "acme"}
SECONDS = 60

T = TypeVar("T")


@dataclass
class Agent:
    """Calls the tools of a server process.

    Attributes:
        fake: The Sentry that they act on.
        token: The token of the server.
        variables: The environment of the server.
    """

    fake: FakeSentry
    token: str
    variables: dict[str, str]

    def use(self, work: Callable[[ClientSession], Awaitable[T]], *options: str) -> T:
        """Start a server, do some work with it, and end it."""

        async def connected() -> T:
            with anyio.fail_after(SECONDS):
                async with self.session(*options) as session:
                    return await work(session)

        return anyio.run(connected)

    @asynccontextmanager
    async def session(self, *options: str) -> AsyncIterator[ClientSession]:
        command, *arguments = [*COMMAND, "mcp", *options]
        variables = dict(environment(**self.variables))
        server = StdioServerParameters(command=command, args=arguments, env=variables)
        async with stdio_client(server) as streams, ClientSession(*streams) as session:
            await session.initialize()
            yield session

    def call(self, tool: str, *calls: dict[str, Any]) -> list[types.CallToolResult]:
        """Call a tool once with each of these arguments; check that no result shows the token."""

        async def call_all(session: ClientSession) -> list[types.CallToolResult]:
            return [await session.call_tool(tool, arguments) for arguments in calls]

        results = self.use(call_all)
        assert all(self.token not in result.model_dump_json() for result in results)
        return results


def text_of(result: types.CallToolResult) -> str:
    [content] = result.content
    assert isinstance(content, types.TextContent)
    return content.text


@pytest.fixture
def agent() -> Generator[Agent]:
    fake = FakeSentry.example()
    for organization in ("acme", "closed"):
        fake.add_member(organization, "both", email="both@example.org")
    token = fake.issue_token("acme", owner="both", scopes=["org:read", "member:invite"])
    with fake.serve() as url:
        yield Agent(fake, token, {"SENTRY_URL": url, "SENTRY_AUTH_TOKEN": token})


@pytest.mark.slow
def test_the_tools_are_the_operations_as_the_contract_describes_them(agent: Agent) -> None:
    listed = {tool.name: tool for tool in agent.use(lambda session: session.list_tools()).tools}
    methods = {route.name for route in routes() if hasattr(AsyncSentryMembers, route.name)}
    assert methods == listed.keys()
    invite, join = listed[INVITE], listed[JOIN]
    properties = invite.input_schema["properties"]
    assert {"organization_id_or_slug", *fields(NewMember)} == properties.keys()
    assert all(each.get("description") for each in properties.values())
    assert ["organization_id_or_slug", *REQUIRED] == invite.input_schema["required"]
    assert 3 == len(join.input_schema["required"])
    for tool, repeats in ((invite, False), (join, True)):
        assert tool.annotations
        assert (False, repeats) == (
            tool.annotations.read_only_hint,
            tool.annotations.idempotent_hint,
        )


def test_leaves_out_what_the_client_has_no_method_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = resources.files("sentry_members_contract").joinpath("openapi.json").read_text("utf-8")
    document = json.loads(text)
    upload = {"operationId": "upload", "requestBody": {"content": {"text/csv": {}}}}
    document["paths"]["/api/0/"] = {"x-internal": True, "post": upload, "get": {}}
    package = SimpleNamespace(joinpath=lambda _: package, read_text=lambda _: json.dumps(document))
    monkeypatch.setattr(resources, "files", lambda _: package)
    assert [INVITE, JOIN] == [tool.name for tool in mcp.tools("acme")]


@pytest.mark.slow
@pytest.mark.everywhere
def test_says_who_was_invited(agent: Agent) -> None:
    role = {"teamSlug": "backend", "role": None}
    arguments = {**REQUIRED, "orgRole": "member", "teamRoles": [role]}
    [result] = agent.call(INVITE, {**ACME, **arguments})
    member_id = agent.fake.member_id("acme", "ada@example.com")
    assert not result.is_error
    assert f"invited: ada@example.com is invited. The member ID is {member_id}." == text_of(result)
    assert result.structured_content
    assert ("invited", member_id) == (
        result.structured_content["outcome"],
        result.structured_content["member_id"],
    )
    assert arguments == agent.fake.requests[-1].body


@pytest.mark.slow
def test_says_what_an_addition_did(agent: Agent) -> None:
    additions = (
        ("acme", "target", "added", "The member is on the team now."),
        ("acme", "teamadmin", "already on team", "Nothing was done"),
        ("closed", "target", "access requested", "NOBODY WAS ADDED"),
    )
    paths = [
        {
            "organization_id_or_slug": organization,
            "member_id": agent.fake.member_id(organization, member),
            "team_id_or_slug": "backend",
        }
        for organization, member, _, _ in additions
    ]
    for result, (*_, outcome, words) in zip(agent.call(JOIN, *paths), additions, strict=True):
        assert not result.is_error
        assert text_of(result).startswith(f"{outcome}: {words}")
        assert result.structured_content
        assert outcome == result.structured_content["outcome"]


@pytest.mark.slow
def test_an_error_is_a_tool_error_with_the_advice(agent: Agent) -> None:
    agent.fake.fail_next(500, every=2)
    known = {**ACME, **REQUIRED, "email": "both@example.org"}
    refused, failed = agent.call(INVITE, known, {**ACME, **REQUIRED})
    assert refused.is_error
    assert "already" in text_of(refused)
    assert "teams of this call were not added" in text_of(refused)
    assert failed.is_error
    assert "Sentry may have acted on it all the same" in text_of(failed)


BAD_ARGUMENTS: list[tuple[dict[str, Any], str]] = [
    ({}, "'email' is a required property."),
    ({"email": 5}, "email: type must be string."),
    ({"email": "a" * 76}, "email: maxLength must be 75."),
    ({"email": "a@b.example", "orgRole": "god"}, "orgRole: enum must be ["),
    ({"email": "a@b.example", "teamRoles": [{"teamSlug": "x"}]}, "'role' is a required"),
    ({"email": "a@b.example", "teams": ["x"]}, "('teams' was unexpected)."),
    ({"email": "a@b.example", "organization_id_or_slug": ".."}, "organization_id_or_slug: pat"),
]


@pytest.mark.slow
def test_rejects_bad_arguments_and_sends_nothing(agent: Agent) -> None:
    calls = [{**ACME, **BESIDES_EMAIL, **arguments} for arguments, _ in BAD_ARGUMENTS]
    for result, (_, message) in zip(agent.call(INVITE, *calls), BAD_ARGUMENTS, strict=True):
        assert result.is_error
        assert text_of(result).startswith("Nothing was sent. ")
        assert message in text_of(result)
    assert () == agent.fake.requests


@pytest.mark.slow
def test_shows_no_secret_that_was_given_as_an_argument(agent: Agent) -> None:
    secrets = ({"email": [agent.token]}, {"organization_id_or_slug": f"{agent.token}/"})
    calls = [{**ACME, **REQUIRED, **arguments} for arguments in secrets]
    assert all(result.is_error for result in agent.call(INVITE, *calls))


@pytest.mark.slow
def test_rejects_an_unknown_tool(agent: Agent) -> None:
    [result] = agent.call("delete_everything", {})
    assert result.is_error
    assert text_of(result).startswith("There is no such tool: only ")
    assert INVITE in text_of(result)
    assert JOIN in text_of(result)


@pytest.mark.slow
def test_the_organization_has_the_default_of_the_command_line(agent: Agent) -> None:
    agent.variables["SENTRY_ORG"] = "closed"

    async def list_and_call(session: ClientSession) -> tuple[list[types.Tool], bool]:
        listed = await session.list_tools()
        called = await session.call_tool(INVITE, REQUIRED)
        return listed.tools, called.is_error

    for options, organization in (((), "closed"), (("--org", "acme"), "acme")):
        listed, failed = agent.use(list_and_call, *options)
        [invite] = [tool for tool in listed if tool.name == INVITE]
        default = invite.input_schema["properties"]["organization_id_or_slug"]["default"]
        assert (organization, [*REQUIRED]) == (default, invite.input_schema["required"])
        assert not failed
        assert f"/{organization}/members/" in agent.fake.requests[-1].path


def run_command(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "mcp", *options],
        env=environment(**variables),
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@pytest.mark.slow
def test_does_not_start_without_credentials(tmp_path: Path) -> None:
    ran = run_command(HOME=str(tmp_path))
    assert (8, "") == (ran.returncode, ran.stdout)
    assert ran.stderr.startswith("not served\n")
    assert "SENTRY_AUTH_TOKEN" in ran.stderr


@pytest.mark.slow
def test_ends_with_its_input(agent: Agent) -> None:
    ran = run_command(**agent.variables)
    assert (0, "", "") == (ran.returncode, ran.stdout, ran.stderr)


def test_names_the_extra_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError(name='mcp')")
    ran = run_command(PYTHONPATH=str(tmp_path), HOME=str(tmp_path))
    assert 8 == ran.returncode
    assert "mcp needs sentry-members[mcp], from your index\n" in ran.stderr
    assert "pip" not in ran.stderr, "from the public index somebody else's might come"


def test_the_other_commands_do_not_import_it() -> None:
    code = "import sys, sentry_members_cli.app; print(json.dumps('mcp' in sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", f"import json, {code.removeprefix('import ')}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    assert json.loads(ran.stdout) is False
