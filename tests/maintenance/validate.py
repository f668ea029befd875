"""Report the faults of an OpenAPI document, each with its place.

Run as `python -m tests.maintenance.validate openapi.yaml`.
"""

import json
import re
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import process_time
from typing import Any

import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator
from packaging.version import InvalidVersion, Version

from overlays.reference.contract import LOADER, Contract, Operation, follow

# Names that a generated class uses itself, as `_python_name` returns them. The generator gives them
# to fields without a warning; the class then doesn't work or type-check.
RESERVED = frozenset(
    {"additionalkeys", "additionalproperties", "cast", "cls", "d", "datetime", "fielddict"}
    | {"fromdict", "prop", "propname", "srcdict", "todict"}
)

# By key: the components that a reference below it may lead to. Those of NAMED hold maps by name.
_KINDS = (
    *("examples", "headers", "links", "parameters", "pathItems", "requestBodies", "responses"),
    *("schemas", "securitySchemes"),
)
NAMED = {**dict(zip(_KINDS, _KINDS, strict=True)), "callbacks": "", "paths": "pathItems"}
KINDS = {**NAMED, "requestBody": "requestBodies", "schema": "schemas"}
# Keys whose values are data, even if they look like a part of the contract.
DATA = ("const", "default", "enum", "example", "value")
VALUES = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:int", "tag:yaml.org,2002:null")

MOST_NESTED = 100
MOST_SECONDS = 20
MOST_MEMORY = 4 << 30  # bytes of addresses: ruff reserves a gigabyte on a machine of 64 cores
MOST_WRITTEN = 16 << 20  # bytes of a file


def faults(text: str | bytes) -> Iterator[str]:
    """Yield each fault of a document, its place first."""
    try:
        text = text.decode() if isinstance(text, bytes) else text
        if fault := _unreadable(text):
            yield fault
            return
        loader = LOADER(text)
        root = loader.get_single_node()
        document = loader.construct_document(root) if root else None
        # A date, an infinite number and half a surrogate pair are YAML, and no JSON in UTF-8.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        yield f"line {line}: {error.problem}"
        return
    except (yaml.YAMLError, TypeError, ValueError) as error:
        yield f"the document: {' '.join(str(error).split())}"
        return
    if not isinstance(root, yaml.MappingNode):
        yield "line 1: not an OpenAPI document"
        return
    # The validator is asked only if none of these is found, because it would report them less
    # clearly, or not at all.
    yield from list(_unnoticed(root, document)) or list(_errors(document)) or _unsupported(document)


def _unreadable(text: str) -> str | None:
    """Return the first place whose reading may fail in any way, or take all time and memory."""
    depth = 0
    try:
        for event in yaml.parse(text, LOADER):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent):
                # It may stand for a value that holds two of another alias, and so on.
                return f"line {line}: *{event.anchor} is an alias of YAML: write a $ref instead"
            if getattr(event, "tag", None):
                return f"line {line}: {event.tag} is a tag of YAML: write the value without it"
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_NESTED:
                return f"line {line}: nested more than {MOST_NESTED} deep"
    except yaml.YAMLError:
        yaml.compose(text, yaml.SafeLoader)  # raises the same, in clearer words
    return None


def _errors(document: Any) -> Iterator[str]:
    found: list[str] = []
    try:
        with limited():
            for error in OpenAPIV31SpecValidator(document).iter_errors():
                place = " > ".join(str(part) for part in error.absolute_path) or "the document"
                found.append(f"{place}: {' '.join(error.message.split())}")
    except Exception as error:  # noqa: BLE001 - after a fault in the structure it fails somehow
        if not found:
            found.append(f"the document: the validator fails ({type(error).__name__}: {error})")
    yield from found


@contextmanager
def limited() -> Iterator[None]:
    """Limit what the reading of a contract, and the programs that it runs, take of the machine.

    References to references, two in each schema, come to more than any machine has.
    """
    most = {
        resource.RLIMIT_CPU: int(process_time()) + 1 + MOST_SECONDS,
        resource.RLIMIT_AS: MOST_MEMORY,
        resource.RLIMIT_FSIZE: MOST_WRITTEN,
    }
    before = {kind: resource.getrlimit(kind) for kind in most}
    handler = signal.signal(signal.SIGXCPU, _give_up)
    try:
        for kind, number in most.items():
            with suppress(ValueError):  # a lower limit holds already, or the system has none
                resource.setrlimit(kind, (number, before[kind][1]))
        yield
    finally:
        for kind, numbers in before.items():
            resource.setrlimit(kind, numbers)
        signal.signal(signal.SIGXCPU, handler)


def _give_up(*_: object) -> None:
    raise TimeoutError(f"after {MOST_SECONDS} s: do its schemas combine each other too often?")


def _unsupported(document: Any) -> Iterator[str]:
    """Yield what OpenAPI allows, and packages, the generator or the gateway don't."""
    try:
        Version(document["info"]["version"])
    except InvalidVersion as error:
        yield f"info > version: {error}, which a package can't have: write one such as 1.2.3"
    for path in document.get("paths", {}):
        if path.startswith("x-"):
            yield f"paths > {path}: the generator takes no extension there: move it elsewhere"
    names: dict[str, Operation] = {}
    for operation in Contract(document).operations:
        place = f"paths > {operation.path} > {operation.method.lower()}"
        other = names.setdefault(_python_name(operation.id), operation)
        if other is not operation:
            yield (
                f"{place}: the operationId {operation.id!r} gets the same name in Python as "
                f"{other.id!r} of {other.method} {other.path}: rename one of them"
            )
        if "responses" not in operation.node:
            yield f"{place}: it needs responses"
        if operation.method in ("OPTIONS", "TRACE"):
            yield f"{place}: the gateway passes no {operation.method} on: remove the operation"
        for parameter in operation.parameters:
            if parameter.location in ("cookie", "header"):
                yield (
                    f"{place}: the gateway passes no {parameter.location} on: remove the parameter "
                    f"{parameter.name!r}"
                )
            elif "schema" not in parameter.node:  # The generator would leave it out.
                yield f"{place}: the parameter {parameter.name!r} needs a schema"


def _python_name(name: str) -> str:
    """Return what two names have in common if the generator gives them the same Python name."""
    return "".join(filter(str.isalnum, name)).lower()


def _below(key: str, kind: str) -> str:
    """Return the kind of what is below a key; `part` is that of a schema in an `allOf`."""
    if key.startswith("x-") or key in DATA:
        return "data"
    if kind in ("schemas", "part"):
        return {"allOf": "part", "examples": "data"}.get(key, "schemas")
    return kind if kind in ("data", "links") else KINDS.get(key, kind)


def _unnoticed(
    node: yaml.Node, document: Any, kind: str = "", *, has_names: bool = False
) -> Iterator[str]:
    """Yield the faults that the validator doesn't notice.

    It doesn't follow every reference; the YAML loader keeps the last of two equal keys; and JSON
    Schema allows to require a key that is not among the properties.

    Args:
        node: A part of the document.
        document: The document.
        kind: The components that a reference in the part may lead to; empty if any.
        has_names: Whether its keys are names of any kind.
    """
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _unnoticed(item, document, kind)
    if not isinstance(node, yaml.MappingNode):
        return
    wanted = "schemas" if kind == "part" else kind
    seen: set[str] = set()
    for key, value in node.value:
        if key.tag != "tag:yaml.org,2002:str":
            yield f"{_line(key)}: the key {key.value} is not a text: write it in quotes"
            continue
        if key.value in seen:
            yield f"{_line(key)}: the key {key.value!r} is a duplicate"
        seen.add(key.value)
        if key.value == "$ref" and isinstance(value, yaml.ScalarNode) and kind != "data":
            try:
                follow({"$ref": value.value}, document)
            except LookupError as error:
                yield f"{_line(key)}: {error.args[0]}"
            else:
                if not re.fullmatch("#/components/[^/]+/[^/]+", value.value):
                    yield f"{_line(key)}: {value.value!r} is no component: move it below components"
                elif wanted not in ("", value.value.split("/")[2]):
                    yield (
                        f"{_line(key)}: {value.value!r} is used where one of components > {wanted} "
                        "belongs"
                    )
        below = kind if has_names else _below(key.value, kind)
        names = (below == "schemas" and key.value == "properties") or key.value in NAMED
        yield from _unnoticed(value, document, below, has_names=names and not has_names)
    if has_names or kind == "data":
        return
    parts = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    if isinstance(fields := parts.get("properties"), yaml.MappingNode):
        yield from _badly_named("fields", fields)
        if kind != "part" and "allOf" not in parts:
            yield from _missing(parts.get("required"), fields)
    if isinstance(schemas := parts.get("schemas"), yaml.MappingNode):
        yield from _badly_named("schemas", schemas)
    if isinstance(values := parts.get("enum"), yaml.SequenceNode):
        for value in values.value:
            if isinstance(value, yaml.ScalarNode) and value.tag not in VALUES:
                yield (
                    f"{_line(value)}: the value {value.value} is neither a text nor an integer: if "
                    "it is meant as a text, write it in quotes"
                )


def _badly_named(what: str, named: yaml.MappingNode) -> Iterator[str]:
    """Yield a fault for each field or schema that can't get a Python name of its own."""
    names: dict[str, str] = {}
    for key, _ in named.value:
        name = _python_name(str(key.value))
        other = names.setdefault(name, key.value)
        if other != key.value:
            yield (
                f"{_line(key)}: the {what} {other!r} and {key.value!r} get the same name in "
                "Python: rename or remove one of them"
            )
        if what == "fields" and name in RESERVED:
            yield (
                f"{_line(key)}: a field {key.value!r} breaks the generated class, which has that "
                "name itself: remove it, so that it is one of the additional properties"
            )


def _missing(required: yaml.Node | None, fields: yaml.MappingNode) -> Iterator[str]:
    """Yield the required fields that are not among the properties."""
    if isinstance(required, yaml.SequenceNode):
        names = {str(key.value) for key, _ in fields.value}
        for name in required.value:
            if isinstance(name, yaml.ScalarNode) and name.value not in names:
                yield f"{_line(name)}: {name.value!r} is required but not a property"


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    try:
        found = [f"{path}: {fault}" for fault in faults(path.read_bytes())]
    except OSError as error:
        sys.exit(f"{path} can't be read: {error.strerror}")
    sys.exit("\n".join(found) or 0)
