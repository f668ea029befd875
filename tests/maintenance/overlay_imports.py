"""Say what the overlays import that is no longer generated from openapi.yaml.

Run at the root of the tree, after `make generate`, as `python -m tests.maintenance.overlay_imports`.
The source is read, not run: an import would fail at the first name that is missing.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from symtable import symtable

OVERLAYS = Path("overlays")
GENERATED = Path("generated")
PACKAGE = "sentry_members_api"


def missing() -> Iterator[str]:
    """Yield each import of the overlays that fails, its place first, with what to do."""
    for file in sorted(OVERLAYS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes(), file)):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            for name in node.names:
                if node.module.startswith(PACKAGE) and not _is_there(node.module, name.name):
                    yield (
                        f"{file}, line {name.lineno}: {node.module} has no {name.name} any more: "
                        "use what openapi.yaml calls it now, or call it there as before"
                    )


def _is_there(module: str, name: str) -> bool:
    path = GENERATED.joinpath(*module.split("."))
    if (path / name).is_dir() or (path / f"{name}.py").exists():
        return True
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (
        source.exists()
        and name in symtable(source.read_text("utf-8"), str(source), "exec").get_identifiers()
    )


if __name__ == "__main__":
    sys.exit("\n".join(missing()) or 0)
