"""Contracts for tests: one that never changes, and edits of `openapi.yaml` by its structure."""

import json
import shutil
from typing import Any, Self

import yaml

from overlays.reference.contract import load
from tests.maintenance import upstream
from tests.support.repo_copy import ROOT, Tree

# A part of Sentry's schema, as it was once published.
PUBLISHED = ROOT / "tests/maintenance/published.json"
# Stays as it is when openapi.yaml changes.
EXAMPLE = ROOT / "tests/maintenance/example.yaml"


def known_differences() -> list[str]:
    """Return how the example differs from the published schema."""
    contract = load(EXAMPLE.read_bytes())
    return list(upstream.differences(contract, json.loads(PUBLISHED.read_bytes())))


def agree(tree: Tree) -> None:
    """Make the example the contract of a tree, and explain how it differs from what is published."""
    shutil.copy(EXAMPLE, tree.path / "openapi.yaml")
    explained = yaml.safe_dump({"Known": "\n".join(known_differences())})
    (tree.path / upstream.EXPLAINED).write_text(explained, "utf-8")


class Edit:
    """An edit of the contract of a tree, by its structure.

    Attributes:
        document: The contract.
        schemas: Its schemas.
    """

    def __init__(self, tree: Tree) -> None:
        self._file = tree.path / "openapi.yaml"
        self.document: Any = load(self._file.read_bytes())
        self.schemas = self.document["components"]["schemas"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        text = yaml.dump(self.document, sort_keys=False, allow_unicode=True, Dumper=_Plain)
        self._file.write_text(text, "utf-8")


class _Plain(yaml.SafeDumper):
    """Writes what appears twice twice, since aliases are rejected."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
