"""Raise the exact pins of pyproject.toml and all of requirements.lock: `make upgrade`.

Run as `python -m tests.maintenance.upgrade COMMAND…`. The command, which writes requirements.lock,
is run in a folder whose pyproject.toml pins no version exactly.
"""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT, LOCK = Path("pyproject.toml"), Path("requirements.lock")
PIN = re.compile(r'"([\w-]+)==[^"]+"')


def versions(lock: str) -> dict[str, str]:
    """Return the version of each package that a lock pins."""
    return dict(re.findall(r"^([\w-]+)==(\S+)", lock, re.MULTILINE))


def main(compile_lock: list[str]) -> None:
    project, lock = PROJECT.read_text("utf-8"), LOCK.read_text("utf-8")
    with TemporaryDirectory() as folder:
        (folder / PROJECT).write_text(PIN.sub(r'"\1"', project), "utf-8")
        if subprocess.run(compile_lock, cwd=folder, check=False).returncode:
            sys.exit(
                "upgrade: the newest versions can't be resolved (see above); nothing was changed"
            )
        newest = (folder / LOCK).read_text("utf-8")
    before, after = versions(lock), versions(newest)
    if before == after:
        print("upgrade: requirements.lock already has the newest versions", flush=True)
    for name in sorted(before | after):
        if before.get(name) != after.get(name):
            print(f"{name}: {before.get(name, 'new')} → {after.get(name, 'removed')}", flush=True)
    PROJECT.write_text(PIN.sub(lambda pin: f'"{pin[1]}=={after[pin[1]]}"', project), "utf-8")
    LOCK.write_text(newest, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
