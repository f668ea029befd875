"""The tree that these tests are part of, and copies of it for the tests of the verbs."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parent.parent.parent
VENV = Path(sys.prefix)
[VERSION] = re.findall(
    r"^  version: (\S+)$", (ROOT / "openapi.yaml").read_text("utf-8"), re.MULTILINE
)
MAKE = ["make", "--no-print-directory", f"VENV={VENV}", f"--assume-old={VENV}/.ready"]


def tracked_files() -> list[str]:
    """Return the files that git tracks, or would track once added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).exists())


@dataclass
class Tree:
    """A copy of the tree.

    Attributes:
        path: Its folder.
    """

    path: Path

    @classmethod
    def copied(cls, path: Path) -> Self:
        """Copy the tracked files to a folder."""
        for name in tracked_files():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        return cls(path)

    def make(self, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a verb in the environment of these tests; `path` replaces its PATH."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MAKE")
        }
        environment["PATH"] = path or environment["PATH"]
        return subprocess.run(
            [*MAKE, *arguments],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def edit(self, name: str, text: str, replacement: str) -> None:
        """Replace the first occurrence of a text in a file."""
        file = self.path / name
        content = file.read_text("utf-8")
        assert text in content
        file.write_text(content.replace(text, replacement, 1), "utf-8")

    def git(self, *arguments: str) -> str:
        """Run a git command, without the settings of the user, and return what it prints."""
        nobody = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        command = ["git", *nobody, *arguments]
        return subprocess.run(
            command, cwd=self.path, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def commit(self, message: str = "Everything") -> None:
        """Commit the present state in a repository of the copy."""
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")

    def release(self, version: str) -> None:
        """Commit the present state as a version, and tag it."""
        contract = self.path / "openapi.yaml"
        text = contract.read_text("utf-8")
        contract.write_text(
            re.sub("^(  version:) .*$", rf"\1 {version}", text, count=1, flags=re.MULTILINE)
        )
        self.commit(f"Release {version}")
        self.git("tag", f"v{version}")

    def files(self, folder: str) -> dict[str, bytes]:
        """Return the content of each file in a folder, by path."""
        return {
            file.relative_to(self.path).as_posix(): file.read_bytes()
            for file in (self.path / folder).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        }
