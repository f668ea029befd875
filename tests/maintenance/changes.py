"""List what changed since a release, and the version that this requires: `make changes`.

Run at the root of the tree, as `python -m tests.maintenance.changes [COMMIT]`. Without a commit it
compares with the last version tag, such as v1.2.3.
"""

import io
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import griffe
from packaging.version import Version

from overlays.reference.contract import load
from tests.maintenance import comparison
from tests.maintenance.archives import extract
from tests.maintenance.comparison import Change, Weight
from tests.maintenance.validate import faults

CONTRACT = "openapi.yaml"
# Its public interface is its commands: its modules are not for importers.
COMMAND_LINE = "sentry_members_cli"

HEADINGS = {
    Weight.BREAKING: "Breaking",
    Weight.ADDITION: "Added",
    Weight.REPAIR: "Other changes",
}

# griffe reports what breaks importers. If the new package is given as the old one, it reports what
# is new to them.
BROKEN = {
    griffe.BreakageKind.OBJECT_REMOVED: "was removed",
    griffe.BreakageKind.OBJECT_CHANGED_KIND: "is another type of object now",
    griffe.BreakageKind.PARAMETER_REMOVED: "was removed",
    griffe.BreakageKind.PARAMETER_ADDED_REQUIRED: "is new, and required",
    griffe.BreakageKind.PARAMETER_CHANGED_REQUIRED: "is required now",
    griffe.BreakageKind.PARAMETER_CHANGED_KIND: "is passed differently now",
    griffe.BreakageKind.PARAMETER_MOVED: "has another position now: add new ones at the end",
}
ADDED = {
    griffe.BreakageKind.OBJECT_REMOVED: "is new",
    griffe.BreakageKind.PARAMETER_REMOVED: "is new, and optional",
    griffe.BreakageKind.PARAMETER_CHANGED_REQUIRED: "is optional now",
}


def main(base: str = "") -> None:
    base = base or last_release()
    if not base:
        print(
            "nothing is released yet, so there is nothing to compare with: name a commit, as in "
            "make changes BASE=HEAD~1"
        )
        return
    with TemporaryDirectory() as folder:
        unpack(base, Path(folder))
        if reason := compare(Path(folder), base):
            sys.exit(reason)


def compare(before: Path, base: str) -> str:
    """Print what changed from a released tree to the present one.

    Args:
        before: The folder of the released tree.
        base: The name of the release, for people.

    Returns:
        Which version is needed, if the present one is too low; empty if it is high enough.
    """
    if reason := _unreadable(before):
        return f"{base} {reason}"
    now = Path()
    # A change is found twice where one package imports the changed name from another.
    found = sorted({*_changes(before, now)}, key=lambda change: (-change.weight, *change[1:]))
    if not found:
        print(f"{CONTRACT} and the public packages have not changed since {base}", flush=True)
        return ""
    for weight, group in groupby(found, key=lambda change: change.weight):
        print(f"{HEADINGS[weight]} since {base}:")
        for _, place, what in group:
            print(f"  {place}: {what}")
    needed, present = _next(version(before), found[0].weight), version(now)
    if present < needed:
        return f"the next version is {needed}: raise the {present} in {CONTRACT}"
    print(f"the next version is {needed} or higher: {present} in {CONTRACT} is enough", flush=True)
    return ""


def _git(*arguments: str, stderr: int | None = None) -> bytes | None:
    """Return what a git command prints; None if it fails."""
    ran = subprocess.run(["git", *arguments], stdout=subprocess.PIPE, stderr=stderr, check=False)
    return None if ran.returncode else ran.stdout


def last_release(excluded: str = "") -> str:
    """Return the last version tag among the ancestors of HEAD; empty if there is none."""
    describe = ["describe", "--tags", "--abbrev=0", "--match=v[0-9]*", f"--exclude={excluded}"]
    if tag := _git(*describe, stderr=subprocess.DEVNULL):
        return tag.decode().strip()
    if _git("rev-parse", "HEAD") is None:
        sys.exit("there is no history to compare with: no commit can be read (see above)")
    if _git("rev-parse", "--is-shallow-repository") == b"true\n":
        sys.exit("this shallow clone has no version tag: run git fetch --unshallow --tags")
    return ""


def unpack(base: str, folder: Path) -> None:
    """Write the tree of a commit to a folder."""
    archive = _git("archive", "--format=tar", "--end-of-options", base)
    if archive is None:
        sys.exit(f"BASE={base} is not a commit of this repository")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        extract(tar, folder)


def _unreadable(tree: Path) -> str:
    """Return why a tree can't be compared with; empty if it can be."""
    for name in ("pyproject.toml", CONTRACT):
        if not (tree / name).exists():
            return f"has no {name}: name another commit, as in make changes BASE=HEAD~1"
    if fault := next(faults((tree / CONTRACT).read_bytes()), None):
        return (
            f"has a broken {CONTRACT} ({fault}): name another commit, as in "
            "make changes BASE=HEAD~1"
        )
    return ""


def _contract(tree: Path) -> Any:
    return load((tree / CONTRACT).read_bytes())


def version(tree: Path) -> Version:
    """Return the version of a tree, which its contract has."""
    return Version(_contract(tree)["info"]["version"])


def _packages(tree: Path) -> dict[str, Path]:
    """Return the folders of the public packages of the wheel, by name."""
    project = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    folders = [tree / path for path in wheel["packages"]]
    # One without modules is the contract in another form, whose changes are listed as the contract's.
    return {
        folder.name: folder
        for folder in folders
        if folder.name != COMMAND_LINE and any(folder.glob("*.py"))
    }


def _next(released: Version, weight: Weight) -> Version:
    """Return the lowest version that may follow a release.

    Below 1.0 a breaking change raises the second number, and any other the third.
    """
    step = weight if released.major else weight - 1
    if step >= Weight.BREAKING:
        return Version(f"{released.major + 1}.0.0")
    if step >= Weight.ADDITION:
        return Version(f"{released.major}.{released.minor + 1}.0")
    return Version(f"{released.major}.{released.minor}.{released.micro + 1}")


def _changes(before: Path, now: Path) -> Iterator[Change]:
    """Yield what changed from one tree to another: in the contract, then in each package."""
    old, new = _contract(before), _contract(now)
    for document in (old, new):
        del document["info"]["version"]
    if old != new:
        yield from _at_least(CONTRACT, comparison.changes(old, new))
    old_packages, new_packages = _packages(before), _packages(now)
    yield from (
        Change(Weight.BREAKING, name, "was removed") for name in old_packages.keys() - new_packages
    )
    yield from (
        Change(Weight.ADDITION, name, "is new") for name in new_packages.keys() - old_packages
    )
    both = old_packages.keys() & new_packages.keys()
    differ = {name for name in both if _files(old_packages[name]) != _files(new_packages[name])}
    if differ:
        old_sources, new_sources = _sources(old_packages), _sources(new_packages)
        for name in both:
            found = _imported(old_sources[name], new_sources[name])
            yield from _at_least(name, found) if name in differ else found


def _at_least(place: str, found: Iterator[Change]) -> Iterator[Change]:
    """Yield the changes found; if there is none, one that says that the place changed at all."""
    yield next(found, Change(Weight.REPAIR, place, "changed internally"))
    yield from found


def _files(package: Path) -> dict[Path, bytes]:
    files = (file for file in package.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return {file.relative_to(package): file.read_bytes() for file in files}


def _imported(old: griffe.Module, new: griffe.Module) -> Iterator[Change]:
    """Yield what importers can no longer import or call as before, and what is new to them."""
    broken = {*_breakages(old, new, BROKEN)}
    # griffe compares only how many bases a class has, but an except clause depends on which.
    bases = dict(_bases(new))
    for place, before in _bases(old):
        broken |= {
            (place, f"no longer inherits from {base}") for base in before - bases.get(place, before)
        }
    yield from (Change(Weight.BREAKING, *finding) for finding in broken)
    for place, what in _breakages(new, old, ADDED):
        if place not in dict(broken):
            yield Change(Weight.ADDITION, place, what)


def _breakages(
    old: griffe.Module, new: griffe.Module, texts: dict[griffe.BreakageKind, str]
) -> Iterator[tuple[str, str]]:
    """Yield the place of each breakage that has a text, and the text."""
    for breakage in griffe.find_breaking_changes(old, new):
        if breakage.kind in texts:
            place = breakage.obj.path.removesuffix(".__init__")
            parameter = breakage.old_value or breakage.new_value
            if isinstance(parameter, griffe.Parameter):
                place += f"({parameter.name})"
            yield place, texts[breakage.kind]


def _bases(scope: Any) -> Iterator[tuple[str, set[str]]]:
    """Yield the path of each public class, with the names of all its public base classes."""
    for name, member in scope.members.items():
        if member.is_alias or name.startswith("_"):
            continue
        if member.is_class:
            bases = (str(base) for each in (member, *member.mro()) for base in each.bases)
            names = {base.partition("[")[0].rpartition(".")[2] for base in bases}
            yield member.path, {name for name in names if not name.startswith("_")}
        if member.is_class or member.is_module:
            yield from _bases(member)


def _sources(packages: dict[str, Path]) -> dict[str, Any]:
    """Read each package from its source, without importing it."""
    loader = griffe.GriffeLoader(
        search_paths=[folder.parent for folder in packages.values()],
        extensions=griffe.load_extensions(_Constructors),
        allow_inspection=False,
    )
    return {name: loader.load(name, try_relative_path=False) for name in packages}


class _Constructors(griffe.Extension):
    """Adds the constructors that attrs generates, which griffe can't see."""

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        if any(_path(decorator.value) == "attrs.define" for decorator in cls.decorators):
            fields = [field for member in cls.members.values() for field in _fields(member)]
            fields.sort(key=lambda field: field.kind is griffe.ParameterKind.keyword_only)
            parameters = griffe.Parameters(*fields)
            cls.set_member("__init__", griffe.Function("__init__", parameters=parameters))


def _fields(member: Any) -> Iterator[griffe.Parameter]:
    """Yield the parameter of the constructor that a field of an attrs class becomes."""
    if member.is_alias or "instance-attribute" not in member.labels:
        return
    options = {"default": ""} if member.value else {}
    if _path(member.value) == "attrs.field":
        options = {option.name: str(option.value) for option in member.value.arguments}
    if options.get("init") == "False":
        return
    yield griffe.Parameter(
        options.get("alias", member.name).strip("'").lstrip("_"),
        kind=(
            griffe.ParameterKind.keyword_only
            if options.get("kw_only") == "True"
            else griffe.ParameterKind.positional_or_keyword
        ),
        default="" if options.keys() & {"default", "factory"} else None,
    )


def _path(value: object) -> str:
    return value.canonical_path if isinstance(value, griffe.Expr) else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
