"""Which control each value of a contract is entered with."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from openapi_python_client.strings import ClassName, PythonIdentifier

FIELD_PREFIX = "field_"  # the generator's own, for what would be no identifier
MODELS = "sentry_members_api.models"

# How a text of a format is typed in, and what the generated package takes it as. HTML has an own
# type for e-mail addresses, which rewrites what is typed.
INPUTS = {
    "email": {"inputmode": "email"},
    "uri": {"inputmode": "url"},
    "date": {"type": "date"},
}
CLASSES = {
    "date": "datetime.date.fromisoformat",
    "date-time": "datetime.datetime.fromisoformat",
    "uuid": "uuid.UUID",
}
# The whole numbers that JavaScript tells apart.
WHOLE = 2**53 - 1

Node = dict[str, Any]


class Unrenderable(Exception):
    """The contract says something that the page has no form for; the message names it."""


@dataclass
class Control:
    """How a value is entered, and how the script reads it."""

    kind: str
    """A reader of the script: text, number, choice, list, optional or object."""
    type: str
    """The type in words."""
    required: bool
    nullable: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    choices: list[tuple[str, str]] = field(default_factory=list)
    """What is sent, as JSON, and how it shows."""
    item: "Control | None" = None
    fields: list["Field"] = field(default_factory=list)


@dataclass
class Field:
    """A parameter, or a property of an object."""

    name: str
    keyword: str
    description: str
    deprecated: bool
    control: Control


class Forms:
    """Fields and controls of a contract.

    Args:
        contract: The whole document: references lead into it.
    """

    def __init__(self, contract: Node) -> None:
        self._contract = contract

    def resolved(self, node: Node) -> Node:
        """The node, or what it refers to, named `model`, with what stands beside the reference."""
        if "$ref" not in node:
            return node
        found: Any = self._contract
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return {"model": node["$ref"].rpartition("/")[2], **self.resolved(found), **beside}

    def parameter(self, node: Node) -> Field:
        """The field of a parameter.

        Raises:
            Unrenderable: It is none of a path, or has no pattern.
        """
        parameter = self.resolved(node)
        schema = self.resolved(parameter["schema"])
        if parameter["in"] != "path" or "pattern" not in schema:
            raise Unrenderable(
                f"the parameter {parameter['name']}: a path parameter with a pattern is wanted, "
                "for the page to refuse what leads to another path"
            )
        described: Node = {
            key: parameter[key]
            for key in ("description", "deprecated", "example")
            if key in parameter
        }
        return self._field(parameter["name"], {**schema, **described}, required=True)

    def body(self, node: Node) -> Field:
        """The field of a request's body, which is not named.

        Raises:
            Unrenderable: There is no form for a part of it; the message names the part.
        """
        body = self.resolved(node)
        schema = self.resolved(body["content"]["application/json"]["schema"])
        described = {"description": body.get("description", "")}
        return self._field("", {**schema, **described}, required=True)

    def _field(self, name: str, node: Node, *, required: bool) -> Field:
        schema = self.resolved(node)
        control = self._control(name, schema, required=required)
        if control.kind in ("text", "number"):
            shown = str(schema.get("example", "")) if required else "not sent"
            control.attributes["placeholder"] = shown
        return Field(
            name,
            PythonIdentifier(name, FIELD_PREFIX),
            schema.get("description", ""),
            schema.get("deprecated", False),
            control,
        )

    def _control(self, name: str, node: Node, *, required: bool) -> Control:
        schema, nullable = self._without_null(self.resolved(node))
        kind = schema.get("type")
        words = str(kind) + " or null" * nullable
        if "enum" in schema or kind == "boolean":
            choices = list(_choices(schema.get("enum", [True, False]), required, nullable))
            return Control("choice", words, required, choices=choices)
        if kind == "string":
            return Control("text", words, required, nullable, _of_text(schema))
        if kind in ("integer", "number"):
            return Control("number", words, required, nullable, _of_number(schema))
        if kind == "array":
            item = self._control(name, schema["items"], required=True)
            return Control("list", f"list of {item.type}", required, item=item)
        if kind == "object" and "properties" in schema and "model" in schema:
            return self._object(schema, required, nullable)
        raise Unrenderable(
            f"{name}: the page has forms for texts, numbers, booleans, enums, lists, and objects "
            "of components with properties; for each alone or with null"
        )

    def _object(self, schema: Node, required: bool, nullable: bool) -> Control:
        model = ClassName(schema["model"], FIELD_PREFIX)
        attributes = {"data-python": model, "data-import": f"from {MODELS} import {model}"}
        fields = [
            self._field(name, node, required=name in schema.get("required", ()))
            for name, node in schema["properties"].items()
        ]
        whole = Control("object", model, True, attributes=attributes, fields=fields)
        if required and not nullable:
            return whole
        return Control("optional", model + " or null" * nullable, required, item=whole)

    def _without_null(self, schema: Node) -> tuple[Node, bool]:
        """The schema of what is not null, and whether null is allowed beside it."""
        kinds = schema.get("type")
        if isinstance(kinds, list):
            rest = [kind for kind in kinds if kind != "null"]
            return {**schema, "type": rest[0] if len(rest) == 1 else None}, "null" in kinds
        choices = schema.get("anyOf") or schema.get("oneOf") or ()
        others = [choice for choice in choices if choice != {"type": "null"}]
        if len(others) == 1 < len(choices):
            return self.resolved(others[0]), True
        return schema, False


def _choices(values: list[Any], required: bool, nullable: bool) -> Iterator[tuple[str, str]]:
    null = ("null", "null")
    if not required:
        yield "", "not sent"
    elif nullable:
        yield null
    else:
        yield "", "choose one"
    for value in values:
        yield json.dumps(value), value if isinstance(value, str) else json.dumps(value)
    if nullable and not required:
        yield null


def _of_text(schema: Node) -> dict[str, str]:
    attributes = {"type": "text", **INPUTS.get(schema.get("format", ""), {})}
    for key in ("pattern", "minLength", "maxLength"):
        # As HTML's own attributes, patterns mean something else, and what is too long is cut off.
        if key in schema:
            attributes[f"data-{key.lower()}"] = str(schema[key])
    if taken := CLASSES.get(schema.get("format", "")):
        attributes |= {"data-python": taken, "data-import": f"import {taken.partition('.')[0]}"}
    return attributes


def _of_number(schema: Node) -> dict[str, str]:
    attributes = {"type": "number", "step": "any"}
    if schema["type"] == "integer":
        attributes |= {"step": "1", "min": str(-WHOLE), "max": str(WHOLE)}
    for key, limit in (("minimum", "min"), ("maximum", "max")):
        if key in schema:
            attributes[limit] = str(schema[key])
    return attributes
