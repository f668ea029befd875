"""The tree that these tests stand in, and copies of it to try the project's verbs on."""

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
MAKE = ["make", "--no-print-directory", f"VENV={VENV}", f"--assume-old={VENV}/.ready"]


def tracked_files() -> list[str]:
    """What git tracks, and what it would track once added."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).exists())


@dataclass
class Tree:
    path: Path

    @classmethod
    def copied(cls, path: Path) -> Self:
        """Copy what git tracks to there."""
        for name in tracked_files():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        return cls(path)

    def make(self, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a verb with the environment that these tests run in; `path` replaces PATH."""
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

    def edit(self, name: str, written: str, instead: str) -> None:
        file = self.path / name
        text = file.read_text("utf-8")
        assert written in text
        file.write_text(text.replace(written, instead, 1), "utf-8")

    def git(self, *arguments: str) -> None:
        """Run a command of git, as nobody in particular."""
        nobody = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
        environment = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        subprocess.run(["git", *nobody, *arguments], cwd=self.path, env=environment, check=True)

    def commit(self, message: str = "All of it") -> None:
        """Commit the present state, in a repository of its own."""
        self.git("init", "--quiet")
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")

    def release(self, version: str) -> None:
        """Commit the present state under a version, and tag it."""
        project = self.path / "pyproject.toml"
        text = project.read_text("utf-8")
        project.write_text(
            re.sub('^version = ".*"$', f'version = "{version}"', text, flags=re.MULTILINE)
        )
        self.commit(f"Release {version}")
        self.git("tag", f"v{version}")

    def files(self, folder: str) -> dict[str, bytes]:
        """The content of every file in the folder, by its path."""
        return {
            file.relative_to(self.path).as_posix(): file.read_bytes()
            for file in (self.path / folder).rglob("*")
            if file.is_file() and "__pycache__" not in file.parts
        }
