"""The controls that the values of a contract are entered with."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openapi_python_client.strings import ClassName, PythonIdentifier

from .contract import Node, Parameter, Part, Schema

FIELD_PREFIX = "field_"  # the generator's default, for names that are not identifiers
PACKAGE = "sentry_members"
MODELS = "sentry_members_api.models"

# HTML attributes for texts of a format. HTML's own type for e-mail addresses is not used: with it
# browsers rewrite what is typed.
INPUTS = {
    "email": {"inputmode": "email"},
    "uri": {"inputmode": "url"},
    "date": {"type": "date"},
}
# The Python functions that convert a text of a format to the type that the generated package takes.
CONVERTERS = {
    "date": "datetime.date.fromisoformat",
    "date-time": "datetime.datetime.fromisoformat",
    "uuid": "uuid.UUID",
}
MAX_SAFE_INTEGER = 2**53 - 1  # the largest integer that JavaScript represents exactly


class Unrenderable(Exception):
    """A part of the contract for which the page has no control; the message says why."""


@cache
def _public_names() -> frozenset[str]:
    """Return the names that the client's package exports.

    The package is read, not imported: it fails while it uses a name that the contract has changed.
    """
    spec = find_spec(PACKAGE)
    assert spec
    assert spec.origin
    for statement in ast.parse(Path(spec.origin).read_text("utf-8")).body:
        if isinstance(statement, ast.Assign) and "__all__" in ast.unparse(statement.targets[0]):
            return frozenset(ast.literal_eval(statement.value))
    return frozenset()


def module_of(model: str) -> str:
    """Return the module to import a model from: the client's package if it exports the model."""
    return PACKAGE if model in _public_names() else MODELS


@dataclass
class Control:
    """What a value is entered with.

    Attributes:
        type: The script's reader for it: text, number, choice, list, optional, object; or missing,
            where the page has no control.
        value_type: The type of the value, in words; why the control is missing.
        required: Whether a value must be sent.
        nullable: Whether null can be sent.
        attributes: Attributes of its HTML element.
        choices: The values to choose from, as JSON, each with its label.
        item: The control of each item of a list, or of an optional object.
        fields: The fields of an object.
    """

    type: str
    value_type: str
    required: bool
    nullable: bool = False
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    choices: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    item: "Control | None" = None
    fields: list["Field"] = field(default_factory=lambda: list[Field]())


@dataclass
class Field:
    """A parameter, or a property of an object.

    Attributes:
        name: Its name in the contract.
        keyword: Its name in Python.
        description: Its description, in Markdown.
        deprecated: Whether it is deprecated.
        control: What it is entered with.
    """

    name: str
    keyword: str
    description: str
    deprecated: bool
    control: Control


def parameter_field(parameter: Parameter) -> Field:
    """Return the field of a parameter.

    Raises:
        Unrenderable: It is part of the path, and has no pattern.
    """
    is_in_path = parameter.location == "path"
    if is_in_path and "pattern" not in parameter.schema.keywords:
        raise Unrenderable(
            f"the parameter {parameter.name}: it must have a pattern, for the page to reject what "
            "would lead to another path"
        )
    required = is_in_path or parameter.node.get("required", False)
    return _field(parameter.name, parameter.schema, required=required, beside=parameter.node)


def body_field(body: Part) -> Field:
    """Return the field of a request body, which has no name.

    Raises:
        Unrenderable: It is not JSON.
    """
    if "application/json" not in body.content:
        raise Unrenderable(
            f"a request body must be application/json, not {', '.join(body.content)}"
        )
    return _field("", body.content["application/json"], required=True, beside=body.node)


def _reject_recursion(schema: Schema, names_around: tuple[str, ...] = ()) -> None:
    """Raise Unrenderable if a component contains itself, at any depth."""
    if schema.name in names_around:
        raise Unrenderable(f"{schema.name} contains itself")
    if schema.name:
        names_around = (*names_around, schema.name)
    items = [schema.items] if "items" in schema.keywords else []
    for part in (*schema.alternatives, *schema.properties.values(), *items):
        _reject_recursion(part, names_around)


def _field(name: str, schema: Schema, *, required: bool, beside: Node | None = None) -> Field:
    """Return the field of a schema; the keywords of its parameter or body describe it, too."""
    try:
        control = _control(name, schema, required)
    except Unrenderable as unrenderable:
        control = Control("missing", str(unrenderable), required)
    keywords = {**schema.keywords, **(beside or {})}
    if control.type in ("text", "number"):
        placeholder = str(keywords.get("example", "")) if required else "not sent"
        control.attributes["placeholder"] = placeholder
    return Field(
        name,
        PythonIdentifier(name, FIELD_PREFIX),
        keywords.get("description", ""),
        keywords.get("deprecated", False),
        control,
    )


def _control(name: str, schema: Schema, required: bool) -> Control:
    """Return the control of a schema.

    Raises:
        Unrenderable: The page has no control for it.
    """
    # Not for a body, which has no name: its fields are checked one by one.
    if name:
        _reject_recursion(schema)
    schema, json_type, nullable = _without_null(schema)
    keywords = schema.keywords
    value_type = json_type + " or null" * nullable
    if "enum" in keywords or json_type == "boolean":
        choices = list(_choices(keywords.get("enum", [True, False]), required, nullable))
        return Control("choice", value_type, required, choices=choices)
    if json_type == "string":
        return Control("text", value_type, required, nullable, _text_attributes(keywords))
    if json_type in ("integer", "number"):
        attributes = _number_attributes(json_type, keywords)
        return Control("number", value_type, required, nullable, attributes)
    if json_type == "array":
        item = _control(name, schema.items, required=True)
        return Control("list", f"list of {item.value_type}", required, item=item)
    if json_type == "object" and schema.properties and schema.name:
        return _object(schema, required, nullable)
    raise Unrenderable(
        "it is not a text, a number, a boolean, an enum, a list, or a component with properties, "
        "each of them alone or with null"
    )


def _object(schema: Schema, required: bool, nullable: bool) -> Control:
    model = ClassName(schema.name, FIELD_PREFIX)
    attributes = {"data-python": model, "data-import": f"from {module_of(model)} import {model}"}
    fields = [
        _field(name, described, required=name in schema.required)
        for name, described in schema.properties.items()
    ]
    control = Control("object", model, True, attributes=attributes, fields=fields)
    if required and not nullable:
        return control
    return Control("optional", model + " or null" * nullable, required, item=control)


def _without_null(schema: Schema) -> tuple[Schema, str, bool]:
    """Return the schema without null, its type (empty for several), and whether null is allowed."""
    others = [choice for choice in schema.alternatives if choice.types != ("null",)]
    if len(others) == 1 < len(schema.alternatives):
        other, json_type, _ = _without_null(others[0])
        return other, json_type, True
    types = [name for name in schema.types if name != "null"]
    return schema, types[0] if len(types) == 1 else "", "null" in schema.types


def _choices(values: list[Any], required: bool, nullable: bool) -> Iterator[tuple[str, str]]:
    """Yield each choice as JSON, with its label; the first is the default."""
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


def _text_attributes(keywords: Node) -> dict[str, str]:
    attributes = {"type": "text", **INPUTS.get(keywords.get("format", ""), {})}
    for key in ("pattern", "minLength", "maxLength"):
        # Not HTML's own attributes: its patterns have other rules, and it cuts off long texts.
        if key in keywords:
            attributes[f"data-{key.lower()}"] = str(keywords[key])
    if converter := CONVERTERS.get(keywords.get("format", "")):
        module = converter.partition(".")[0]
        attributes |= {"data-python": converter, "data-import": f"import {module}"}
    return attributes


def _number_attributes(json_type: str, keywords: Node) -> dict[str, str]:
    attributes = {"type": "number", "step": "any"}
    if json_type == "integer":
        attributes |= {"step": "1", "min": str(-MAX_SAFE_INTEGER), "max": str(MAX_SAFE_INTEGER)}
    for key, limit in (("minimum", "min"), ("maximum", "max")):
        if key in keywords:
            attributes[limit] = str(keywords[key])
    return attributes
