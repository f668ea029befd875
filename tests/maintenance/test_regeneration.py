"""A change of the contract needs no other change, or what the verbs report.

Each change is made in a released copy of the tree, with a maintainer's steps: `make generate`,
`make changes`, the type checkers, the page, the tests. Changes that break nobody share one run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sentry_members_testing.invite_form import CHECKS
from sentry_members_testing.permissions import ROLE_SCOPES

from tests.maintenance import changes
from tests.support.contracts import Edit
from tests.support.new_member import BESIDES_EMAIL
from tests.support.readme import Readme
from tests.support.repo_copy import ROOT, Tree

RELEASED = "0.3.1"
PATCH = f"the next version is 0.3.2: raise the {RELEASED} in openapi.yaml"
MINOR = f"the next version is 0.4.0: raise the {RELEASED} in openapi.yaml"
FAKE = "overlays/sentry_members_testing"
LINTER = "tests/contract/node_modules/.package-lock.json"

TEXT = {"type": "string", "maxLength": 500}
# Fields of each sort, some named as words of the code.
FIELDS: dict[str, Any] = {
    **dict.fromkeys(("message", "status", "detail", "fields", "name"), TEXT),
    "amount": {"type": "integer", "minimum": 1},
    "validUntil": {"type": "string", "format": "date-time"},
    "backupRole": {"anyOf": [{"$ref": "#/components/schemas/OrganizationRole"}, {"type": "null"}]},
    "roles": {"type": "array", "items": {"$ref": "#/components/schemas/OrganizationRole"}},
    "mainTeam": {"$ref": "#/components/schemas/TeamRoleAssignment"},
}
GREETING = {"type": "string", "description": "What the invite begins with."}
REPORTED = {
    "  response Member > greeting: is new",
    "  request NewMember > orgRole: the value auditor is new",
    "  response Team: has another description",
}
RIGHTS = (
    f"{FAKE}/permissions.py: the rights of the role auditor are not known, and the fake gives it "
    "those of a member: add a row to ROLE_SCOPES"
)

# A program that uses all of these changes, against the fake.
USAGE = """
from datetime import UTC, datetime
from sentry_members import ApiError, NewMember, SentryMembers, Team
from sentry_members_testing import FakeSentry

fake = FakeSentry.example()
token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
sentry = SentryMembers(token=token, transport=fake.transport())
assert "What the amount is." in (NewMember.__doc__ or "")
assert "Another description." in (Team.__doc__ or "")
invite = NewMember(
    email="ada@example.com", org_role="auditor", message="Hello", amount=3,
    valid_until=datetime(2026, 1, 31, tzinfo=UTC), backup_role=None, roles=["auditor"],
)
member = sentry.add_a_member_to_an_organization("acme", invite)
greeting: object = member.greeting
assert "auditor" == member.org_role
sent = fake.requests[-1].body
assert sent["validUntil"] == "2026-01-31T00:00:00+00:00" and sent["roles"] == ["auditor"]
invite.message = ["Hello"]  # type: ignore[assignment]
try:
    sentry.add_a_member_to_an_organization("acme", invite)
except ApiError as error:
    print(error)
"""
MISUSE = USAGE.replace("amount=3", 'amount="3"')

# The fastest tests that cover every field and every value.
TESTS = (
    "tests/contract/test_overlay.py",
    "tests/client/test_models.py",
    "tests/client/test_client.py",
    "tests/onboarding/test_people.py",
    "tests/testing/test_contract.py",
    "tests/reference/test_make.py::test_only_the_contract_names_operations_and_fields",
)

# The tests that concern every operation, of each part that has some.
TESTS_OF_OPERATIONS = (
    "tests/contract/test_overlay.py",
    "tests/contract/test_openapi.py::test_every_object_has_a_name_and_an_example",
    "tests/client/test_scopes.py",
    "tests/testing/test_scopes.py",
    "tests/cli/test_cli.py::test_prints_the_scopes",
    "tests/cli/test_mcp.py::test_the_tools_are_the_operations_as_the_contract_describes_them",
    "tests/cli/test_mcp.py::test_rejects_an_unknown_tool",
    "tests/reference/test_agents.py::test_the_contract_is_valid_resolved_and_that_of_the_gateway",
    "tests/reference/test_agents.py::test_fastmcp_calls_both_operations",
    "tests/reference/test_make.py::test_only_the_contract_names_operations_and_fields",
    "tests/gateway/test_rules.py::test_forwards_the_paths_that_match_the_contracts_patterns",
    "tests/gateway/test_rules.py::test_allows_the_methods_of_the_contract_and_rejects_others_with_405",
    "tests/maintenance/test_upstream.py::test_rejects_a_source_that_is_not_a_schema",
    "tests/project/test_budget.py::test_overlay_fits_its_number",
)

# It has no summary and no description, which OpenAPI doesn't require.
LISTING: dict[str, Any] = {
    "operationId": "listAnOrganizationsGuests",
    "tags": ["Organizations"],
    "security": [{"auth_token": ["member:read"]}],
    "parameters": [
        {
            "name": "cursor",
            "in": "query",
            "description": "Where the page begins.",
            "schema": {"type": "string", "pattern": r"^-?\d+:\d+:[01]$"},
            "example": "0:100:0",
        },
        {
            "name": "query",
            "in": "query",
            "description": "Only guests that match.",
            "schema": {"type": "string"},
        },
    ],
    "responses": {
        "200": {
            "description": "The guests.",
            "headers": {"Link": {"schema": {"type": "string"}, "description": "More pages."}},
            "content": {
                "application/json": {
                    "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Member"}}
                }
            },
        },
        "403": {"$ref": "#/components/responses/Forbidden"},
    },
}
LIST = "list_an_organizations_guests"
NEEDS = [
    f"overlays/sentry_members/client.py: SentryMembers has no method {LIST}",
    f"overlays/sentry_members/client.py: AsyncSentryMembers has no method {LIST}",
    (
        f"overlays/sentry_members/scopes.py: the scopes of {LIST} are missing: add a row to "
        "_TABLE, and the name to Operation"
    ),
    f"{FAKE}/operations.py: the fake has no handler of {LIST}: add a row to ENDPOINTS",
]
METHOD = f'''\
    def {LIST}(
        self, organization_id_or_slug: str, **query: str
    ) -> list[Member]:
        """List the guests of an organization."""
        request = self._request(
            list_guests, organization_id_or_slug=organization_id_or_slug, **query
        )
        guests: list[Member] = self._transport.handle_request(request).extensions[PARSED]
        return guests

'''
ASYNC_METHOD = METHOD.replace("    def", "    async def", 1).replace(
    "self._transport.handle_request(request).extensions",
    "(await self._transport.handle_async_request(request)).extensions",
)
# What is written by hand for it: a text of a file, and what is written before the text.
PIECES = {
    "overlays/sentry_members/client.py": {
        "from sentry_members_api.models import Member": (
            f"from sentry_members_api.api.organizations import {LIST} as list_guests\n"
        ),
        "    def close": METHOD,
        "    async def aclose": ASYNC_METHOD,
    },
    "overlays/sentry_members/scopes.py": {
        '"add_a_member_to_an_organization"': f'"{LIST}", ',
        "_TOKEN_NAMES": f"""\
_GUESTS = (frozenset({{"member:read"}}),)
_TABLE["{LIST}"] = {{
    "internal integration": _Row(on=_GUESTS, off=_GUESTS),
    "user": _Row(on=_GUESTS, off=_GUESTS),
}}

""",
    },
    f"{FAKE}/operations.py": {
        "class Endpoint": """\
def _list_guests(state: State, limits: Limits, access: Access, request: Request) -> Response:
    guests = access.organization.members.values()
    response = json_response(200, [_invite_body(state, guest) for guest in guests])
    response.headers["Link"] = f'<https://sentry.io{request.path}?cursor=0:100:0>; rel="next"'
    return response


""",
    },
}
ENDPOINT = f"""

ENDPOINTS["{LIST}"] = Endpoint(
    "GET",
    re.compile(r"/api/0/organizations/([^/]+)/guests/"),
    "GET, HEAD, OPTIONS",
    frozenset({{"member:read", "member:write", "member:admin"}}),
    _list_guests,
)
"""
LISTS = f"""
from sentry_members import SentryMembers
from sentry_members_api.api.organizations import {LIST} as operation
from sentry_members_testing import FakeSentry

fake = FakeSentry.example()
token = fake.issue_token("acme", owner="owner", scopes=["member:read"])
sentry = SentryMembers(token=token, transport=fake.transport())
response = operation.sync_detailed("acme", client=sentry.generated, cursor="0:100:0", query="a b")
print(fake.requests[-1].path, response.headers["Link"])
"""
CALLS = f"""
import anyio
from mcp.types import CallToolResult
from sentry_members import AsyncSentryMembers
from sentry_members_cli.mcp import call, tools
{LISTS}
assert ["owner", "manager"] == [each.name for each in sentry.{LIST}("acme", query="a")][:2]

async def ask() -> CallToolResult:
    async with AsyncSentryMembers(token=token, transport=fake.async_transport()) as sentry:
        [tool] = [tool for tool in tools("acme") if tool.name == "{LIST}"]
        return await call(sentry, tool, {{"query": "a"}})

print(anyio.run(ask).content[0])
"""


@cache
def needed_anyway() -> list[str]:
    """Return what the overlays of this tree need before any change."""
    packages = os.pathsep.join(str(ROOT / name) for name in ("generated", "overlays"))
    command = [sys.executable, "-m", "tests.maintenance.overlay_needs"]
    environment = {**os.environ, "PYTHONPATH": packages}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    ).stderr.splitlines()


@pytest.fixture
def released(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree.release(RELEASED)
    # mypy then checks again only what a change concerns.
    if (cache := ROOT / ".mypy_cache").exists():
        shutil.copytree(cache, tree.path / cache.name)
    packages = (str(tree.path / name) for name in ("generated", "overlays"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(packages))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(tree.path)
    return tree


def generate(tree: Tree) -> list[str]:
    """Run `make generate` on a valid contract, and return its new warnings."""
    generated = tree.make("generate")
    assert (0, "") == (generated.returncode, generated.stdout), generated.stderr
    return [line for line in generated.stderr.splitlines() if line not in needed_anyway()]


def report_changes(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the output of `make changes`, without its check of the generated files."""
    with pytest.raises(SystemExit) as exit_:
        changes.main()
    return f"{capsys.readouterr().out}{exit_.value}\n"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=300
    )


def errors(*checker: str) -> list[str]:
    """Return the errors that a type checker reports."""
    return [line for line in run("-m", *checker).stdout.splitlines() if "error: " in line]


def assert_passes(*tests: str) -> None:
    tested = run("-m", "pytest", "--quiet", "-p", "no:cacheprovider", *tests)
    failed = re.findall("^(?:FAILED|ERROR) .*", tested.stdout, re.MULTILINE)
    assert (0, []) == (tested.returncode, failed), tested.stderr


@pytest.mark.slow
def test_changes_that_break_nobody_need_no_handwritten_line(
    released: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    with Edit(released) as edit:
        fields = edit.schemas["NewMember"]["properties"]
        added = FIELDS.keys() - fields.keys()
        for name in added:
            fields[name] = {**FIELDS[name], "description": f"What the {name} is."}
        edit.schemas["Member"]["properties"]["greeting"] = GREETING
        role = edit.schemas["OrganizationRole"]
        role["enum"].insert(2, "auditor")
        edit.schemas["Team"]["description"] = "Another description."
    assert [RIGHTS] == generate(released)
    assert 0 == released.make("check").returncode
    lines = report_changes(capsys).splitlines()
    assert REPORTED <= {*lines}
    assert {f"  request NewMember > {name}: is new, and optional" for name in added} <= {*lines}
    assert f"Breaking since v{RELEASED}:" not in lines
    assert PATCH == lines[-1]
    assert 0 == released.make("reference").returncode
    page = Path("overlays/reference/site/index.html").read_text("utf-8")
    assert all(f'data-name="{name}"' in page for name in FIELDS)
    assert_passes(*TESTS)
    for file, code in (("usage.py", USAGE), ("misuse.py", MISUSE)):
        (released.path / file).write_text(code)
    used = run("usage.py")
    assert "Not a valid string" in used.stdout, used.stderr
    # To check the overlays with pyright, too, would take another ten seconds.
    for checker in (("mypy", "overlays"), ("pyright",)):
        [error] = errors(*checker, "usage.py", "misuse.py")
        assert "misuse.py" in error
        assert "amount" in error


# Sends invites by a client that knows no model.
INVITES = """
import json, sys
import httpx
from sentry_members_testing import FakeSentry

fake = FakeSentry.example()
token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
with httpx.Client(transport=fake.transport(), base_url="https://sentry.io") as client:
    for body in json.loads(sys.argv[1]):
        response = client.post(
            "/api/0/organizations/acme/members/",
            headers={"Authorization": f"Bearer {token}"},
            json=body,
        )
        print(response.status_code, *([response.json()] if response.is_error else []))
"""


def invite_without_and_with(field: str, value: Any) -> subprocess.CompletedProcess[str]:
    """Send the fake an invite without a field, and one with it."""
    bodies = [
        {**BESIDES_EMAIL, "email": f"a{number}@example.com", **more}
        for number, more in enumerate(({}, {field: value}))
    ]
    return run("-c", INVITES, json.dumps(bodies))


@pytest.mark.slow
def test_changes_that_break_somebody_name_whom(
    released: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    with Edit(released) as edit:
        invite = edit.schemas["NewMember"]
        [field, *_] = [name for name in invite["properties"] if name not in invite["required"]]
        invite["required"].append(field)
    assert [] == generate(released)
    parameter = re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", field)
    report = report_changes(capsys).replace(field, "orgRole").replace(parameter, "org_role")
    assert report in Readme(ROOT / "tests/maintenance/README.md").blocks("")
    stopped = released.make("test", "--assume-old=build", f"--assume-old={LINTER}")
    assert 2 == stopped.returncode
    found = stopped.stdout.splitlines()
    assert found
    for error in found:
        assert re.match(rf"overlays/.*:\d+: error: .*\"{parameter}\".* \"NewMember\"", error)
    rejected = invite_without_and_with(field, invite["example"][field])
    assert f"400 {{'{field}': ['This field is required.']}}\n201" in rejected.stdout, (
        rejected.stderr
    )

    released.git("checkout", "--quiet", ".")
    with Edit(released) as edit:
        fields = edit.schemas["NewMember"]["properties"]
        [flag, *_] = [name for name in CHECKS if fields.get(name, {}).get("type") == "boolean"]
        fields["renamed"] = fields.pop(flag)
        roles = edit.schemas["OrganizationRole"]["enum"]
        [role, *_] = [name for name in roles if name in ROLE_SCOPES]
        roles.remove(role)
    assert [
        f"{FAKE}/permissions.py: openapi.yaml has no role {role}: remove its row of ROLE_SCOPES",
        f"{FAKE}/invite_form.py: NewMember has no field {flag} any more: rename or remove its check",
    ] == generate(released)
    lines = report_changes(capsys).splitlines()
    assert f"  request NewMember > {flag}: was removed" in lines
    assert re.search(f"  request NewMember > .*: the value {role} was removed", "\n".join(lines))
    assert MINOR == lines[-1]
    rejected = invite_without_and_with("renamed", "perhaps")
    assert "400 {'renamed': ['Must be a valid boolean.']}" in rejected.stdout, rejected.stderr
    ignored = invite_without_and_with(flag, "perhaps")
    assert "201\n201" in ignored.stdout, ignored.stderr


@pytest.mark.slow
def test_a_new_operation_needs_three_pieces(
    released: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    with Edit(released) as edit:
        edit.document["paths"]["/api/0/organizations/{organization_id_or_slug}/guests/"] = {
            "parameters": [{"$ref": "#/components/parameters/OrganizationIdOrSlug"}],
            "get": LISTING,
        }
    assert NEEDS == generate(released)
    lines = report_changes(capsys).splitlines()
    assert "  listAnOrganizationsGuests: is new" in lines
    assert PATCH == lines[-1]
    allowed = (released.path / "overlays/gateway/operations.conf.template").read_text("utf-8")
    assert '"listAnOrganizationsGuests"' in allowed
    assert "cursor=" in allowed

    written = 0
    for file, pieces in PIECES.items():
        for text, piece in pieces.items():
            released.edit(file, text, piece + text)
            written += len(piece.splitlines())
    with (released.path / FAKE / "operations.py").open("a") as file_:
        file_.write(ENDPOINT)
    assert 60 >= written + len(ENDPOINT.splitlines())
    for command in (["check", "--select=I", "--fix"], ["format"], ["check"]):
        assert 0 == run("-m", "ruff", *command, "--quiet").returncode
    assert needed_anyway() == run("-m", "tests.maintenance.overlay_needs").stderr.splitlines()
    assert_passes(*TESTS_OF_OPERATIONS)
    (released.path / "calls.py").write_text(CALLS)
    called = run("calls.py")
    path = "/api/0/organizations/acme/guests/"
    link = f'<https://sentry.io{path}?cursor=0:100:0>; rel="next"'
    sent, asked = called.stdout.splitlines()
    assert f"{path}?cursor=0%3A100%3A0&query=a+b {link}" == sent
    assert '"name": "owner"' in asked
    assert [] == errors("mypy", "overlays", "calls.py")


@pytest.mark.slow
def test_a_renamed_operation_needs_its_imports(
    released: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is generated all the same, because the rename may be intended."""
    released.edit(
        "openapi.yaml", "operationId: addAnOrganizationMemberToATeam", "operationId: join"
    )
    warned = generate(released)
    assert re.match(
        r"overlays/sentry_members/client.py, line \d+: sentry_members_api.api.teams no longer has "
        "add_an_organization_member_to_a_team: import the new name",
        warned[0],
    )
    lines = report_changes(capsys).splitlines()
    assert "  addAnOrganizationMemberToATeam: was renamed to join" in lines
    removed = "sentry_members_api.api.teams.add_an_organization_member_to_a_team: was removed"
    assert f"  {removed}" in lines
    assert MINOR == lines[-1]
    rejected = released.make("reference")
    assert (2, warned) == (rejected.returncode, rejected.stderr.splitlines()[:-1])
