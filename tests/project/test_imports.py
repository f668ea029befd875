"""Imports between the overlays run down only, from floor to floor, and never in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.repo_copy import ROOT

OVERLAYS = ROOT / "overlays"
CLIENT = frozenset({"sentry_members", "sentry_members_api"})
# What each overlay may import of the project.
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
        name: The absolute name, with that of what is imported from it.
        is_late: Whether it stands in a function.
        is_for_types: Whether it stands under `if TYPE_CHECKING`.
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
    """Yield what the modules of a package import, wherever in the module."""
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
    """Yield a line for each import of another package of the project that is not allowed."""
    for each in imports(package):
        if each.package in PROJECT - {package.name} - allowed:
            only = ", ".join(sorted(allowed)) or "nothing"
            yield (
                f"{each.place} imports {each.package}: of the project, {package.name} may import "
                f"only {only}"
            )


def circles(package: Path) -> Iterator[str]:
    """Yield a line for a circle of imports within a package, if there is one.

    An import in a function closes a circle, too. One that is for types alone doesn't.
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
        yield f"a circle of imports: {' -> '.join(reversed(circle))}"


def test_every_overlay_has_its_floor() -> None:
    folders = {file.relative_to(OVERLAYS).parts[0] for file in OVERLAYS.rglob("*.py")}
    assert folders == MAY_IMPORT.keys()


@pytest.mark.parametrize(("name", "allowed"), MAY_IMPORT.items(), ids=MAY_IMPORT)
def test_imports_run_down_only(name: str, allowed: frozenset[str]) -> None:
    found = list(wrong_directions(OVERLAYS / name, allowed))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_no_module_imports_itself_by_way_of_others(name: str) -> None:
    found = list(circles(OVERLAYS / name))
    assert not found, "\n".join(found)


def test_the_pytest_plugin_imports_nothing_of_the_project_before_the_fixture_is_used() -> None:
    found = [
        f"{each.place} imports {each.name} at once: move it into the fixture"
        for each in imports(OVERLAYS / "pytest_sentry_members")
        if each.package in PROJECT and not (each.is_late or each.is_for_types)
    ]
    assert not found, "\n".join(found)


def written(folder: Path, **modules: str) -> Path:
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
def test_reports_an_import_of_a_higher_floor(text: str, tmp_path: Path) -> None:
    package = written(tmp_path, client=f"import sentry_members_api\nimport httpx\n{text}\n")
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
def test_reports_a_circle(modules: dict[str, str], expected: set[str], tmp_path: Path) -> None:
    found = list(circles(written(tmp_path, **modules)))
    assert len(found) == bool(expected)
    for line in found:
        names = line.removeprefix("a circle of imports: ").split(" -> ")
        assert {f"sentry_members{name}" for name in expected} == {*names}
