"""Overlays import only what they may, and their modules don't import one another in a circle."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.readme import Readme
from tests.support.repo_copy import ROOT

OVERLAYS = ROOT / "overlays"
CLIENT = frozenset({"sentry_members", "sentry_members_api"})
# The packages of the project that each overlay may import; CONTRIBUTING.md has the same table.
MAY_IMPORT = {
    "sentry_members": frozenset({"sentry_members_api"}),
    "sentry_members_onboarding": CLIENT,
    "sentry_members_testing": CLIENT,
    "sentry_members_cli": CLIENT | {"sentry_members_onboarding", "sentry_members_testing"},
    "pytest_sentry_members": frozenset({"sentry_members_testing"}),
    "reference": frozenset({"sentry_members"}),
    "gateway": frozenset[str](),
}
PROJECT = {*MAY_IMPORT, "sentry_members_api", "overlays", "tests"}


class Import(NamedTuple):
    """A name that a module imports.

    Attributes:
        file: The file of the module.
        line: The line of the import.
        name: The absolute name, such as `sentry_members.errors.ApiError`.
        is_late: Whether the import is in a function.
        is_for_types: Whether the import is under `if TYPE_CHECKING`.
    """

    file: Path
    line: int
    name: str
    is_late: bool
    is_for_types: bool

    @property
    def place(self) -> str:
        return f"{self.file.parent.name}/{self.file.name}:{self.line}"

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]


def imports(package: Path) -> Iterator[Import]:
    """Yield the imports of a package's modules, at the top and in functions."""
    for file in sorted(package.rglob("*.py")):
        relative = file.relative_to(package.parent).parent.parts
        for node, is_late, is_for_types in _import_nodes(ast.parse(file.read_bytes(), file)):
            base: tuple[str, ...] = ()
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    base = relative[: len(relative) + 1 - node.level]
                base += tuple(filter(None, (node.module,)))
            for alias in node.names:
                name = ".".join((*base, alias.name))
                yield Import(file, node.lineno, name, is_late, is_for_types)


def _import_nodes(
    node: ast.AST, is_late: bool = False, is_for_types: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node, is_late, is_for_types
    is_late = is_late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    typing = (
        node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) else ()
    )
    for child in ast.iter_child_nodes(node):
        yield from _import_nodes(child, is_late, is_for_types or child in typing)


def wrong_directions(package: Path, allowed: frozenset[str]) -> Iterator[str]:
    """Yield a line for each import of a package of the project that is not allowed."""
    for each in imports(package):
        if each.package in PROJECT - {package.name} - allowed:
            only = ", ".join(sorted(allowed)) or "nothing"
            yield (
                f"{each.place} imports {each.package}: of the project, {package.name} may import "
                f"only {only}"
            )


def circles(package: Path) -> Iterator[str]:
    """Yield a line if the modules of a package import one another in a circle.

    Imports in functions count, imports for types don't.
    """
    files = {
        ".".join(file.relative_to(package.parent).with_suffix("").parts): file
        for file in package.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): file for name, file in files.items()}
    graph: dict[str, set[str]] = {name: set() for name in modules}
    names = {file: name for name, file in modules.items()}
    for each in imports(package):
        for imported in (each.name, each.name.rpartition(".")[0]):
            if imported in modules and not each.is_for_types:
                graph[names[each.file]].add(imported)
                break
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        yield f"circular import: {' -> '.join(reversed(circle))}"


def test_every_overlay_is_in_the_table() -> None:
    folders = {file.relative_to(OVERLAYS).parts[0] for file in OVERLAYS.rglob("*.py")}
    assert folders == MAY_IMPORT.keys()


def test_the_contributing_guide_has_the_same_table() -> None:
    table = Readme(ROOT / "CONTRIBUTING.md").table("overlay")
    assert {
        name.strip("`"): set(re.findall(r"`(\w+)`", allowed)) for name, allowed in table.items()
    } == MAY_IMPORT


@pytest.mark.parametrize(("name", "allowed"), MAY_IMPORT.items(), ids=MAY_IMPORT)
def test_overlay_imports_only_what_it_may(name: str, allowed: frozenset[str]) -> None:
    found = list(wrong_directions(OVERLAYS / name, allowed))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_overlay_has_no_circular_import(name: str) -> None:
    found = list(circles(OVERLAYS / name))
    assert not found, "\n".join(found)


def test_pytest_plugin_imports_the_project_only_in_its_fixture() -> None:
    found = [
        f"{each.place} imports {each.name} at the top: move this into the fixture"
        for each in imports(OVERLAYS / "pytest_sentry_members")
        if each.package in PROJECT and not (each.is_late or each.is_for_types)
    ]
    assert not found, "\n".join(found)


def write_package(folder: Path, **modules: str) -> Path:
    """Write a package named sentry_members, with these modules."""
    package = folder / "sentry_members"
    package.mkdir()
    for name, text in modules.items():
        (package / f"{name}.py").write_text(text)
    return package


@pytest.mark.parametrize(
    "text",
    [
        "import sentry_members_testing",
        "from sentry_members_testing.fake import FakeSentry",
        "def late():\n    from sentry_members_testing import FakeSentry",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sentry_members_testing.fake",
        "try:\n    import sentry_members_testing as fake\nexcept ImportError:\n    fake = None",
    ],
)
def test_reports_an_import_that_is_not_allowed(text: str, tmp_path: Path) -> None:
    package = write_package(tmp_path, client=f"import sentry_members_api\nimport httpx\n{text}\n")
    [line] = wrong_directions(package, MAY_IMPORT["sentry_members"])
    assert line.startswith("sentry_members/client.py:")
    assert line.endswith(
        " imports sentry_members_testing: of the project, sentry_members may import only "
        "sentry_members_api"
    )


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ({"a": "from .b import x", "b": "from . import a"}, {".a", ".b"}),
        ({"a": "from . import b", "b": "def late():\n    import sentry_members.a"}, {".a", ".b"}),
        (
            {
                "a": "from sentry_members import b, d",
                "b": "from .c import x",
                "c": "from .a import y",
                "d": "",
            },
            {".a", ".b", ".c"},
        ),
        ({"__init__": "from .a import x", "a": "from . import x"}, {"", ".a"}),
        (
            {
                "a": "from .b import x",
                "b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import y",
            },
            set(),
        ),
        ({"__init__": "from .a import x", "a": "from .b import y\nimport a", "b": ""}, set()),
    ],
    ids=["two", "late", "three", "the package", "for types", "none"],
)
def test_reports_a_circular_import(
    modules: dict[str, str], expected: set[str], tmp_path: Path
) -> None:
    found = list(circles(write_package(tmp_path, **modules)))
    assert len(found) == bool(expected)
    for line in found:
        names = line.removeprefix("circular import: ").split(" -> ")
        assert {f"sentry_members{name}" for name in expected} == {*names}
