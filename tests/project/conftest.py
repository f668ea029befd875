from tests.support.tree_fixtures import built, tree

__all__ = ["built", "tree"]
