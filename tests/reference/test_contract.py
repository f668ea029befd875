"""The model of a contract reads everything that it may have, also what openapi.yaml doesn't."""

import json
from functools import reduce
from operator import getitem
from typing import Any

import pytest

from overlays.reference.agents import documents
from overlays.reference.contract import Contract, Operation, Schema, follow, load
from overlays.reference.render import render
from tests.maintenance.comparison import changes
from tests.maintenance.validate import faults
from tests.support.contracts import EXAMPLE

MEMBERS = "/api/0/organizations/{organization_id_or_slug}/members/"
RESPONSES = ("paths", MEMBERS, "post", "responses")
COMPONENTS: dict[str, Any] = {
    "parameters": {
        "Cursor": {"name": "cursor", "in": "query", "schema": {"$ref": "#/components/schemas/Text"}}
    },
    "responses": {
        "Found": {
            "description": "What is there.",
            "headers": {"Link": {"$ref": "#/components/headers/Link"}},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}},
        }
    },
    "headers": {"Link": {"required": True, "schema": {"type": "string"}}},
    "requestBodies": {
        "New": {"required": True, "content": {"application/json": {}, "text/csv": {}}}
    },
    "schemas": {
        "Text": {"type": "string", "maxLength": 9},
        "Node": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"$ref": "#/components/schemas/Text"},
                "next": {"anyOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]},
            },
        },
    },
}


# What may also be there, or be missing, in a valid contract: the place in the example, and the value.
UNUSUAL: dict[str, tuple[tuple[str, ...], Any]] = {
    "a security scheme without a description": (
        ("components", "securitySchemes", "auth_token"),
        {"type": "http", "scheme": "bearer"},
    ),
    "a security scheme by reference": (
        ("components", "securitySchemes", "other"),
        {"$ref": "#/components/securitySchemes/auth_token"},
    ),
    "a status code without a common phrase": ((*RESPONSES, "499"), {"description": ""}),
    "an extension of the responses": ((*RESPONSES, "x-note"), "any text"),
    "an extension of a path": (("paths", MEMBERS, "x-internal"), True),
    "a component that contains itself as its other keys": (
        ("components", "schemas", "Member", "additionalProperties"),
        {"$ref": "#/components/schemas/Tree"},
    ),
}


def operation(node: dict[str, Any], item: Any = (), **document: Any) -> Operation:
    """Return the only operation of a document."""
    paths = {"/nodes/{id}/": {"get": {"responses": {}} | node, **dict(item)}}
    [found] = Contract({"components": COMPONENTS, "paths": paths, **document}).operations
    return found


def schema(written: Any) -> Schema:
    return Schema(written, {"components": COMPONENTS})


@pytest.mark.parametrize("case", UNUSUAL)
def test_every_program_reads_an_unusual_contract(case: str) -> None:
    before, now = load(EXAMPLE.read_bytes()), load(EXAMPLE.read_bytes())
    tree = {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Tree"}}
    now["components"]["schemas"]["Tree"] = tree
    (*parents, last), value = UNUSUAL[case]
    reduce(getitem, parents, now)[last] = value
    assert [] == list(faults(json.dumps(now)))
    assert render(Contract(now))
    assert documents(Contract(now))
    list(changes(before, now))
    list(changes(now, before))


def test_operations_come_in_the_order_of_the_document() -> None:
    item = {"summary": "Nodes.", "parameters": [], "post": {}, "get": {"operationId": "listNodes"}}
    shared = {"components": {"pathItems": {"Node": {"delete": {}}}}}
    paths = {"/nodes/": item, "/node/": {"$ref": "#/components/pathItems/Node"}}
    assert [
        ("POST /nodes/", "POST", "/nodes/"),
        ("listNodes", "GET", "/nodes/"),
        ("DELETE /node/", "DELETE", "/node/"),
    ] == [
        (each.id, each.method, each.path) for each in Contract(shared | {"paths": paths}).operations
    ]


def test_an_operation_has_the_parameters_of_its_path_and_its_own() -> None:
    of_path = [
        {"name": "id", "in": "path", "required": True},
        {"name": "id", "in": "query"},
        {"name": "limit", "in": "query", "description": "Of all."},
    ]
    own = [
        {"$ref": "#/components/parameters/Cursor"},
        {"name": "limit", "in": "query", "description": "Of one."},
    ]
    parameters = operation({"parameters": own}, {"parameters": of_path}).parameters
    assert [
        ("id", "path", True, ""),
        ("id", "query", False, ""),
        ("limit", "query", False, "Of one."),
        ("cursor", "query", False, ""),
    ] == [(each.name, each.location, each.required, each.description) for each in parameters]
    assert {"type": "string", "maxLength": 9} == parameters[3].schema.keywords


def test_bodies_responses_and_headers_follow_their_references() -> None:
    found = operation(
        {
            "requestBody": {"$ref": "#/components/requestBodies/New"},
            "responses": {"200": {"$ref": "#/components/responses/Found"}, "default": {}},
        }
    )
    assert found.body
    assert found.body.required
    assert ["application/json", "text/csv"] == list(found.body.content)
    assert ["200", "default"] == list(found.responses)
    response = found.responses["200"]
    assert "What is there." == response.description
    assert "Node" == response.content["application/json"].name
    assert response.headers["Link"].required
    assert ("string",) == response.headers["Link"].schema.types


def test_an_operation_may_have_neither_parameters_nor_a_body() -> None:
    found = operation({})
    assert ((), None, {}) == (found.parameters, found.body, found.responses)


@pytest.mark.parametrize(
    ("own", "of_document", "expected"),
    [
        ({"security": [{"key": []}]}, {"security": [{"token": ["a", "b"]}]}, [{"key": []}]),
        ({}, {"security": [{"token": ["a", "b"]}]}, [{"token": ["a", "b"]}]),
        ({"security": []}, {"security": [{"token": ["a"]}]}, [{}]),
        ({}, {}, [{}]),
    ],
    ids=["its own", "of the document", "nothing instead of the document's", "nothing"],
)
def test_security_is_that_of_the_operation_or_of_the_document(
    own: dict[str, Any], of_document: dict[str, Any], expected: Any
) -> None:
    assert expected == operation(own, **of_document).security


def test_servers_of_the_operation_override_those_of_path_and_document() -> None:
    own, of_path, of_document = ({"servers": [{"url": url}]} for url in "abc")
    assert own["servers"] == operation(own, of_path, **of_document).servers
    assert of_path["servers"] == operation({}, of_path, **of_document).servers
    assert of_document["servers"] == operation({}, **of_document).servers
    assert [] == operation({}).servers


def test_keywords_beside_a_reference_override_those_of_its_target() -> None:
    text = schema({"$ref": "#/components/schemas/Text", "maxLength": 5, "description": "Short."})
    assert {"type": "string", "maxLength": 5, "description": "Short."} == text.keywords
    assert text.component
    assert {"type": "string", "maxLength": 9} == text.component.keywords


def test_a_schema_may_contain_itself() -> None:
    node = schema({"$ref": "#/components/schemas/Node"})
    for _ in range(3):
        assert "Node" == node.name
        assert {"name"} == node.required
        assert ["name", "next"] == list(node.properties)
        node, null = node.properties["next"].alternatives
        assert ("null",) == null.types


def test_an_inline_schema_has_no_name() -> None:
    assert "" == schema({"type": "object"}).name
    assert schema({"type": "object"}).component is None
    # Below `properties`, `$ref` is the name of a property.
    assert {"$ref"} == schema({"properties": {"$ref": {"type": "string"}}}).properties.keys()


def test_a_schema_may_have_several_types() -> None:
    assert () == schema({}).types
    assert ("string",) == schema({"type": "string"}).types
    assert ("string", "null") == schema({"type": ["string", "null"]}).types


def test_a_schema_may_be_a_boolean() -> None:
    assert {} == schema(True).keywords
    assert {"not": {}} == schema(False).keywords
    assert {} == schema({"type": "array"}).items.keywords
    assert {"type": "string"} == schema({"items": {"type": "string"}}).items.keywords


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, {}),
        ({"additionalProperties": True}, {}),
        ({"additionalProperties": {"type": "string"}}, {"type": "string"}),
        ({"additionalProperties": False}, None),
    ],
)
def test_an_object_may_have_additional_properties(written: Any, expected: Any) -> None:
    others = schema(written).others
    assert expected == (others.keywords if others else None)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("#/components/schemas/Lost", "'#/components/schemas/Lost' leads nowhere"),
        ("#/components/schemas/Text/type/x", "leads nowhere"),
        ("#/components/schemas/Text/type", "leads nowhere"),
        ("other.yaml#/components/schemas/Text", "leads nowhere"),
        ("#", "'#' leads nowhere"),
        ("#/a", "'#/a' leads back to itself"),
    ],
)
def test_a_reference_without_a_target_is_an_error(reference: str, message: str) -> None:
    document = {"components": COMPONENTS, "a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}
    with pytest.raises(LookupError, match=message):
        follow({"$ref": reference}, document)


def test_a_reference_may_escape_slashes_and_tildes() -> None:
    document = {"paths": {"/a~b/": {"get": {}}}}
    assert {"get": {}} == follow({"$ref": "#/paths/~1a~0b~1"}, document)
