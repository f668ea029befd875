"""The operations as tools for agents, over standard input and output (Model Context Protocol).

The names, descriptions and schemas of the tools come from the contract in the wheel, their arguments
become generated models, and their results say in words what was done.
"""

import inspect
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib import resources
from importlib.metadata import version
from typing import Any

import anyio
import jsonschema
import typer
from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from sentry_members.client import AsyncSentryMembers
from sentry_members.errors import ConfigurationError, SentryMembersError
from sentry_members.results import AccessRequested, Added, AlreadyOnTeam
from sentry_members_api.models import Member
from sentry_members_onboarding import RowOutcome

from .exits import Exit
from .options import find_organization, make_client
from .output import print_error

Json = dict[str, Any]

_INSTRUCTIONS = (
    "The tools act on a real Sentry organization. Go by the outcome: only `invited` and `added` say "
    "that somebody was invited or added."
)


def tools(organization: str) -> list[types.Tool]:
    """Return a tool for each operation of the contract that the client has a method for.

    Args:
        organization: The organization that tools act on by default; empty if there is none.
    """
    text = resources.files("sentry_members_contract").joinpath("openapi.json").read_text("utf-8")
    items: list[Json] = list(json.loads(text)["paths"].values())
    return [
        _tool(method, item[method], item.get("parameters", []), organization)
        for item in items
        for method in ("get", "put", "post", "patch", "delete")
        if method in item and hasattr(AsyncSentryMembers, _name(item[method]))
    ]


def _name(operation: Json) -> str:
    """Return the operation's name in Python."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation.get("operationId", "")).lower()


def _tool(method: str, operation: Json, of_path: list[Json], organization: str) -> types.Tool:
    parameters = [*of_path, *operation.get("parameters", [])]
    properties: Json = {
        each["name"]: {"description": each.get("description", ""), **each["schema"]}
        for each in parameters
    }
    required = [each["name"] for each in parameters if each.get("required")]
    if organization:
        # Every path begins with the organization.
        properties[required.pop(0)]["default"] = organization
    if body := operation.get("requestBody"):
        schema = body["content"]["application/json"]["schema"]
        properties |= schema.get("properties", {})
        required += schema.get("required", [])
    return types.Tool(
        name=_name(operation),
        title=operation.get("summary"),
        description=operation.get("description"),
        input_schema={
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        },
        annotations=types.ToolAnnotations(
            read_only_hint=method == "get",
            destructive_hint=method == "delete",
            # The contract says of those without a body that repeating them is safe.
            idempotent_hint=not body,
        ),
    )


async def call(
    sentry: AsyncSentryMembers, tool: types.Tool, given: Mapping[str, Any]
) -> types.CallToolResult:
    """Call an operation; an error is a result, too, with the advice on it."""
    properties = tool.input_schema["properties"]
    defaults = {name: each["default"] for name, each in properties.items() if "default" in each}
    arguments = defaults | dict(given)
    try:
        jsonschema.validate(arguments, tool.input_schema)
    except jsonschema.ValidationError as error:
        return _failed(f"Nothing was sent. {_describe(error)}")
    method = getattr(sentry, tool.name)
    parameters = inspect.signature(method).parameters
    if "body" in parameters:
        path = {name: arguments.pop(name) for name in parameters if name in arguments}
        arguments = {**path, "body": parameters["body"].annotation.from_dict(arguments)}
    try:
        return _succeeded(tool, await method(**arguments))
    except SentryMembersError as error:
        return _failed(str(error))


def _describe(error: jsonschema.ValidationError) -> str:
    """Describe what is wrong with the arguments, without a value: it may be a secret."""
    if error.validator in ("required", "additionalProperties"):
        return f"{error.message}."
    return (
        f"{error.json_path.removeprefix('$.')}: {error.validator} must be {error.validator_value}."
    )


def _succeeded(tool: types.Tool, result: object) -> types.CallToolResult:
    member_id = None
    match result:
        case Member() if tool.name == "add_a_member_to_an_organization":
            outcome, member_id = RowOutcome.INVITED, result.id
            text = f"{result.email} is invited. The member ID is {result.id}."
        case Added():
            outcome = RowOutcome.ADDED
            text = "The member is on the team now."
        case AlreadyOnTeam():
            outcome = RowOutcome.ALREADY_ON_TEAM
            text = "Nothing was done: the member was on the team before."
        case AccessRequested():
            outcome = RowOutcome.ACCESS_REQUESTED
            text = (
                "NOBODY WAS ADDED. The member is not on the team: somebody has to approve the "
                "request in Sentry first. Calling again changes nothing."
            )
        case _:
            text = json.dumps(result, default=lambda model: model.to_dict())
            return types.CallToolResult(content=[types.TextContent(text=text)])
    return types.CallToolResult(
        content=[types.TextContent(text=f"{outcome}: {text}")],
        structured_content={"outcome": str(outcome), "detail": text, "member_id": member_id},
    )


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


def serve(org: str | None, token_file: str | None) -> None:
    """Serve the tools until standard input ends."""
    organization = ""
    with suppress(ConfigurationError):
        organization = find_organization(org)
    try:
        anyio.run(_serve, organization, make_client(AsyncSentryMembers, token_file))
    except ConfigurationError as error:
        print_error("not served", error, as_json=False)
        raise typer.Exit(Exit.CONFIGURATION) from error


async def _serve(organization: str, sentry: AsyncSentryMembers) -> None:
    known = {tool.name: tool for tool in tools(organization)}
    async with sentry:

        async def list_tools(_context: ServerRequestContext, _: Any) -> types.ListToolsResult:
            return types.ListToolsResult(tools=list(known.values()))

        async def call_tool(
            _context: ServerRequestContext, params: types.CallToolRequestParams
        ) -> types.CallToolResult:
            if params.name not in known:
                return _failed(f"There is no such tool: only {', '.join(known)}.")
            return await call(sentry, known[params.name], params.arguments or {})

        server = Server(
            "sentry-members",
            version=version("sentry-members"),
            instructions=_INSTRUCTIONS,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
        )
        async with stdio_server() as (read_stream, write_stream):
            await server.run(read_stream, write_stream, server.create_initialization_options())
