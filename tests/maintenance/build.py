"""Build the wheel and the sdist into dist/, from a copy of what git tracks: `make build`.

hatchling would also pack what git ignores or doesn't track, such as a file with a token.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from packaging.version import InvalidVersion, Version

from overlays.reference.contract import load

DIST = Path("dist")


def export(folder: Path) -> Path:
    """Write the files that git tracks, and new generated modules, to a folder, as they are now.

    Returns:
        The folder of this tree, which may be a part of the repository.
    """
    index = folder / "index"
    try:
        present = _git("rev-parse", "--path-format=absolute", "--git-path", "index")
        shutil.copyfile(present, index)
        # Of a clean tree this is the commit itself: git sees no change, and so adds nothing.
        _git("add", "--update", GIT_INDEX_FILE=str(index))
        _git("add", "--all", "generated/*.py", GIT_INDEX_FILE=str(index))
        others = ["ls-files", "--others", "--exclude-standard", "generated", "overlays"]
        for left in _git(*others, GIT_INDEX_FILE=str(index)).splitlines():
            print(f"build: {left} is not packed: git doesn't track it", file=sys.stderr)
        # Read anew, it has no mark by which a file would be left out, such as skip-worktree.
        added = _git("write-tree", GIT_INDEX_FILE=str(index))
        _git("read-tree", added, GIT_INDEX_FILE=str(index))
        _git("checkout-index", "--all", f"--prefix={folder}/tree/", GIT_INDEX_FILE=str(index))
        return folder / "tree" / _git("rev-parse", "--show-prefix")
    except OSError as error:
        sys.exit(f"build: only what git tracks is packed, and it can't be copied: {error}")
    except subprocess.CalledProcessError:
        sys.exit("build: only what git tracks is packed, and git fails (see above)")


def _git(*arguments: str, **variables: str) -> str:
    command = ["git", *arguments]
    environment = {**os.environ, **variables}
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout.strip()


def check_packages() -> None:
    """Exit if a package is missing, which hatchling would leave out without a word."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        if not Path(package).is_dir():
            remedy = "make generate" if package.startswith("generated/") else "git restore overlays"
            sys.exit(f"build: there is no {package}: run {remedy}")


def check_version(tree: Path) -> None:
    """Exit unless hatchling, which only knows its pattern, reads the version of the contract."""
    text = (tree / "openapi.yaml").read_text("utf-8")
    settings = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    read = re.findall(settings["version"]["pattern"], text, re.MULTILINE)
    try:
        version = load(text)["info"]["version"]
        Version(version)
    except (yaml.YAMLError, LookupError, TypeError, InvalidVersion):
        version = None
    if read[:1] != [version]:
        sys.exit(
            "build: the version in openapi.yaml can't be read: below `info:`, and nowhere before, "
            "write a line such as `  version: 1.2.3`"
        )


def check_links(tree: Path) -> None:
    """Exit if there is a link: hatchling would pack what it leads to, tracked or not."""
    for path in tree.rglob("*"):
        if path.is_symlink():
            sys.exit(f"build: {path.relative_to(tree)} is a link: write the file in its place")


def main() -> None:
    check_packages()
    with TemporaryDirectory() as name:
        folder = Path(name)
        tree = export(folder)
        check_version(tree)
        check_links(tree)
        shutil.rmtree(DIST, ignore_errors=True)
        command = [sys.executable, "-m", "hatchling", "build", "--directory", str(DIST.absolute())]
        sys.exit(subprocess.run(command, cwd=tree, check=False).returncode)


if __name__ == "__main__":
    main()
