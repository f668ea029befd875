"""Report the faults of an OpenAPI document, each with its place.

Run as `python -m tests.maintenance.validate openapi.yaml`.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from overlays.reference.contract import follow


def faults(text: str) -> Iterator[str]:
    """Yield each fault of a document, its place first."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        yield f"line {line}: {error.problem}"
        return
    if not isinstance(root, yaml.MappingNode):
        yield "line 1: not an OpenAPI document"
        return
    # The validator is asked only if none of these is found, because it would report them less
    # clearly, or not at all.
    yield from list(_unnoticed(root, document)) or _errors(document)


def _errors(document: Any) -> Iterator[str]:
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        place = " > ".join(str(part) for part in error.absolute_path) or "the document"
        yield f"{place}: {error.message}"


def _python_name(name: str) -> str:
    """Return what two names have in common if the generator gives them the same Python name."""
    return "".join(filter(str.isalnum, name)).lower()


def _unnoticed(node: yaml.Node, document: Any) -> Iterator[str]:
    """Yield the faults that the validator doesn't notice.

    It doesn't follow every reference; the YAML loader keeps the last of two equal keys; and JSON
    Schema allows to require a key that is not among the properties.
    """
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _unnoticed(item, document)
    if not isinstance(node, yaml.MappingNode):
        return
    parts = {key.value: value for key, value in node.value}
    if isinstance(parts.get("required"), yaml.SequenceNode) and "properties" in parts:
        properties = {key.value for key, _ in parts["properties"].value}
        for name in parts["required"].value:
            if name.value not in properties:
                line = name.start_mark.line + 1
                yield f"line {line}: {name.value!r} is required but not a property"
    if isinstance(parts.get("properties"), yaml.MappingNode):
        fields: dict[str, str] = {}
        for key, _ in parts["properties"].value:
            other = fields.setdefault(_python_name(key.value), key.value)
            # The generator would give one of them another name without a warning.
            if other != key.value:
                yield (
                    f"line {key.start_mark.line + 1}: the fields {other!r} and {key.value!r} get "
                    "the same name in Python: remove one of them"
                )
    seen = set()
    for key, value in node.value:
        if key.value in seen:
            yield f"line {key.start_mark.line + 1}: the key {key.value!r} is a duplicate"
        seen.add(key.value)
        if key.value == "$ref" and isinstance(value, yaml.ScalarNode):
            try:
                follow({"$ref": value.value}, document)
            except LookupError as error:
                yield f"line {key.start_mark.line + 1}: {error.args[0]}"
        yield from _unnoticed(value, document)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    found = [f"{path}: {fault}" for fault in faults(path.read_text(encoding="utf-8"))]
    sys.exit("\n".join(found) or 0)
