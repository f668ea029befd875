"""A change of the contract needs no other change, or what the verbs report.

Each change is made in a released copy of the tree, with a maintainer's steps: `make generate`,
`make changes`, the tests.
"""

import os
import re
import subprocess
import sys

import pytest

from tests.maintenance import changes
from tests.support.readme import Readme
from tests.support.recordings import bodies
from tests.support.repo_copy import ROOT, Tree

RELEASED = "0.3.1"
PATCH = f"the next version is 0.3.2: raise the {RELEASED} in pyproject.toml"
MINOR = f"the next version is 0.4.0: raise the {RELEASED} in pyproject.toml"

FIELD = """        greeting:
          type: string
          description: What the invite begins with.
"""
FIELDS_END = "      required: [email]\n"
RESPONSE_FIELDS_END = "      required: [id, email, name, user,"
ROLE = "        - `billing`: can manage"
ROLES = "enum: [billing, member,"

# Changes that break nobody: each text of the contract with its replacement.
HARMLESS = {
    FIELDS_END: FIELD + FIELDS_END,
    RESPONSE_FIELDS_END: FIELD + RESPONSE_FIELDS_END,
    ROLE: f"        - `auditor`: can view all.\n{ROLE}",
    ROLES: "enum: [auditor, billing, member,",
    "How many members are on the team.": "How many people are on it.",
}
REPORTED = {
    "  request NewMember > greeting: is new, and optional",
    "  response Member > greeting: is new",
    "  request NewMember > orgRole: the value auditor is new",
    "  response Team > memberCount: has another description",
}

OPERATION = """\
  /api/0/organizations/{organization_id_or_slug}/members/{member_id}/:
    parameters:
      - $ref: '#/components/parameters/OrganizationIdOrSlug'
      - $ref: '#/components/parameters/MemberId'
    get:
      operationId: retrieveAnOrganizationMember
      tags: [Organizations]
      summary: Retrieve an Organization Member
      security:
        - auth_token: ['member:read']
      responses:
        '200':
          description: The member.
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/Member'

components:
"""

# A program that uses all of these changes.
USAGE = """
import httpx
from sentry_members import NewMember, SentryMembers, Team

def respond(request: httpx.Request) -> httpx.Response:
    print(request.content.decode())
    return httpx.Response(201, json={MEMBER})

sentry = SentryMembers(token="0" * 64, transport=httpx.MockTransport(respond))
assert "What the invite begins with." in (NewMember.__doc__ or "")
assert "How many people are on it." in (Team.__doc__ or "")
member = sentry.add_a_member_to_an_organization(
    "acme", NewMember(email="ada@example.com", org_role="auditor", greeting="Hello")
)
print(member.greeting)
""".replace(
    "{MEMBER}", repr(bodies("addAMemberToAnOrganization", 201)[0] | {"greeting": "Welcome"})
)
MISUSE = USAGE.replace('greeting="Hello"', "greeting=5")

# The fastest tests that cover every field and every value.
TESTS = (
    "tests/contract/test_overlay.py",
    "tests/client/test_models.py",
    "tests/client/test_client.py",
    "tests/onboarding/test_people.py",
)


@pytest.fixture
def released(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree.release(RELEASED)
    packages = (str(tree.path / name) for name in ("generated", "overlays"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(packages))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(tree.path)
    return tree


def generate(tree: Tree) -> str:
    """Run `make generate` on a valid contract, and return its warnings."""
    generated = tree.make("generate")
    assert (0, "") == (generated.returncode, generated.stdout), generated.stderr
    return generated.stderr


def report_changes(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the output of `make changes`, without its check of the generated files."""
    with pytest.raises(SystemExit) as exit_:
        changes.main()
    return f"{capsys.readouterr().out}{exit_.value}\n"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


def errors(*checker: str) -> list[str]:
    """Return the errors that a type checker reports."""
    return [line for line in run("-m", *checker).stdout.splitlines() if "error: " in line]


def test_harmless_changes_need_no_other_change_and_a_required_field_needs_its_callers(
    released: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    """All in one test, because each run of the checkers takes seconds."""
    for text, replacement in HARMLESS.items():
        released.edit("openapi.yaml", text, replacement)
    assert "" == generate(released)
    lines = report_changes(capsys).splitlines()
    assert REPORTED <= {*lines}
    assert f"Breaking since v{RELEASED}:" not in lines
    assert PATCH == lines[-1]
    tested = run("-m", "pytest", "--quiet", "-p", "no:cacheprovider", *TESTS)
    assert 0 == tested.returncode, tested.stdout
    for name, code in (("usage.py", USAGE), ("misuse.py", MISUSE)):
        (released.path / name).write_text(code)
    used = run("usage.py")
    sent = '{"email":"ada@example.com","orgRole":"auditor","greeting":"Hello"}'
    assert f"{sent}\nWelcome\n" == used.stdout, used.stderr
    [error] = errors("mypy", "overlays", "usage.py", "misuse.py")
    assert "misuse.py" in error
    assert "greeting" in error

    released.git("checkout", "--quiet", ".")
    released.edit("openapi.yaml", "required: [email]", "required: [email, orgRole]")
    assert "" == generate(released)
    assert report_changes(capsys) in Readme(ROOT / "tests/maintenance/README.md").blocks("")
    found = errors("mypy")
    assert found
    for error in found:
        assert re.match(r"overlays/.*:\d+: error: Argument \"org_role\" to \"NewMember\"", error)


def test_a_new_operation_needs_its_method(released: Tree) -> None:
    released.edit("openapi.yaml", "components:\n", OPERATION)
    assert "" == generate(released)
    before = released.files("")
    compared = released.make("changes")
    assert 2 == compared.returncode
    assert "  retrieveAnOrganizationMember: is new\n" in compared.stdout
    assert compared.stderr.startswith(f"{PATCH}\n")
    assert before == released.files("")
    allowed = (released.path / "overlays/gateway/operations.conf.template").read_text("utf-8")
    assert '"retrieveAnOrganizationMember"' in allowed
    tested = run("-m", "pytest", "-p", "no:cacheprovider", "tests/contract/test_overlay.py")
    assert "has no method for retrieveAnOrganizationMember" in tested.stdout


def test_a_renamed_operation_needs_its_imports(
    released: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is generated all the same, because the rename may be intended."""
    released.edit(
        "openapi.yaml", "operationId: addAnOrganizationMemberToATeam", "operationId: join"
    )
    warned = generate(released)
    assert re.search(
        r"^overlays/sentry_members/client.py, line \d+: sentry_members_api.api.teams no longer has "
        "add_an_organization_member_to_a_team: import the new name",
        warned,
        re.MULTILINE,
    )
    lines = report_changes(capsys).splitlines()
    assert "  addAnOrganizationMemberToATeam: was renamed to join" in lines
    removed = "sentry_members_api.api.teams.add_an_organization_member_to_a_team: was removed"
    assert f"  {removed}" in lines
    assert MINOR == lines[-1]
    reported = run("-m", "tests.maintenance.overlay_imports")
    assert (1, warned) == (reported.returncode, reported.stderr)
