"""Set up the environments that the opponents run in, as their users would.

The opponent written with httpx runs in an environment with httpx alone. There httpx lacks sniffio,
and also click and rich, which it imports where they are installed. The project's own environment
has all of these.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Pythons(NamedTuple):
    """The interpreters of the environments.

    Attributes:
        httpx: Has httpx and its dependencies.
        default: Has sentry-members and its dependencies.
    """

    httpx: Path
    default: Path


def make(root: Path) -> Pythons:
    """Set up each below `.venvs`, with the versions of the lock and the wheel in `dist`."""
    [wheel] = (root / "dist").glob("*.whl")
    return Pythons(
        _environment(root, "httpx", "httpx"),
        _environment(root, "default", str(wheel)),
    )


def _environment(root: Path, name: str, requirement: str) -> Path:
    folder = root / ".venvs" / name
    uv = [sys.executable, "-m", "uv"]
    install = ["pip", "install", "--compile-bytecode", "--constraint", "requirements.lock"]
    for command in (
        ["venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [*install, "--quiet", "--python", str(folder), requirement],
    ):
        if subprocess.run([*uv, *command], cwd=root, check=False).returncode:
            sys.exit(f"the environment {name} can't be set up (see above)")
    return folder / "bin/python"
