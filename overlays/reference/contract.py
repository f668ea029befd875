"""An OpenAPI document by its structure: its operations, and what each takes and returns.

References are followed here and nowhere else, and only once a part is read: a schema may contain
itself.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

Node = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def follow(node: Node, document: Node) -> Node:
    """Return the node itself, or what it refers to with the keywords beside the reference.

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
    """What a value can be.

    Attributes:
        written: The schema as it is written, perhaps as a reference.
    """

    written: Node | bool
    _document: Node = field(repr=False)

    @property
    def name(self) -> str:
        """The name of the component that the schema refers to; empty if it refers to none."""
        return self._reference.rpartition("/")[2]

    @cached_property
    def component(self) -> "Schema | None":
        """The component that the schema refers to, without what is written beside the reference."""
        if not self._reference:
            return None
        return Schema(follow({"$ref": self._reference}, self._document), self._document)

    @cached_property
    def keywords(self) -> Node:
        """The schema with its reference followed; as keywords if it is a boolean."""
        if isinstance(self.written, bool):
            return {} if self.written else {"not": {}}
        return follow(self.written, self._document)

    @property
    def types(self) -> tuple[str, ...]:
        """The types that it allows; none if it names no type."""
        types = self.keywords.get("type", ())
        return (types,) if isinstance(types, str) else tuple(types)

    @cached_property
    def alternatives(self) -> "tuple[Schema, ...]":
        """The schemas in `anyOf` and in `oneOf`."""
        several = [*self.keywords.get("anyOf", ()), *self.keywords.get("oneOf", ())]
        return tuple(Schema(written, self._document) for written in several)

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
        """What an object's other properties can be; None if there can be no others."""
        written = self.keywords.get("additionalProperties", True)
        return None if written is False else Schema(written, self._document)

    @cached_property
    def items(self) -> "Schema":
        """What each item of an array can be."""
        return Schema(self.keywords.get("items", True), self._document)

    @property
    def _reference(self) -> str:
        reference = "" if isinstance(self.written, bool) else self.written.get("$ref", "")
        return reference if isinstance(reference, str) else ""


@dataclass(frozen=True, eq=False)
class Part:
    """A parameter, a request body, a response or a header.

    Attributes:
        node: What is written of it, with its reference followed.
    """

    node: Node
    _document: Node = field(repr=False)

    @property
    def description(self) -> str:
        """Its description; empty if there is none."""
        return str(self.node.get("description", ""))

    @property
    def required(self) -> bool:
        """Whether it has to be sent."""
        return bool(self.node.get("required", False))

    @cached_property
    def schema(self) -> Schema:
        """What a parameter or a header can be."""
        return Schema(self.node.get("schema", True), self._document)

    @cached_property
    def content(self) -> dict[str, Schema]:
        """What a body or a response can be, by media type."""
        content: Node = self.node.get("content", {})
        return {
            media_type: Schema(media.get("schema", True), self._document)
            for media_type, media in content.items()
        }

    @cached_property
    def headers(self) -> "dict[str, Part]":
        """The headers of a response, by name."""
        headers: Node = self.node.get("headers", {})
        return {
            name: Part(follow(header, self._document), self._document)
            for name, header in headers.items()
        }


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
    """What can be done with one method at one path.

    Attributes:
        method: The method, in capitals.
        path: The path, with the names of its parameters in braces.
        node: What is written of the operation itself.
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

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of its path, then its own, which replace those of the same name."""
        written = [*self._item.get("parameters", ()), *self.node.get("parameters", ())]
        parameters = [Parameter(follow(node, self._document), self._document) for node in written]
        return tuple({(each.location, each.name): each for each in parameters}.values())

    @cached_property
    def body(self) -> Part | None:
        """The body of its requests; None if they have none."""
        if "requestBody" not in self.node:
            return None
        return Part(follow(self.node["requestBody"], self._document), self._document)

    @cached_property
    def responses(self) -> dict[str, Part]:
        """Its responses, by status code, by a range such as 5XX, or by `default`."""
        responses: Node = self.node.get("responses", {})
        return {
            status: Part(follow(response, self._document), self._document)
            for status, response in responses.items()
        }

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """What requests can be authorized by: alternatives, each with scopes by security scheme.

        An alternative without schemes needs no credential.
        """
        written = self.node.get("security", self._document.get("security"))
        return written or [{}]

    @property
    def servers(self) -> list[Node]:
        """Its servers: its own, else those of its path, else those of the document."""
        places = (self.node, self._item, self._document)
        written: list[list[Node]] = [place.get("servers", []) for place in places]
        return next((servers for servers in written if servers), list[Node]())


@dataclass(frozen=True, eq=False)
class Contract:
    """An OpenAPI document.

    Attributes:
        document: The document as it is written.
    """

    document: Node

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Its operations, in the order of the document."""
        paths: Node = self.document["paths"]
        items = {path: follow(item, self.document) for path, item in paths.items()}
        return tuple(
            Operation(method.upper(), path, node, item, self.document)
            for path, item in items.items()
            for method, node in item.items()
            if method in METHODS
        )
