"""Contracts for tests: one that never changes, and edits of `openapi.yaml` by its structure."""

from typing import Any, Self

import yaml

from tests.support.repo_copy import ROOT, Tree

# Stays as it is when openapi.yaml changes.
EXAMPLE = ROOT / "tests/maintenance/example.yaml"


class Edit:
    """An edit of the contract of a tree, by its structure.

    Attributes:
        document: The contract.
        schemas: Its schemas.
    """

    def __init__(self, tree: Tree) -> None:
        self._file = tree.path / "openapi.yaml"
        self.document: Any = yaml.safe_load(self._file.read_bytes())
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
