"""Make environments with the built wheel and what its tests need, each in a folder of `.venvs`.

Run at the root of the tree as `python -m tests.maintenance.environments`, it makes the one of this
Python with the pinned packages, and prints the path of its Python.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

Packages = Literal["pinned", "lowest", "newest"]

OWN = "{}.{}".format(*sys.version_info)
VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
"""The Pythons that are tested where they are found."""


class Environment(NamedTuple):
    """A Python with the wheel.

    Attributes:
        version: The version of the Python.
        packages: Those of the lock, or the lowest that `pyproject.toml` allows, or the newest.
    """

    version: str
    packages: Packages = "pinned"

    def __str__(self) -> str:
        return f"Python {self.version} with the {self.packages} packages"

    def make(self) -> Path:
        """Make the environment anew, and return the path of its Python.

        Raises:
            CalledProcessError: It can't be made; uv has printed why.
        """
        folder = Path(".venvs", f"{self.version}-{self.packages}")
        # Of its own version, this Python is used and not another one.
        python = os.path.realpath(sys.executable) if self.version == OWN else self.version
        _uv("venv", "--clear", "--python", python, folder)
        pins = Path("requirements.lock")
        if self.packages == "lowest":
            pins = folder / "lowest.lock"
            _uv(
                *("pip", "compile", "--resolution", "lowest-direct", "--all-extras"),
                *("--python", folder, "--output-file", pins, "pyproject.toml"),
            )
        constraint = [] if self.packages == "newest" else ["--constraint", pins]
        [wheel] = Path("dist").glob("*.whl")
        _uv("pip", "install", "--python", folder, *constraint, "--group", "test", wheel)
        return folder / "bin/python"


def other_versions() -> list[str]:
    """Return the versions of the other Pythons that are found, the newest last."""
    find = ["uv", "python", "find", "--quiet", "--system"]
    return [
        version
        for version in VERSIONS
        if version != OWN
        and subprocess.run([*find, version], capture_output=True, check=False).returncode == 0
    ]


def _uv(*arguments: str | Path) -> None:
    # What uv prints to its standard output is in the file that it writes, too.
    subprocess.run(["uv", *arguments, "--quiet"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    print(Environment(OWN).make())
