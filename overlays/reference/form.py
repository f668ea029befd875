"""Which control each value of a contract is entered with."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from openapi_python_client.strings import ClassName, PythonIdentifier

from .contract import Node, Parameter, Part, Schema

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
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    choices: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What is sent, as JSON, and how it shows."""
    item: "Control | None" = None
    fields: list["Field"] = field(default_factory=lambda: list[Field]())


@dataclass
class Field:
    """A parameter, or a property of an object."""

    name: str
    keyword: str
    description: str
    deprecated: bool
    control: Control


def parameter_field(parameter: Parameter) -> Field:
    """Return the field of a parameter.

    Raises:
        Unrenderable: It is not in the path, or has no pattern.
    """
    if parameter.location != "path" or "pattern" not in parameter.schema.keywords:
        raise Unrenderable(
            f"the parameter {parameter.name}: a path parameter with a pattern is wanted, "
            "for the page to refuse what leads to another path"
        )
    return _field(parameter.name, parameter.schema, required=True, beside=parameter.node)


def body_field(body: Part) -> Field:
    """Return the field of a request body, which has no name.

    Raises:
        Unrenderable: There is no form for a part of it; the message names the part.
    """
    schema = body.content["application/json"]
    _reject_recursion(schema)
    return _field("", schema, required=True, beside=body.node)


def _reject_recursion(schema: Schema, names_around: tuple[str, ...] = ()) -> None:
    """Raise Unrenderable if a component contains itself, at any depth."""
    if schema.name in names_around:
        raise Unrenderable(f"{schema.name} contains itself: its form would have no end")
    if schema.name:
        names_around = (*names_around, schema.name)
    items = [schema.items] if "items" in schema.keywords else []
    for part in (*schema.alternatives, *schema.properties.values(), *items):
        _reject_recursion(part, names_around)


def _field(name: str, schema: Schema, *, required: bool, beside: Node | None = None) -> Field:
    """Return the field of a schema; what is written beside it describes it, too."""
    control = _control(name, schema, required)
    words = {**schema.keywords, **(beside or {})}
    if control.kind in ("text", "number"):
        shown = str(words.get("example", "")) if required else "not sent"
        control.attributes["placeholder"] = shown
    return Field(
        name,
        PythonIdentifier(name, FIELD_PREFIX),
        words.get("description", ""),
        words.get("deprecated", False),
        control,
    )


def _control(name: str, schema: Schema, required: bool) -> Control:
    schema, kind, nullable = _without_null(schema)
    keywords = schema.keywords
    words = kind + " or null" * nullable
    if "enum" in keywords or kind == "boolean":
        choices = list(_choices(keywords.get("enum", [True, False]), required, nullable))
        return Control("choice", words, required, choices=choices)
    if kind == "string":
        return Control("text", words, required, nullable, _of_text(keywords))
    if kind in ("integer", "number"):
        return Control("number", words, required, nullable, _of_number(kind, keywords))
    if kind == "array":
        item = _control(name, schema.items, required=True)
        return Control("list", f"list of {item.type}", required, item=item)
    if kind == "object" and schema.properties and schema.name:
        return _object(schema, required, nullable)
    raise Unrenderable(
        f"{name}: the page has forms for texts, numbers, booleans, enums, lists, and objects "
        "of components with properties; for each alone or with null"
    )


def _object(schema: Schema, required: bool, nullable: bool) -> Control:
    model = ClassName(schema.name, FIELD_PREFIX)
    attributes = {"data-python": model, "data-import": f"from {MODELS} import {model}"}
    fields = [
        _field(name, described, required=name in schema.required)
        for name, described in schema.properties.items()
    ]
    whole = Control("object", model, True, attributes=attributes, fields=fields)
    if required and not nullable:
        return whole
    return Control("optional", model + " or null" * nullable, required, item=whole)


def _without_null(schema: Schema) -> tuple[Schema, str, bool]:
    """Return the schema of what is not null, its one type, and whether null is allowed, too."""
    others = [choice for choice in schema.alternatives if choice.types != ("null",)]
    if len(others) == 1 < len(schema.alternatives):
        other, kind, _ = _without_null(others[0])
        return other, kind, True
    types = [name for name in schema.types if name != "null"]
    return schema, types[0] if len(types) == 1 else "", "null" in schema.types


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


def _of_text(keywords: Node) -> dict[str, str]:
    attributes = {"type": "text", **INPUTS.get(keywords.get("format", ""), {})}
    for key in ("pattern", "minLength", "maxLength"):
        # As HTML's own attributes, patterns mean something else, and what is too long is cut off.
        if key in keywords:
            attributes[f"data-{key.lower()}"] = str(keywords[key])
    if taken := CLASSES.get(keywords.get("format", "")):
        attributes |= {"data-python": taken, "data-import": f"import {taken.partition('.')[0]}"}
    return attributes


def _of_number(kind: str, keywords: Node) -> dict[str, str]:
    attributes = {"type": "number", "step": "any"}
    if kind == "integer":
        attributes |= {"step": "1", "min": str(-WHOLE), "max": str(WHOLE)}
    for key, limit in (("minimum", "min"), ("maximum", "max")):
        if key in keywords:
            attributes[limit] = str(keywords[key])
    return attributes
