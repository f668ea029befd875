"""`make reference` writes the whole page from the contract, or changes nothing."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from overlays.reference.agents import documents
from overlays.reference.contract import METHODS, Contract, load
from overlays.reference.render import render
from tests.support.contracts import EXAMPLE
from tests.support.repo_copy import ROOT, Tree

SITE = "overlays/reference/site"
SPEC = load((ROOT / "openapi.yaml").read_text("utf-8"))


@pytest.mark.slow
def test_writes_a_small_page_without_inline_code(tree: Tree) -> None:
    completed = tree.make("reference")
    assert (0, "") == (completed.returncode, completed.stdout + completed.stderr)
    files = tree.files(SITE)
    page = files[f"{SITE}/index.html"].decode()
    parts = {f"{SITE}/{name}" for name in ("index.html", "script.js", "style.css")}
    assert parts | {f"{SITE}/{name}" for name in ("llms.txt", "openapi.json")} == files.keys()
    assert 30_000 > sum(len(files[f"{SITE}/{name}"]) for name in ("script.js", "style.css"))
    # The page itself grows with the contract.
    assert 30_000 > len(render(Contract(load(EXAMPLE.read_text("utf-8")))))
    assert "script-src 'self'; style-src 'self'" in page
    assert "unsafe" not in page
    assert [] == re.findall(r"<style|<script(?! src=)|\sstyle=|\son[a-z]+=|javascript:", page)


def test_only_the_contract_names_operations_and_fields() -> None:
    # A name of one word, such as `message`, may be a word of the code.
    names = {name for name in _names() if re.search("[a-z0-9][A-Z_]", name)}
    names.discard("errorId")  # Sentry's, beside the fields that a response is about.
    assert {"addAMemberToAnOrganization", "member_id"} <= names
    for file in (ROOT / "overlays/reference").glob("*.*"):
        assert set() == names & set(re.findall(r"\w+", file.read_text("utf-8"))), file.name


def _names() -> Iterator[str]:
    """Yield the names of the operations, parameters, schemas and fields, and the enums' values."""
    for path in SPEC["paths"].values():
        for method in path.keys() & set(METHODS):
            name = path[method]["operationId"]
            yield from (name, re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", name))
    for parameter in SPEC["components"]["parameters"].values():
        yield parameter["name"]
    schemas: dict[str, Any] = SPEC["components"]["schemas"]
    for schema, described in schemas.items():
        for name in described.get("properties", {}):
            yield from (name, re.sub(r"[A-Z]", lambda capital: f"_{capital[0].lower()}", name))
        yield from (schema, *described.get("enum", ()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("written", "instead", "message"),
    [
        ("schemas/NewMember'", "schemas/Nobody'", "'#/components/schemas/Nobody' leads nowhere"),
        (
            "pattern: '^(?:me|[0-9]+)$'",
            "minLength: 1",
            "the parameter member_id: it must have a pattern",
        ),
        (
            "application/json:\n            schema:\n              $ref: '#/components/schemas/NewMember'",
            "text/csv: {schema: {type: string}}",
            "a request body must be application/json, not text/csv",
        ),
    ],
    ids=[
        "dangling reference",
        "no pattern",
        "no JSON",
    ],
)
def test_names_what_the_page_cannot_show_and_keeps_the_old_page(
    written: str, instead: str, message: str, tree: Tree
) -> None:
    (tree.path / SITE).mkdir()
    (tree.path / SITE / "index.html").write_text("The old page.")
    before = tree.files("overlays/reference")
    shutil.copy(EXAMPLE, tree.path / "openapi.yaml")
    tree.edit("openapi.yaml", written, instead)
    failed = tree.make("reference")
    assert 2 == failed.returncode
    lines = (failed.stdout + failed.stderr).splitlines()
    [line] = [line for line in lines if not line.startswith("make: ")]
    assert message in line
    assert before == tree.files("overlays/reference")


@pytest.mark.parametrize(
    "paths",
    [
        {},
        {
            "paths": {
                "/": {"get": {"operationId": "list", "responses": {"204": {"description": ""}}}}
            }
        },
    ],
    ids=["no operations", "an operation"],
)
def test_shows_a_contract_with_nothing_that_openapi_does_not_require(paths: Any) -> None:
    contract = Contract({"openapi": "3.1.0", "info": {"title": "A", "version": "1.0.0"}, **paths})
    assert "<h1>A</h1>" in render(contract)
    assert "# A" in documents(contract)["llms.txt"]


@pytest.mark.parametrize(
    ("written", "instead", "field", "reason"),
    [
        (
            "sendInvite:\n          type: boolean\n",
            "sendInvite:\n",
            "sendInvite",
            "it is not a text",
        ),
        (
            "'#/components/schemas/TeamRole'\n",
            "'#/components/schemas/TeamRoleAssignment'\n",
            "teamRoles",
            "TeamRoleAssignment contains itself",
        ),
        (
            "items:\n            $ref: '#/components/schemas/TeamRoleAssignment'\n",
            "items:\n            $ref: '#/components/schemas/NewMember/properties/teamRoles'\n",
            "teamRoles",
            "teamRoles contains itself",
        ),
        (
            "    TeamRole:\n      type: string\n",
            "    TeamRole:\n      anyOf: [$ref: '#/components/schemas/TeamRole', type: 'null']\n",
            "teamRoles",
            "TeamRole contains itself",
        ),
    ],
    ids=["no type", "an object in itself", "a list in itself", "an alternative of itself"],
)
def test_says_at_its_field_what_the_page_has_no_control_for(
    written: str, instead: str, field: str, reason: str
) -> None:
    """And shows the rest of the contract."""
    text = EXAMPLE.read_text("utf-8")
    assert written in text
    page = render(Contract(load(text.replace(written, instead, 1))))
    [shown] = re.findall(rf'data-name="{field}".*?</fieldset>', page, re.DOTALL)[:1]
    assert f"The page has no control for this: {reason}" in shown
    assert 'data-name="email"' in page
    assert 'data-name="team_id_or_slug"' in page
