"""Write the gateway's allow-list from the contract.

Run as `python -m tests.maintenance.allow_list openapi.yaml`.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from overlays.reference.contract import Contract, Operation, load
from tests.maintenance.request_patterns import path_pattern, query_pattern

TEMPLATE = """\
# Generated from openapi.yaml by make generate, which overwrites any edit.

# The operation of a raw request line; empty if there is none.
map $request $gateway_operation {{
{operations}
}}

# The methods that the path of a raw request line allows.
map $request $gateway_methods {{
{methods}
}}
"""


def operations(contract: Contract) -> Iterator[tuple[str, str, str, str]]:
    """Yield the method of each operation, the patterns of its paths and queries, and its ID.

    The pattern of the queries is empty if the operation has no query parameter.
    """
    for operation in contract.operations:
        if not re.fullmatch(r"[\w-]+", operation.id, re.ASCII):
            sys.exit(
                f"{operation.method} {operation.path}: it needs an operationId of letters and "
                f"digits, which {operation.id!r} is not"
            )
        patterns = dict(_patterns(operation))
        parts = re.split(r"\{(.+?)\}", operation.path)
        # What fills in the gateway's templates would take $NAME for a setting.
        parts[::2] = (re.escape(text).replace(r"\$", "[$]") for text in parts[::2])
        parts[1::2] = (patterns[name] for name in parts[1::2])
        yield operation.method, "".join(parts), query_pattern(operation), operation.id


def _patterns(operation: Operation) -> Iterator[tuple[str, str]]:
    """Yield the name of each path parameter, and the pattern of its values as a group."""
    for parameter in operation.parameters:
        if parameter.location == "path":
            yield parameter.name, f"(?:{path_pattern(parameter)})"


def _row(method: str, target: str, value: str) -> str:
    line = f"~^{method} {target} HTTP/1[.][01]$".replace("\\", r"\\").replace('"', r"\"")
    return f'    "{line}" "{value}";'


def render(contract: Contract) -> str:
    """Return the maps of the gateway's configuration that list the allowed requests."""
    found = list(operations(contract))
    methods: dict[str, list[str]] = {}
    for method, path, query, _ in found:
        methods.setdefault(path, []).append(method)
        if query:
            methods.setdefault(path + query, []).append(method)
    return TEMPLATE.format(
        operations="\n".join(
            _row(method, path + (query and f"(?:{query})?"), id_)
            for method, path, query, id_ in found
        ),
        methods="\n".join(_row("[^ ]+", target, ", ".join(of)) for target, of in methods.items()),
    )


if __name__ == "__main__":
    document = load(Path(sys.argv[1]).read_text("utf-8"))
    print(render(Contract(document)), end="")
