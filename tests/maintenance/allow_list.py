"""Write the gateway's allow-list from the contract.

Run as `python -m tests.maintenance.allow_list openapi.yaml`.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from overlays.reference.contract import Contract, Operation

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


def operations(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Yield the method of each operation, a pattern of the paths that it has, and its ID."""
    for operation in contract.operations:
        patterns = dict(_patterns(operation))
        parts = re.split(r"\{(.+?)\}", operation.path)
        parts[::2] = map(re.escape, parts[::2])
        parts[1::2] = (patterns[name] for name in parts[1::2])
        yield operation.method, "".join(parts), operation.id


def _patterns(operation: Operation) -> Iterator[tuple[str, str]]:
    """Yield the name of each parameter of a path, and what it can be, as a part of a pattern."""
    for parameter in operation.parameters:
        if parameter.location != "path":
            continue
        pattern = parameter.schema.keywords.get("pattern", "")
        if not (pattern.startswith("^") and pattern.endswith("$")):
            sys.exit(f"the gateway needs a pattern from ^ to $ of the parameter {parameter.name}")
        yield parameter.name, f"(?:{pattern[1:-1]})"


def _row(method: str, path: str, value: str) -> str:
    line = f"~^{method} {path} HTTP/1[.][01]$".replace("\\", r"\\").replace('"', r"\"")
    return f'    "{line}" "{value}";'


def render(contract: Contract) -> str:
    """Return the maps of the gateway's configuration that say what is let through."""
    found = list(operations(contract))
    methods: dict[str, list[str]] = {}
    for method, path, _ in found:
        methods.setdefault(path, []).append(method)
    return TEMPLATE.format(
        operations="\n".join(_row(*operation) for operation in found),
        methods="\n".join(_row("[^ ]+", path, ", ".join(of)) for path, of in methods.items()),
    )


if __name__ == "__main__":
    document = yaml.safe_load(Path(sys.argv[1]).read_text("utf-8"))
    print(render(Contract(document)), end="")
