"""Say what is wrong with an OpenAPI document, and where.

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
    """Yield each fault of the document, its place first. Nothing is yielded for a good one."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        yield f"line {line}: {error.problem}"
        return
    if not isinstance(root, yaml.MappingNode):
        yield "line 1: this is no OpenAPI document"
        return
    # What the validator lets pass: it follows only the references that it comes by, YAML's loader
    # takes the last of two equal keys, and JSON Schema may require what is no property.
    yield from list(_slips(root, document)) or _errors(document)


def _errors(document: Any) -> Iterator[str]:
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        place = " > ".join(str(part) for part in error.absolute_path) or "the document"
        yield f"{place}: {error.message}"


def _in_python(name: str) -> str:
    """What tells a name from others once the generator has made it Python's."""
    return "".join(filter(str.isalnum, name)).lower()


def _slips(node: yaml.Node, document: Any) -> Iterator[str]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _slips(item, document)
    if not isinstance(node, yaml.MappingNode):
        return
    parts = {key.value: value for key, value in node.value}
    if isinstance(parts.get("required"), yaml.SequenceNode) and "properties" in parts:
        properties = {key.value for key, _ in parts["properties"].value}
        for name in parts["required"].value:
            if name.value not in properties:
                yield f"line {name.start_mark.line + 1}: {name.value!r} is required, and no property"
    if isinstance(parts.get("properties"), yaml.MappingNode):
        fields: dict[str, str] = {}
        for key, _ in parts["properties"].value:
            other = fields.setdefault(_in_python(key.value), key.value)
            # The generator would call one of them otherwise, and say nothing.
            if other != key.value:
                yield (
                    f"line {key.start_mark.line + 1}: the fields {other!r} and {key.value!r} have "
                    "one name in Python: drop one of them"
                )
    seen = set()
    for key, value in node.value:
        if key.value in seen:
            yield f"line {key.start_mark.line + 1}: the key {key.value!r} stands here twice"
        seen.add(key.value)
        if key.value == "$ref" and isinstance(value, yaml.ScalarNode):
            try:
                follow({"$ref": value.value}, document)
            except LookupError as error:
                yield f"line {key.start_mark.line + 1}: {error.args[0]}"
        yield from _slips(value, document)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    found = [f"{path}: {fault}" for fault in faults(path.read_text(encoding="utf-8"))]
    sys.exit("\n".join(found) or 0)
