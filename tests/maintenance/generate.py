"""Generate what openapi.yaml says for Python, the gateway and programs: `make generate`.

Run at the root of the tree as `python -m tests.maintenance.generate`; with `--check` it only compares
what it would write with the present files. Everything is generated in a folder of its own, so that
what fails changes nothing.
"""

import ast
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from overlays.reference.contract import Contract, load
from tests.maintenance import allow_list, overlay_needs
from tests.maintenance.validate import faults, limited

CONTRACT = Path("openapi.yaml")
GENERATED = Path("generated")
PACKAGE = GENERATED / "sentry_members_api"
DOCUMENTS = GENERATED / "sentry_members_contract"
ALLOW_LIST = Path("overlays/gateway/operations.conf.template")
PREFIX = ".new-"
# The parts of the generator's reports that say neither what is wrong nor where.
NOISE = re.compile(
    r"WARNING parsing | within [\w/]+[.](?: Endpoint will not be generated[.])?|Unable to \w+ schema |"
    r"Unable to parse this part of your OpenAPI document: |Failure to process (?s:.*)|"
    r" for status code <.*?>|, response will be omitted from generated client|"
    r" \[type=.*|For further information visit .*"
)


@contextmanager
def only_run() -> Iterator[None]:
    """Wait until no other run is left in this tree; then clean up after one that was killed."""
    folder = os.open(GENERATED, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        for left in GENERATED.glob(f"{PREFIX}*"):
            for present in (PACKAGE, DOCUMENTS):
                if not present.exists() and (left / f"old-{present.name}").exists():
                    (left / f"old-{present.name}").rename(present)
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
    """Write the package, the documents and the allow-list to a folder, or exit with the reason."""
    text = CONTRACT.read_bytes()
    if found := [f"{CONTRACT}: {fault}" for fault in faults(text)]:
        sys.exit("\n".join(found))
    try:
        with limited():
            _write(Contract(load(text)), folder)
    except Exception as error:  # noqa: BLE001 - who can say what a contract makes a generator do
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        sys.exit(f"{CONTRACT}: nothing can be generated from it ({reason[:300]})")


def _write(contract: Contract, folder: Path) -> None:
    # Imported here: the generator has to be looked for first.
    import openapi_python_client as generator
    from openapi_python_client.config import Config, ConfigFile

    from overlays.reference import agents

    (folder / ALLOW_LIST.name).write_text(allow_list.render(contract), "utf-8")
    agents.write(contract, folder / DOCUMENTS.name)
    # As it was validated, and without the time that the generator takes to read YAML.
    document = folder / "openapi.json"
    document.write_text(json.dumps(contract.document), "utf-8")
    settings = ConfigFile.load_from_path(GENERATED / "generator.yaml")
    config = Config.from_sources(
        settings, generator.MetaType.UV, document, "utf-8", overwrite=True, output_path=folder
    )
    with redirect_stdout(StringIO()):
        errors = generator.generate(config=config)
    if found := [_line(f"{error.header}\n{error.detail or ''}") for error in errors]:
        sys.exit("\n".join(found))
    modules = (folder / PACKAGE.name / "api").rglob("*.py")
    if found := [f"{CONTRACT}: {fault}" for module in modules for fault in badly_named(module)]:
        sys.exit("\n".join(found))
    for module in folder.rglob("*.py"):
        compile(module.read_bytes(), module.name, "exec")


def _line(report: str) -> str:
    """Return what a report of the generator says in a line."""
    parts = [part.strip(" :") for part in NOISE.sub("", report).splitlines()]
    return f"{CONTRACT}: {': '.join(filter(None, parts))[:300]}"


def badly_named(module: Path) -> Iterator[str]:
    """Yield a fault for each parameter whose name its function also uses for something else."""
    found: set[str] = set()
    for function in ast.walk(ast.parse(module.read_bytes())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [each.arg for each in (*function.args.args, *function.args.kwonlyargs)]
            found |= {*_used(function)} & {*names} | {n for n in names if names.count(n) > 1}
    for name in sorted(found):
        yield (
            f"{module.stem}: a parameter {name!r} breaks the generated function, which uses that "
            "name itself: remove the parameter"
        )


def _used(function: ast.AST) -> Iterator[str]:
    """Yield the names that a function calls, or assigns something to."""
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.For(target=ast.Name(id=name)):
                yield name


def replace(folder: Path) -> None:
    """Put what was generated in place. The next run mends what is left of one that is killed."""
    for present in (PACKAGE, DOCUMENTS):
        old = folder / f"old-{present.name}"
        try:
            if present.exists():
                present.rename(old)
            (folder / present.name).rename(present)
        finally:
            if old.exists() and not present.exists():
                old.rename(present)
    (folder / ALLOW_LIST.name).replace(ALLOW_LIST)


def compare(folder: Path) -> None:
    """Exit with the names of the files that differ from what was generated."""
    diff = ["diff", "-rq", "-x", "__pycache__"]
    differences = [
        subprocess.run([*diff, present, folder / present.name], check=False).returncode
        for present in (PACKAGE, DOCUMENTS, ALLOW_LIST)
    ]
    if any(differences):
        sys.exit(f"the generated files don't match {CONTRACT}: run make generate")


def warn() -> None:
    """Print what the overlays need now; the change of the contract may be intended."""
    sys.path[:0] = [str(GENERATED), "overlays"]
    for need in overlay_needs.all_needs():
        print(need, file=sys.stderr)


def main(*options: str) -> None:
    try:
        run(*options)
    except OSError as error:
        sys.exit(f"generate: {error}")


def run(*options: str) -> None:
    with only_run():
        check_tools()
        with TemporaryDirectory(prefix=PREFIX, dir=GENERATED) as name:
            folder = Path(name)
            generate(folder)
            (compare if options == ("--check",) else replace)(folder)
    if options != ("--check",):
        warn()


if __name__ == "__main__":
    main(*sys.argv[1:])
