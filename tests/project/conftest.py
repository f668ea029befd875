"""A copy of the tree to try the project's verbs on."""

import shutil
from pathlib import Path

import pytest
from tree import ROOT, Tree, tracked_files


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for name in tracked_files():
        target = tmp_path / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return Tree(tmp_path / "tree")
