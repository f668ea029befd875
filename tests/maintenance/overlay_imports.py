"""Report what the overlays import that is no longer generated from openapi.yaml.

Run at the root of the tree as `python -m tests.maintenance.overlay_imports`, after `make
generate`. The source is parsed, not run, because a run would stop at the first missing name.
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
    """Yield each import that would fail, its place first, with the remedy."""
    for file in sorted(OVERLAYS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes(), file)):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            for name in node.names:
                if node.module.startswith(PACKAGE) and not _exists(node.module, name.name):
                    yield (
                        f"{file}, line {name.lineno}: {node.module} no longer has "
                        f"{name.name}: import the new name, or restore the old one in openapi.yaml"
                    )


def _exists(module: str, name: str) -> bool:
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
