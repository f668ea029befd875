"""Generate the client, the allow-list and the files for agents from openapi.yaml: `make generate`.

Run at the root of the tree as `python -m tests.maintenance.generate`; with `--check` it only compares
what it would write with the present files. Everything is generated in a folder of its own, so that
what fails changes nothing.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from overlays.reference.contract import Contract
from tests.maintenance import allow_list
from tests.maintenance.validate import faults

CONTRACT = Path("openapi.yaml")
GENERATED = Path("generated")
PACKAGE = GENERATED / "sentry_members_api"
ALLOW_LIST = Path("overlays/gateway/operations.conf.template")
DOCUMENTS = GENERATED / "sentry_members_contract"
PREFIX = ".new-"


@contextmanager
def only_run() -> Iterator[None]:
    """Wait until no other run is left in this tree; then clean up after one that was killed."""
    folder = os.open(GENERATED, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        for left in GENERATED.glob(f"{PREFIX}*"):
            if not PACKAGE.exists() and (left / "old").exists():
                (left / "old").rename(PACKAGE)
            shutil.rmtree(left)
        yield
    finally:
        os.close(folder)


def check_tools() -> None:
    """Exit if a tool has another version than its pin: the generated files depend on it."""
    found = {"openapi-python-client": "none", "ruff": "none"}
    with suppress(PackageNotFoundError):
        found["openapi-python-client"] = version("openapi-python-client")
    with suppress(FileNotFoundError):
        ran = subprocess.run(["ruff", "--version"], capture_output=True, text=True, check=False)
        found["ruff"] = ran.stdout.split()[-1]
    lock = Path("requirements.lock").read_text("utf-8")
    for tool, present in found.items():
        [pinned] = re.findall(rf"^{tool}==(\S+)", lock, re.MULTILINE)
        if present != pinned:
            sys.exit(
                f"{tool} {pinned} is needed, found {present}: remove {sys.prefix}, and make sets "
                "it up again"
            )


def generate(folder: Path) -> None:
    """Write everything to a folder, or exit with the reason."""
    from overlays.reference import agents  # not before the generator, which it needs, is checked

    text = CONTRACT.read_bytes()
    if found := [f"{CONTRACT}: {fault}" for fault in faults(text)]:
        sys.exit("\n".join(found))
    allowed = allow_list.render(Contract(yaml.safe_load(text)))
    (folder / ALLOW_LIST.name).write_text(allowed, "utf-8")
    agents.main(CONTRACT, folder / DOCUMENTS.name)
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "uv"]
    command += ["--fail-on-warning", "--path", str(CONTRACT), "--overwrite"]
    command += ["--config", str(GENERATED / "generator.yaml"), "--output-path", str(folder)]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ran.returncode:
        sys.exit(ran.stdout)


def replace(folder: Path) -> None:
    """Put what was generated in place. Whenever this is killed, a whole package is left."""
    if PACKAGE.exists():
        PACKAGE.rename(folder / "old")
    (folder / PACKAGE.name).rename(PACKAGE)
    (folder / ALLOW_LIST.name).replace(ALLOW_LIST)
    DOCUMENTS.mkdir(exist_ok=True)
    for document in (folder / DOCUMENTS.name).iterdir():
        document.replace(DOCUMENTS / document.name)


def compare(folder: Path) -> None:
    """Exit with the names of the files that differ from what was generated."""
    differences = [
        subprocess.run(["diff", "-rq", "-x", "__pycache__", present, new], check=False).returncode
        for present, new in (
            (PACKAGE, folder / PACKAGE.name),
            (ALLOW_LIST, folder / ALLOW_LIST.name),
            (DOCUMENTS, folder / DOCUMENTS.name),
        )
    ]
    if any(differences):
        sys.exit(f"the generated files don't match {CONTRACT}: run make generate")


def main(*options: str) -> None:
    with only_run():
        check_tools()
        with TemporaryDirectory(prefix=PREFIX, dir=GENERATED) as name:
            folder = Path(name)
            generate(folder)
            (compare if options == ("--check",) else replace)(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
