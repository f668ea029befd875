"""A model of an OpenAPI document: its operations, and what each accepts and returns.

Only this module follows references, and each of them when it is read: a schema may contain itself.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import yaml

Node = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# The one in C is ten times as fast, but not every build of PyYAML has it.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str | bytes) -> Any:
    """Return what a document of YAML holds."""
    return yaml.load(text, LOADER)


def follow(node: Node, document: Node) -> Node:
    """Return the node, or what it refers to, merged with the keywords beside the reference.

    Raises:
        LookupError: The reference leads nowhere, or back to itself.
    """
    followed: set[str] = set()
    while isinstance(reference := node.get("$ref"), str):
        if reference in followed:
            raise LookupError(f"{reference!r} leads back to itself")
        followed.add(reference)
        beside = {keyword: value for keyword, value in node.items() if keyword != "$ref"}
        node = {**_target(reference, document), **beside}
    return node


def _target(reference: str, document: Node) -> Node:
    start, *parts = reference.split("/")
    found: Any = document if start == "#" else None
    for part in parts:
        part = part.replace("~1", "/").replace("~0", "~")
        found = cast(Node, found).get(part) if isinstance(found, dict) else None
    if not isinstance(found, dict) or found is document:
        raise LookupError(f"{reference!r} leads nowhere")
    return cast(Node, found)


@dataclass(frozen=True, eq=False)
class Schema:
    """A description of the values that are allowed.

    Attributes:
        written: The schema as the document has it: perhaps a reference, perhaps a boolean.
    """

    written: Node | bool
    _document: Node = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the component that the schema refers to; empty without a reference."""
        return self._reference.rpartition("/")[2]

    @cached_property
    def component(self) -> "Schema | None":
        """The component that the schema refers to, without the keywords beside the reference."""
        if not self._reference:
            return None
        return Schema(follow({"$ref": self._reference}, self._document), self._document)

    @cached_property
    def keywords(self) -> Node:
        """The keywords of the schema, with its reference followed and a boolean spelled out."""
        if isinstance(self.written, bool):
            return {} if self.written else {"not": {}}
        return follow(self.written, self._document)

    @property
    def types(self) -> tuple[str, ...]:
        """The names in `type`; empty if the schema allows any type."""
        types = self.keywords.get("type", ())
        return (types,) if isinstance(types, str) else tuple(types)

    @cached_property
    def alternatives(self) -> "tuple[Schema, ...]":
        """The schemas in `anyOf` and in `oneOf`."""
        alternatives = [*self.keywords.get("anyOf", ()), *self.keywords.get("oneOf", ())]
        return tuple(Schema(written, self._document) for written in alternatives)

    @cached_property
    def properties(self) -> "dict[str, Schema]":
        """The properties of an object, by name."""
        properties: Node = self.keywords.get("properties", {})
        return {name: Schema(written, self._document) for name, written in properties.items()}

    @property
    def required(self) -> frozenset[str]:
        """The names of the properties that an object must have."""
        return frozenset(self.keywords.get("required", ()))

    @cached_property
    def others(self) -> "Schema | None":
        """The schema of an object's additional properties; None if it can't have any."""
        written = self.keywords.get("additionalProperties", True)
        return None if written is False else Schema(written, self._document)

    @cached_property
    def items(self) -> "Schema":
        """The schema of each item of an array."""
        return Schema(self.keywords.get("items", True), self._document)

    @property
    def _reference(self) -> str:
        reference = "" if isinstance(self.written, bool) else self.written.get("$ref", "")
        return reference if isinstance(reference, str) else ""


@dataclass(frozen=True, eq=False)
class Part:
    """A parameter, a request body, a response, a header or a security scheme.

    Attributes:
        node: The part as the document has it, with its reference followed.
    """

    node: Node
    _document: Node = field(repr=False)

    @property
    def description(self) -> str:
        """Its description; empty if it has none."""
        return str(self.node.get("description", ""))

    @property
    def required(self) -> bool:
        """Whether it has to be sent."""
        return bool(self.node.get("required", False))

    @cached_property
    def schema(self) -> Schema:
        """The schema of a parameter or a header."""
        return Schema(self.node.get("schema", True), self._document)

    @cached_property
    def content(self) -> dict[str, Schema]:
        """The schemas of a body or a response, by media type."""
        content: Node = self.node.get("content", {})
        return {
            media_type: Schema(media.get("schema", True), self._document)
            for media_type, media in content.items()
        }

    @cached_property
    def headers(self) -> "dict[str, Part]":
        """The headers of a response, by name."""
        return _parts(self.node.get("headers", {}), self._document)


def _parts(nodes: dict[str, Node], document: Node) -> dict[str, Part]:
    return {name: Part(follow(node, document), document) for name, node in nodes.items()}


class Parameter(Part):
    """A parameter of an operation."""

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.node["name"])

    @property
    def location(self) -> str:
        """Where it is sent: path, query, header or cookie."""
        return str(self.node["in"])


@dataclass(frozen=True, eq=False)
class Operation:
    """A method of a path.

    Attributes:
        method: The method, in capitals.
        path: The path, with the names of its parameters in braces.
        node: The operation as the document has it.
    """

    method: str
    path: str
    node: Node
    _item: Node = field(repr=False)
    _document: Node = field(repr=False)

    @property
    def id(self) -> str:
        """Its operation ID; method and path if it has none."""
        return str(self.node.get("operationId", f"{self.method} {self.path}"))

    @property
    def summary(self) -> str:
        """Its summary; its ID if it has none."""
        return str(self.node.get("summary", self.id))

    @property
    def description(self) -> str:
        """Its description; empty if it has none."""
        return str(self.node.get("description", ""))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of its path, then its own, which replace those of the path."""
        written = [*self._item.get("parameters", ()), *self.node.get("parameters", ())]
        parameters = [Parameter(follow(node, self._document), self._document) for node in written]
        return tuple({(each.location, each.name): each for each in parameters}.values())

    @cached_property
    def body(self) -> Part | None:
        """The body of its requests; None if they don't have one."""
        if "requestBody" not in self.node:
            return None
        return Part(follow(self.node["requestBody"], self._document), self._document)

    @cached_property
    def responses(self) -> dict[str, Part]:
        """Its responses, by status code, range of them such as 5XX, or `default`."""
        written: Node = self.node.get("responses", {})
        # An extension may hold anything.
        nodes = {name: node for name, node in written.items() if not name.startswith("x-")}
        return _parts(nodes, self._document)

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """The alternatives to authorize a request, each the scopes by security scheme.

        An alternative without schemes means that no credential is needed.
        """
        written = self.node.get("security", self._document.get("security"))
        return written or [{}]

    @property
    def servers(self) -> list[Node]:
        """Its servers: its own, else those of its path, else those of the document."""
        servers: list[Node] = (
            self.node.get("servers")
            or self._item.get("servers")
            or self._document.get("servers", [])
        )
        return servers


@dataclass(frozen=True, eq=False)
class Contract:
    """An OpenAPI document.

    Attributes:
        document: The document, as parsed from YAML.
    """

    document: Node

    @cached_property
    def security_schemes(self) -> dict[str, Part]:
        """Its security schemes, by name."""
        components: Node = self.document.get("components", {})
        return _parts(components.get("securitySchemes", {}), self.document)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Its operations, in the order of the document."""
        paths: Node = self.document.get("paths", {})
        # An extension, `x-…`, may hold anything.
        items = {
            path: follow(item, self.document)
            for path, item in paths.items()
            if path.startswith("/")
        }
        return tuple(
            Operation(method.upper(), path, node, item, self.document)
            for path, item in items.items()
            for method, node in item.items()
            if method in METHODS
        )
