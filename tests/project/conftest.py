"""A copy of the tree to try the project's verbs on."""

from pathlib import Path

import pytest
from tree import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree.copied(tmp_path / "tree")
