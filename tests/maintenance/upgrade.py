"""Raise every pin, show what that changes in the generated files, and run every test: `make upgrade`.

The Makefile passes its commands in variables: LOCK writes requirements.lock, NPM runs npm for the
linter, and RUN_MAKE runs make again.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT, LOCK = Path("pyproject.toml"), Path("requirements.lock")
PIN = re.compile(r'"([\w-]+)==[^"]+"')
NPM_OPTIONS = "--save-exact --package-lock-only --omit-lockfile-registry-resolved"
STEPS = (
    f"$NPM install {NPM_OPTIONS} @redocly/cli@latest >/dev/null",
    "$RUN_MAKE generate",
    "git add --all && git --no-pager diff --cached --stat",
    "git --no-pager diff --cached generated overlays/gateway",
    "$RUN_MAKE test",
)
FAILED = """\
upgrade: the checks fail with the newest versions (see above).
To undo: git reset --hard.
To hold a package back, write "name<version" into pyproject.toml and run make lock."""


def versions(lock: str) -> dict[str, str]:
    """Return the version of each package that a lock pins."""
    return dict(re.findall(r"^([\w-]+)==(\S+)", lock, re.MULTILINE))


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return a line for each package whose version differs."""
    return [
        f"{name}: {before.get(name, 'new')} → {after.get(name, 'removed')}"
        for name in sorted(before | after)
        if before.get(name) != after.get(name)
    ]


def summarize() -> None:
    """Print what the upgrade did, and the next step."""
    released = _git("show", f"HEAD:{LOCK}")
    risen = differences(versions(released), versions(LOCK.read_text("utf-8")))
    generated = _git("diff", "--cached", "--shortstat", "generated", "overlays/gateway").strip()
    print("upgrade: every test passes with the newest versions")
    print("\n".join(risen) or "no package rose")
    print(f"the generated files: {generated or 'unchanged'}")
    if _git("diff", "--cached", "--name-only"):
        print('next: read what is staged (git diff --cached), and git commit -m "Raise the pins"')


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout


def raise_pins() -> None:
    """Write the newest versions to pyproject.toml and requirements.lock, and list them."""
    project, lock = PROJECT.read_text("utf-8"), LOCK.read_text("utf-8")
    with TemporaryDirectory() as folder:
        # Nothing is pinned there, and so the newest versions are found.
        (folder / PROJECT).write_text(PIN.sub(r'"\1"', project), "utf-8")
        if subprocess.run(os.environ["LOCK"], shell=True, cwd=folder, check=False).returncode:
            sys.exit(
                "upgrade: the newest versions can't be resolved (see above); nothing was changed"
            )
        newest = (folder / LOCK).read_text("utf-8")
    before, after = versions(lock), versions(newest)
    if before == after:
        print("upgrade: requirements.lock already has the newest versions", flush=True)
    for line in differences(before, after):
        print(line, flush=True)
    PROJECT.write_text(PIN.sub(lambda pin: f'"{pin[1]}=={after[pin[1]]}"', project), "utf-8")
    LOCK.write_text(newest, "utf-8")


if __name__ == "__main__":
    raise_pins()
    for step in STEPS:
        # The commands in the variables have arguments in quotes.
        command = os.path.expandvars(step)
        if subprocess.run(command, shell=True, check=False).returncode:
            sys.exit(FAILED)
    summarize()
