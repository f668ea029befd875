"""Run the fast tests of what changed since the last commit, or of the paths given: `make quick`."""

import subprocess
import sys
from pathlib import Path

from tests.maintenance.run_tests import PYTEST

# The tests of everything else are in the folder of its name, or in tests/project.
FOLDERS = {
    "generated": "contract",
    "openapi.yaml": "contract",
    "pytest_sentry_members": "testing",
    "sentry_members": "client",
}


def folder(file: str) -> str:
    """Return the folder with the tests of a file."""
    parts = [part for part in Path(file).parts if part not in ("overlays", "tests")]
    name = FOLDERS.get(parts[0], parts[0].removeprefix("sentry_members_"))
    return (
        f"tests/{name}" if Path("tests", name).is_dir() and name != "support" else "tests/project"
    )


def changed() -> set[str]:
    """Return the folders with the tests of the files that changed since the last commit."""
    status = ["git", "status", "--porcelain", "--untracked-files=all", "--no-renames", "-z"]
    listed = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    return {folder(entry[3:]) for entry in listed.split("\0") if entry}


if __name__ == "__main__":
    paths = sys.argv[1:] or sorted(changed())
    if not paths:
        sys.exit("nothing has changed since the last commit: name a path (make quick T=…)")
    command = [sys.executable, *PYTEST, "-m", "not slow", "--numprocesses=auto", *paths]
    sys.exit(subprocess.run(command, check=False).returncode)
