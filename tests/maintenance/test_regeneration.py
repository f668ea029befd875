"""What a change of the contract asks of who makes it: nothing, or what the project's verbs say.

Each is made in a copy of the tree whose present state is released, and lived through as by a
maintainer: `make generate`, `make changes`, the tests.
"""

import os
import re
import subprocess
import sys

import pytest

from tests.maintenance import changes
from tests.support.recordings import bodies
from tests.support.repo_copy import ROOT, Tree

RELEASED = "0.3.1"
PATCH = f"the next version is 0.3.2: raise the {RELEASED} in pyproject.toml"
MINOR = f"the next version is 0.4.0: raise the {RELEASED} in pyproject.toml"

FIELD = """        greeting:
          type: string
          description: What the invite begins with.
"""
AFTER_FIELDS = "      required: [email]\n"
AFTER_ANSWER = "      required: [id, email, name, user,"
ROLE = "        - `billing`: can manage"
ROLES = "enum: [billing, member,"

# What is written instead of what.
HARMLESS = {
    AFTER_FIELDS: FIELD + AFTER_FIELDS,
    AFTER_ANSWER: FIELD + AFTER_ANSWER,
    ROLE: f"        - `auditor`: can view all.\n{ROLE}",
    ROLES: "enum: [auditor, billing, member,",
    "How many members are on the team.": "How many people are on it.",
}
TOLD = {
    "  request NewMember > greeting: is new, and optional",
    "  response Member > greeting: is new",
    "  request NewMember > orgRole: the value auditor is new",
    "  response Team > memberCount: is described otherwise",
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

# What somebody writes who uses all of this.
USAGE = """
import httpx
from sentry_members import NewMember, SentryMembers, Team

def answer(request: httpx.Request) -> httpx.Response:
    print(request.content.decode())
    return httpx.Response(201, json={MEMBER})

sentry = SentryMembers(token="0" * 64, transport=httpx.MockTransport(answer))
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

# Those that come by every field and every value, and cost little.
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
    """What `make generate` warns of, of a contract that it takes."""
    generated = tree.make("generate")
    assert (0, "") == (generated.returncode, generated.stdout), generated.stderr
    return generated.stderr


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """What `make changes` says once it has seen that what is generated is the contract's."""
    with pytest.raises(SystemExit) as ended:
        changes.main()
    return f"{capsys.readouterr().out}{ended.value}\n"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


def errors(*checker: str) -> list[str]:
    return [line for line in run("-m", *checker).stdout.splitlines() if "error: " in line]


def test_what_is_harmless_asks_for_nothing_and_what_is_required_for_its_callers(
    released: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is harmless is so together, too: one look at all of it costs a quarter."""
    for written, instead in HARMLESS.items():
        released.edit("openapi.yaml", written, instead)
    assert "" == generate(released)
    lines = told(capsys).splitlines()
    assert TOLD <= {*lines}
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
    assert f"```\n{told(capsys)}```" in (ROOT / "README.md").read_text("utf-8")
    found = errors("mypy")
    assert found
    for error in found:
        assert re.match(r"overlays/.*:\d+: error: Argument \"org_role\" to \"NewMember\"", error)


def test_an_operation_that_is_new_asks_for_its_method(released: Tree) -> None:
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


def test_an_operation_that_is_renamed_asks_for_the_imports(
    released: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is generated all the same: the rename may be meant."""
    released.edit(
        "openapi.yaml", "operationId: addAnOrganizationMemberToATeam", "operationId: join"
    )
    warned = generate(released)
    assert re.search(
        r"^overlays/sentry_members/client.py, line \d+: sentry_members_api.api.teams has no "
        "add_an_organization_member_to_a_team any more: use",
        warned,
        re.MULTILINE,
    )
    lines = told(capsys).splitlines()
    assert "  addAnOrganizationMemberToATeam: is called join now" in lines
    gone = "sentry_members_api.api.teams.add_an_organization_member_to_a_team: is gone"
    assert f"  {gone}" in lines
    assert MINOR == lines[-1]
    refused = run("-m", "tests.maintenance.overlay_imports")
    assert (1, warned) == (refused.returncode, refused.stderr)
