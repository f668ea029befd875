"""`make upgrade`: raises every pin, shows what it does to the client, and runs every test."""

import re
import shutil
import subprocess

import pytest

from tests.support.repo_copy import Tree

CLIENT = "generated/sentry_members_api/client.py"

# Resolves as uv does where nothing is pinned: a new ruff.
LOCK = """
! grep -q '"ruff==' pyproject.toml || exit 1
sed 's/^ruff==[^ ]*/ruff==99.1/; s/^attrs==[^ ]*/attrs==98/' "$1" > requirements.lock
"""
# What the generator writes then, and tests that pass or fail.
MAKE = """
case "$2" in
generate) echo '# As a new generator has it.' >> generated/sentry_members_api/client.py
          echo '# A new file.' > generated/sentry_members_api/new.py ;;
test) echo "the tests run"; exit "$CODE" ;;
esac
"""


@pytest.fixture
def tree(tree: Tree) -> Tree:
    tree.commit()
    return tree


def upgrade(tree: Tree, lock: str = LOCK, *, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the verb without a package index, and with other verbs that are quick."""
    folder = tree.path.parent
    (folder / "lock").write_text(lock)
    (folder / "make").write_text(MAKE)
    shutil.copy(tree.path / "requirements.lock", folder / "before.lock")
    return tree.make(
        "upgrade",
        f"lock=sh -eu {folder}/lock {folder}/before.lock",
        "npm=: npm",
        f"MAKE=sh -eu {folder}/make",
        f"CODE={code}",
    )


def git(tree: Tree, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=tree.path, capture_output=True, text=True, check=True).stdout


def pins(tree: Tree) -> dict[str, str]:
    return dict(re.findall(r'"([\w-]+)==(.+)"', (tree.path / "pyproject.toml").read_text()))


def test_what_it_does_to_the_client_is_shown_and_tested(tree: Tree) -> None:
    before = pins(tree)
    upgraded = upgrade(tree)
    assert 0 == upgraded.returncode, upgraded.stderr
    assert {**before, "ruff": "99.1"} == pins(tree)
    assert "\nruff==99.1 \\\n" in (tree.path / "requirements.lock").read_text()
    told = upgraded.stdout
    parts = [
        f"ruff: {before['ruff']} → 99.1\n",
        f" {CLIENT} ",
        "\n+# As a new generator has it.\n",
        "the tests run",
    ]
    assert sorted(parts, key=told.index) == parts
    assert "\n+# A new file.\n" in told
    assert "1\n" == git(tree, "rev-list", "--count", "HEAD")


def test_it_can_be_taken_back_where_a_test_fails(tree: Tree) -> None:
    failed = upgrade(tree, code=1)
    assert 2 == failed.returncode
    assert (
        "upgrade: not so with the newest versions, see above; git reset --hard goes back."
        in failed.stdout
    )
    assert "" != git(tree, "status", "--porcelain")
    git(tree, "reset", "--hard")
    assert "" == git(tree, "status", "--porcelain")


def test_what_the_index_refuses_changes_nothing(tree: Tree) -> None:
    refused = upgrade(tree, "exit 1")
    assert 2 == refused.returncode
    assert (
        "upgrade: the newest versions can't be had: see above; nothing was changed"
        in refused.stderr
    )
    assert "" == git(tree, "status", "--porcelain")


def test_changes_that_are_not_committed_are_not_mixed_in(tree: Tree) -> None:
    tree.edit("CHANGELOG.md", "##", "#")
    refused = upgrade(tree)
    assert (2, "commit or stash first:  M CHANGELOG.md\n") == (refused.returncode, refused.stdout)


def test_where_all_is_the_newest_it_says_so(tree: Tree) -> None:
    upgraded = upgrade(tree, 'cp "$1" requirements.lock')
    assert "upgrade: requirements.lock has the newest versions already\n" in upgraded.stdout
    assert "the tests run" in upgraded.stdout
