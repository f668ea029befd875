"""Writes the gateway's allow-list from the contract: `python operations.py openapi.yaml`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")

TEMPLATE = """\
# Made from openapi.yaml by make generate: an edit is lost.

# The operation that a raw request line is, if it is one.
map $request $gateway_operation {{
{operations}
}}

# The methods of its path, whatever its own method is.
map $request $gateway_methods {{
{methods}
}}
"""


def operations(contract: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the method of each operation, a pattern of the paths that it has, and its ID."""
    for path, item in contract["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                parameters = item.get("parameters", []) + operation.get("parameters", [])
                patterns = dict(_patterns(contract, parameters))
                parts = re.split(r"\{(.+?)\}", path)
                parts[::2] = map(re.escape, parts[::2])
                parts[1::2] = (patterns[name] for name in parts[1::2])
                yield method.upper(), "".join(parts), operation["operationId"]


def _patterns(
    contract: dict[str, Any], parameters: list[dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Yield the name of each parameter of a path, and what it can be, as a part of a pattern."""
    for parameter in parameters:
        if "$ref" in parameter:
            name = parameter["$ref"].rpartition("/")[2]
            parameter = contract["components"]["parameters"][name]
        if parameter["in"] != "path":
            continue
        name, pattern = parameter["name"], parameter["schema"].get("pattern", "")
        if not (pattern.startswith("^") and pattern.endswith("$")):
            sys.exit(f"the gateway needs a pattern from ^ to $ of the parameter {name}")
        yield name, f"(?:{pattern[1:-1]})"


def _row(method: str, path: str, value: str) -> str:
    line = f"~^{method} {path} HTTP/1[.][01]$".replace("\\", r"\\").replace('"', r"\"")
    return f'    "{line}" "{value}";'


def render(contract: dict[str, Any]) -> str:
    """The maps of the gateway's configuration that tell what is let through."""
    found = list(operations(contract))
    methods: dict[str, list[str]] = {}
    for method, path, _ in found:
        methods.setdefault(path, []).append(method)
    return TEMPLATE.format(
        operations="\n".join(_row(*operation) for operation in found),
        methods="\n".join(_row("[^ ]+", path, ", ".join(of)) for path, of in methods.items()),
    )


if __name__ == "__main__":
    print(render(yaml.safe_load(Path(sys.argv[1]).read_text("utf-8"))), end="")
