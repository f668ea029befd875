"""`make upgrade` raises every pin, shows what changes in the client, and runs every test."""

import re
import shutil
from subprocess import CompletedProcess

import pytest

from tests.support.repo_copy import ROOT, Tree

CLIENT = "generated/sentry_members_api/client.py"

# Resolves as uv does where nothing is pinned: to a new ruff.
LOCK = """
! grep -q '"ruff==' pyproject.toml || exit 1
sed 's/^ruff==[^ ]*/ruff==99.1/; s/^attrs==[^ ]*/attrs==98/' "$1" > requirements.lock
"""
# Generates other files than before, and runs tests that pass or fail.
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


def upgrade(tree: Tree, lock: str = LOCK, *, code: int = 0) -> CompletedProcess[str]:
    """Run the verb without a package index, and with quick stand-ins for the other verbs."""
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


def pins(tree: Tree) -> dict[str, str]:
    return dict(re.findall(r'"([\w-]+)==(.+)"', (tree.path / "pyproject.toml").read_text()))


def version_of(name: str) -> str:
    [version] = re.findall(
        rf"^{name}==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    return str(version)


def test_shows_and_tests_the_upgraded_client(tree: Tree) -> None:
    before = pins(tree)
    upgraded = upgrade(tree)
    assert 0 == upgraded.returncode, upgraded.stderr
    assert {**before, "ruff": "99.1"} == pins(tree)
    assert "\nruff==99.1 \\\n" in (tree.path / "requirements.lock").read_text()
    output = upgraded.stdout
    parts = [
        f"ruff: {before['ruff']} → 99.1\n",
        f" {CLIENT} ",
        "\n+# As a new generator has it.\n",
        "the tests run",
    ]
    assert sorted(parts, key=output.index) == parts
    assert "\n+# A new file.\n" in output
    _, _, summary = output.partition("the tests run\n")
    assert [
        "upgrade: every test passes with the newest versions",
        f"attrs: {version_of('attrs')} → 98",
        f"ruff: {before['ruff']} → 99.1",
        "the generated files: 2 files changed, 2 insertions(+)",
        'next: read what is staged (git diff --cached), and git commit -m "Raise the pins"',
    ] == summary.splitlines()
    assert "1\n" == tree.git("rev-list", "--count", "HEAD")


def test_explains_how_to_undo_if_a_test_fails(tree: Tree) -> None:
    failed = upgrade(tree, code=1)
    assert 2 == failed.returncode
    assert "upgrade: the checks fail with the newest versions (see above)." in failed.stderr
    assert "To undo: git reset --hard." in failed.stderr
    assert "" != tree.git("status", "--porcelain")
    tree.git("reset", "--hard")
    assert "" == tree.git("status", "--porcelain")


def test_changes_nothing_if_the_versions_cannot_be_resolved(tree: Tree) -> None:
    failed = upgrade(tree, "exit 1")
    assert 2 == failed.returncode
    assert (
        "upgrade: the newest versions can't be resolved (see above); nothing was changed"
        in failed.stderr
    )
    assert "" == tree.git("status", "--porcelain")


def test_rejects_uncommitted_changes(tree: Tree) -> None:
    tree.edit("CHANGELOG.md", "##", "#")
    rejected = upgrade(tree)
    assert (2, "commit or stash first:  M CHANGELOG.md\n") == (rejected.returncode, rejected.stdout)


def test_reports_that_all_versions_are_the_newest(tree: Tree) -> None:
    upgraded = upgrade(tree, 'cp "$1" requirements.lock')
    assert "upgrade: requirements.lock already has the newest versions\n" in upgraded.stdout
    _, _, summary = upgraded.stdout.partition("the tests run\n")
    assert ["no package rose", "the generated files: 2 files changed, 2 insertions(+)"] == (
        summary.splitlines()[1:3]
    )
