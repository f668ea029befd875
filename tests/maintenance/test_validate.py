"""Faults of a contract are reported with their places, each in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.maintenance import validate
from tests.maintenance.validate import RESERVED, faults
from tests.support.repo_copy import ROOT

CONTRACT = """\
openapi: 3.1.0
info:
  title: People
  version: 1.2.0
paths:
  /people/{id}/:
    parameters:
      - $ref: '#/components/parameters/Id'
    post:
      operationId: add
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Person'}}}
      responses:
        '201': {description: The person was added.}
components:
  parameters:
    Id: {name: id, in: path, required: true, schema: {type: string, pattern: '^[a-z]+$'}}
  schemas:
    Person:
      type: object
      properties:
        email: {type: string}
        givenName: {type: string}
      required: [email]
"""
PLACE = "paths > /people/{id}/ > post: "
PARAMETER = "      parameters: [{name: X-Reason, required: true, schema: {type: string}"
# Ten values of ten values of ten values …
EXPLODING = "a0: &a0 [" + "x," * 10 + "x]\n"
for depth in range(20):
    EXPLODING += f"a{depth + 1}: &a{depth + 1} [" + f"*a{depth}," * 10 + f"*a{depth}]\n"


def test_finds_nothing_in_a_valid_contract() -> None:
    assert [] == list(faults(CONTRACT))
    assert [] == list(faults(CONTRACT.encode()))
    # Fields may have the names of what elsewhere holds other components.
    fields = "headers: {items: {$ref: '#/components/schemas/Person'}}"
    assert [] == list(faults(CONTRACT.replace("givenName: {type: string}", fields)))
    data = (
        "example: {$ref: refs/heads/main, schema: {$ref: b}, enum: [1.5], properties: {toDict: 1}}"
    )
    assert [] == list(faults(CONTRACT.replace("type: object", f"type: object\n      {data}")))
    boss = "Boss:\n      allOf: [{$ref: '#/components/schemas/Person'}, {properties: {}, required: [email]}]"
    assert [] == list(faults(CONTRACT.replace("schemas:", f"schemas:\n    {boss}")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "mistake", "fault"),
    [
        ("  title: ", "  title: [", "line 4: expected ',' or ']', but got ':'"),
        ("schemas/Person'", "schemas/Nobody'", "line 13: '#/components/schemas/Nobody' leads now"),
        ("rameters/Id'", "rameters/Lost'", "line 8: '#/components/parameters/Lost' leads nowhere"),
        ("schemas/Person'", "schemas'", "line 13: '#/components/schemas' is no component: move"),
        ("schemas/Person'", "schemas/Person/properties/email'", "line 13: '#/components/schemas/"),
        ("    post:", "    post: {}\n    post:", "line 10: the key 'post' is a duplicate"),
        ("        required: true", "        requird: true", "post > requestBody: Unevaluated"),
        ("required: [email]", "required: [emial]", "line 25: 'emial' is required but not a prop"),
        ("in: path", "in: way", "components > parameters > Id > in: 'way' is not one of"),
        (
            "email: {",
            "given_name: {}\n        email: {",
            "line 25: the fields 'given_name' and 'givenName' get the same name in Python: rename",
        ),
        ("'201'", "201", "line 15: the key 201 is not a text: write it in quotes"),
        ("email: {type: string}", "email: &e {}", None),
        ("{type: string}", "&text {type: string, x-same: *text}", "line 23: *text is an alias of "),
        ("1.2.0", "1.2-x", "info > version: Invalid version: '1.2-x', which a package can't have"),
        ("1.2.0", "1.2", "info > version: 1.2 is not of type 'string'"),
        ("People", "2026-02-30", "the document: day is out of range for month"),
        ("People", "2026-02-03", "the document: Object of type date is not JSON serializable"),
        ("People", ".inf", "the document: Out of range float values are not JSON compliant"),
        ("People", '"\\ud800"', "line 3: found invalid Unicode character escape code"),
        ("People", "\a", "the document: unacceptable character #x0007"),
        ("People", "[" * 50_000, "line 3: nested more than 100 deep"),
        (
            "People",
            "!!bool foo",
            "line 3: tag:yaml.org,2002:bool is a tag of YAML: write the value",
        ),
        ("People", "!!timestamp foo", "line 3: tag:yaml.org,2002:timestamp is a tag of YAML"),
        ("{type: string}", "!!map {type: string}", "line 23: tag:yaml.org,2002:map is a tag"),
        ("[email]", "[[email]]", "required > 0: ['email'] is not of type 'string'"),
        ("      properties:", "      properties: text\n      x-fields:", "properties: 'text' is"),
        ("      properties:", "      properties: [a]\n      x-fields:", "properties: ['a'] is"),
        ("paths:", "paths:\nx-paths:", "paths: None is not of type 'object'"),
        ("paths:", "tags: [[]]\npaths:", "tags > 0: [] is not of type 'object'"),
        ("  /people/{id}/:", "  ? [people]\n  :", "line 6: found unhashable key"),
        (
            "    post:",
            "    get: {operationId: ADD, responses: {'200': {description: A person.}}}\n    post:",
            f"{PLACE}the operationId 'add' gets the same name in Python as 'ADD' of GET /people/{{id",
        ),
        (
            "post:",
            "post:\n      parameters: [{name: q, in: query, content: {text/plain: {}}}]",
            f"{PLACE}the parameter 'q' needs a schema",
        ),
        ("      responses:", "      x-responses:", f"{PLACE}it needs responses"),
        ("paths:", "paths:\n  x-note: {get: text}", "paths > x-note: the generator takes no"),
        (
            "    post:",
            "    trace:",
            "paths > /people/{id}/ > trace: the gateway passes no TRACE on",
        ),
        ("    post:", "    options:", "/ > options: the gateway passes no OPTIONS on"),
        (
            "post:",
            f"post:\n{PARAMETER}, in: header}}]",
            f"{PLACE}the gateway passes no header on: ",
        ),
        (
            "post:",
            f"post:\n{PARAMETER}, in: cookie}}]",
            f"{PLACE}the gateway passes no cookie on: ",
        ),
        (
            "parameters/Id'",
            "schemas/Person'",
            "line 8: '#/components/schemas/Person' is used where",
        ),
        ("schemas/Person'", "parameters/Id'", "line 13: '#/components/parameters/Id' is used wher"),
        (
            "{description: The person was added.}",
            "{$ref: '#/components/schemas/Person'}",
            "line 15: '#/components/schemas/Person' is used where one of components > responses",
        ),
        (
            "  schemas:",
            "  schemas:\n    person: {type: object}",
            "line 21: the schemas 'person' and 'Person' get the same name in Python: rename or",
        ),
        (
            "email: {type: string}",
            "email: {type: string, enum: [yes, 'off']}",
            "line 23: the value yes is neither a text nor an integer: if it is meant",
        ),
    ],
)
def test_reports_a_fault_with_its_place(text: str, mistake: str, fault: str | None) -> None:
    assert text in CONTRACT
    found = list(faults(CONTRACT.replace(text, mistake, 1)))
    assert fault is None or any(fault in line for line in found), found
    assert bool(fault) == bool(found)
    assert all(1 == len(line.splitlines()) for line in found)


@pytest.mark.parametrize(
    "name", ["to_dict", "fromDict", "additionalProperties", "cast", "d", "prop"]
)
def test_rejects_a_field_that_breaks_the_generated_class(name: str) -> None:
    assert any(name.replace("_", "").lower() == reserved for reserved in RESERVED)
    [fault] = faults(CONTRACT.replace("givenName", name))
    assert fault.startswith(f"line 24: a field {name!r} breaks the generated class")


def exit_of(document: Path) -> str:
    """Return what the program exits with, which it prints in one line."""
    command = [sys.executable, "-m", "tests.maintenance.validate", str(document)]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (1, 1) == (result.returncode, len(result.stderr.splitlines())), result.stderr
    return result.stderr


def test_gives_up_on_schemas_that_combine_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "MOST_SECONDS", 1)
    contract = CONTRACT
    for depth in range(24):
        ref = f"{{$ref: '#/components/schemas/S{depth + 1}'}}"
        contract += f"    S{depth}: {{allOf: [{ref}, {ref}]}}\n"
    [fault] = faults(f"{contract}    S24: {{type: object}}\n")
    assert "(TimeoutError: after 1 s: do its schemas combine each other too often?)" in fault


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"openapi: [", "line 1: expected"),
        (b"", "line 1: not an OpenAPI document"),
        (b"\xff\xfe\xff", "the document: 'utf-8' codec can't decode byte 0xff in position 0"),
        (EXPLODING.encode(), "line 2: *a0 is an alias of YAML: write a $ref instead"),
    ],
    ids=["bad YAML", "empty", "binary", "exploding aliases"],
)
def test_exits_with_the_fault(content: bytes, fault: str, tmp_path: Path) -> None:
    document = tmp_path / "openapi.yaml"
    document.write_bytes(content)
    assert exit_of(document).startswith(f"{document}: {fault}")


@pytest.mark.slow
def test_exits_if_there_is_no_document(tmp_path: Path) -> None:
    assert f"{tmp_path} can't be read: Is a directory\n" == exit_of(tmp_path)
