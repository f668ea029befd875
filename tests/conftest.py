"""A copy of the tree, and a wheel and an sdist that are built from one."""

from pathlib import Path

import pytest

from tests.support.repo_copy import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree.copied(tmp_path / "tree")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    tree = Tree.copied(tmp_path_factory.mktemp("built") / "tree")
    tree.commit()
    assert 0 == tree.make("build").returncode
    return tree.path / "dist"
