"""openapi.json and llms.txt: agents call the operations through the gateway with the tools they have."""

import asyncio
import json
import os
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import validate
from sentry_members.auth import GATEWAY_KEY_HEADER
from sentry_members_cli.exits import MEANINGS, Exit
from sentry_members_testing import FakeSentry

from overlays.reference.agents import documents
from overlays.reference.contract import METHODS, Contract, load
from tests.support.contracts import EXAMPLE
from tests.support.gateway import START, Gateway
from tests.support.readme import Readme
from tests.support.repo_copy import ROOT, VENV

CONTRACT = (ROOT / "openapi.yaml").read_text("utf-8")
DOCUMENTS = documents(Contract(load(CONTRACT)))
OPENAPI = json.loads(DOCUMENTS["openapi.json"])
OPERATIONS = {operation.id for operation in Contract(load(CONTRACT)).operations}
INVITE, JOIN = "addAMemberToAnOrganization", "addAnOrganizationMemberToATeam"


def references(node: Any) -> list[str]:
    """Return all references in a document."""
    if isinstance(node, list):
        return [reference for item in node for reference in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + references(list(node.values()))


def test_the_contract_is_valid_resolved_and_that_of_the_gateway() -> None:
    validate(OPENAPI)
    assert [] == references(OPENAPI)
    assert ["/"] == [server["url"] for server in OPENAPI["servers"]]
    [scheme] = OPENAPI["components"]["securitySchemes"].values()
    assert ("apiKey", "header", GATEWAY_KEY_HEADER) == (
        scheme["type"],
        scheme["in"],
        scheme["name"],
    )
    assert OPENAPI["paths"].keys() == load(CONTRACT)["paths"].keys()


def test_a_component_that_contains_itself_stays_a_reference_that_leads_somewhere() -> None:
    recursive = EXAMPLE.read_text("utf-8").replace(
        "        sendInvite:\n", "        deputy:\n          $ref: '#/components/schemas/NewMember'\n"
        "        sendInvite:\n", 1
    )  # fmt: skip
    document = json.loads(documents(Contract(load(recursive)))["openapi.json"])
    validate(document)
    assert {"#/components/schemas/NewMember"} == {*references(document)}
    assert ["NewMember"] == [*document["components"]["schemas"]]


def test_no_command_installs_from_the_public_index() -> None:
    """Somebody else may have published a package of this name there."""
    assert "pip install" not in DOCUMENTS["llms.txt"]
    for section in ("Python", "Shell", "MCP"):
        [first] = re.findall(rf"^## {section}\n\n(.+)", DOCUMENTS["llms.txt"], re.MULTILINE)
        assert first.startswith("Install `sentry-members")
        assert "internal index" in first


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_wheels_documents_are_those_of_the_contract_and_of_the_page(
    name: str, site: Path
) -> None:
    packaged = resources.files("sentry_members_contract").joinpath(name).read_text("utf-8")
    assert DOCUMENTS[name] == packaged
    assert packaged == (site / name).read_text("utf-8")


def test_the_gateway_serves_both_and_names_itself(served: Gateway, site: Path) -> None:
    words = served.http.get("/llms.txt")
    assert ("text/plain; charset=utf-8", DOCUMENTS["llms.txt"]) == (
        words.headers["Content-Type"],
        words.text,
    )
    host = served.url.removeprefix("http://")
    for headers, url in (
        ({}, served.url),
        ({"X-Forwarded-Proto": "https", "Host": "gateway.example.com"}, "https://gateway.example.com"),
        ({"X-Forwarded-Proto": "javascript", "Host": host}, "/"),
        ({"Host": 'x"y'}, None),
    ):  # fmt: skip
        response = served.http.get("/openapi.json", headers=headers)
        if url is None:
            assert 400 == response.status_code or "/" == response.json()["servers"][0]["url"]
            continue
        assert "application/json" == response.headers["Content-Type"]
        expected = {**OPENAPI, "servers": [{**OPENAPI["servers"][0], "url": url}]}
        assert expected == response.json()


def invited(fake: FakeSentry, email: str) -> bool:
    return any(
        request.body == {"email": email, "orgRole": "member"} and request.status == 201
        for request in fake.requests
    )


# Importing the agents' tools takes over a second, which no other process should pay for.
def test_utcp_calls_both_operations(served: Gateway, fake: FakeSentry) -> None:
    from utcp.utcp_client import UtcpClient
    from utcp_http.openapi_converter import OpenApiConverter

    manual = OpenApiConverter(OPENAPI, spec_url=f"{served.url}/openapi.json").convert()
    assert OPERATIONS == {tool.name for tool in manual.tools}
    assert [] == references([tool.model_dump() for tool in manual.tools])

    async def call() -> list[Any]:
        template = {
            "name": "sentry",
            "call_template_type": "http",
            "url": f"{served.url}/openapi.json",
            "http_method": "GET",
        }
        keys = (f"sentry_API_KEY_{number}" for number in range(len(OPERATIONS)))
        variables = dict.fromkeys(keys, served.key)
        config = {"manual_call_templates": [template], "variables": variables}
        client = await UtcpClient.create(config=config)
        organization = {"organization_id_or_slug": "acme"}
        body = {"email": "utcp@example.com", "orgRole": "member"}
        member = await client.call_tool(f"sentry.{INVITE}", {**organization, "body": body})
        team = {"member_id": member["id"], "team_id_or_slug": "backend"}
        return [member, await client.call_tool(f"sentry.{JOIN}", {**organization, **team})]

    member, team = asyncio.run(asyncio.wait_for(call(), START))
    assert ("utcp@example.com", "backend") == (member["email"], team["slug"])
    assert invited(fake, "utcp@example.com")


def test_fastmcp_calls_both_operations(served: Gateway, fake: FakeSentry) -> None:
    from fastmcp import Client, FastMCP

    async def call() -> list[Any]:
        headers = {GATEWAY_KEY_HEADER: served.key}
        async with httpx2.AsyncClient(
            base_url=served.url, headers=headers, trust_env=False, timeout=START
        ) as http:
            server = FastMCP.from_openapi(openapi_spec=OPENAPI, client=http)
            async with Client(server) as client:
                assert OPERATIONS == {tool.name for tool in await client.list_tools()}
                organization = {"organization_id_or_slug": "acme"}
                body = {"email": "fastmcp@example.com", "orgRole": "member"}
                invited = await client.call_tool(INVITE, {**organization, **body})
                member = invited.structured_content
                assert member
                team = {"member_id": member["id"], "team_id_or_slug": "backend"}
                joined = await client.call_tool(JOIN, {**organization, **team})
                return [member, joined.structured_content]

    member, team = asyncio.run(asyncio.wait_for(call(), START))
    assert ("fastmcp@example.com", "backend") == (member["email"], team["slug"])
    assert invited(fake, "fastmcp@example.com")


@pytest.mark.slow
def test_the_code_in_llms_txt_runs(served: Gateway, fake: FakeSentry, tmp_path: Path) -> None:
    # Another operation may need a scope that this token doesn't have.
    contract = load(CONTRACT)
    for item in contract["paths"].values():
        for method in item.keys() & METHODS:
            if item[method]["operationId"] not in (INVITE, JOIN):
                del item[method]
    (tmp_path / "llms.txt").write_text(documents(Contract(contract))["llms.txt"])
    words = Readme(tmp_path / "llms.txt")
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
        "SENTRY_GATEWAY_URL": served.url,
        "SENTRY_GATEWAY_KEY": served.key,
    }
    member = fake.member_id("acme", "target")
    before = len(fake.requests)
    commands = [[sys.executable, "-W", "error", "-c", code] for code in words.python]
    commands += [["sh", "-euc", command] for command in words.commands()]
    outputs = [
        subprocess.run(
            [part.replace("4711", member) for part in command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=START,
        )
        for command in commands
    ]
    # The second invite, and each addition after the first, finds that it is done already.
    assert [201, 201, 400, 204, 400, 204] == [each.status for each in fake.requests[before:]]
    assert [0, 0, 0, 0, 3, 3] == [output.returncode for output in outputs], outputs
    invite = fake.requests[before].body
    assert invite == OPENAPI_EXAMPLE
    assert "HTTP/1.1 204" in outputs[3].stdout


OPENAPI_EXAMPLE = load(CONTRACT)["components"]["schemas"]["NewMember"]["example"]


def test_llms_txt_names_the_exit_codes() -> None:
    [listed] = re.findall("Exit codes: (.*);", DOCUMENTS["llms.txt"])
    codes = dict(re.findall(r"(\d): ([^;]+)", listed))
    assert ["0", "3", "4"] == [*codes]
    for code, meaning in codes.items():
        assert MEANINGS[Exit(int(code))].startswith(meaning)
