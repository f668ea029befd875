"""The environments that the opponents run in, made as a user makes them.

httpx by itself is what a naive user has: it brings no sniffio, and no click and rich either, which
`import httpx` would import. The project's own environment has all of these.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Pythons(NamedTuple):
    """The interpreters of the environments.

    Attributes:
        httpx: Has httpx and what it brings.
        default: Has sentry-members and what it brings.
    """

    httpx: Path
    default: Path


def make(root: Path) -> Pythons:
    """Install each below `.venvs`, with the versions that the lock pins, and the wheel of `dist`."""
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
            sys.exit(f"the environment {name} can't be set up: see above")
    return folder / "bin/python"
