"""The code that the page shows sends the same request as the form."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from sentry_members_testing import FakeSentry

from overlays.reference.contract import load
from tests.support import gateway
from tests.support.browser import INVITE, JOIN, Visit, render
from tests.support.contracts import EXAMPLE, Edit
from tests.support.new_member import BESIDES_EMAIL
from tests.support.repo_copy import Tree

AWKWARD_TEXTS = (
    """it's "quoted" and `ticked`""",
    r"$HOME ${HOME} $(id) !! %s \n \\ \' {braces} #",
    "👩‍💻 naïve Ünïcödé 日本",
    "\u202eright to left\u202c שלום عربى",
    "line\u2028paragraph\u2029nbsp\u00a0zero\u200bwidth\ufefftag\U000e0041",
    "@file -- -x ; rm <<< && | & * ~",
    "\x7f\x80 tab\tend",
)


@pytest.fixture
def ready(visit: Visit, served: gateway.Gateway) -> Visit:
    visit.configure(served.url, served.key)
    return visit


def run(
    visit: Visit, operation: str, **environment: str
) -> Iterator[subprocess.CompletedProcess[str]]:
    """Run the Python, then the curl command that the page shows for an operation."""
    python, curl = visit.code(operation)
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("SENTRY_")
    }
    for command in ([sys.executable, "-W", "error", "-c", python], ["sh", "-euc", curl]):
        yield subprocess.run(
            command,
            env={**inherited, "SENTRY_GATEWAY_KEY": gateway.KEY, **environment},
            capture_output=True,
            text=True,
            check=False,
        )


def last_requests(fake: FakeSentry, count: int) -> list[tuple[str, str, Any]]:
    """Return method, path and body of the last requests that Sentry received."""
    return [(request.method, request.path, request.body) for request in fake.requests[-count:]]


@pytest.mark.slow
def test_any_text_is_sent_unchanged(ready: Visit, fake: FakeSentry) -> None:
    invite = ready.operation(INVITE)
    for _ in range(2):
        invite.get_by_role("button", name="Add to teamRoles").click()
    first, second = invite.get_by_label("teamSlug").all()
    first.fill("backend")
    invite.get_by_label("role", exact=True).first.select_option("admin")
    for text in AWKWARD_TEXTS:
        second.fill(text)
        assert text == second.input_value()
        assert "Sentry responded with 400" in ready.send(
            INVITE, organization_id_or_slug="acme", email=text
        )
        for code in ready.code(INVITE):
            assert [] == [c for c in code if not c.isprintable() and c != "\n"]
        for ran in run(ready, INVITE):
            assert "400" in ran.stderr + ran.stdout
        teams = [{"teamSlug": "backend", "role": "admin"}, {"teamSlug": text, "role": None}]
        body = {**BESIDES_EMAIL, "email": text, "teamRoles": teams}
        assert 3 * [("POST", "/api/0/organizations/acme/members/", body)] == last_requests(fake, 3)


def test_prints_the_result(ready: Visit, fake: FakeSentry) -> None:
    path = {"organization_id_or_slug": "acme", "member_id": "me", "team_id_or_slug": "frontend"}
    for name, text in path.items():
        ready.operation(JOIN).get_by_label(name).fill(text)
    python, curl = run(ready, JOIN)
    assert ("", True) == (python.stderr, python.stdout.startswith("Added(team=Team("))
    assert "HTTP/1.1 204 No Content" in curl.stdout
    request = ("POST", "/api/0/organizations/acme/members/me/teams/frontend/", None)
    assert 2 * [request] == last_requests(fake, 2)


def test_takes_the_url_from_the_environment_if_the_page_has_none(
    visit: Visit, served: gateway.Gateway, fake: FakeSentry
) -> None:
    before = len(fake.requests)
    visit.operation(INVITE).get_by_label("organization_id_or_slug").fill("acme")
    visit.operation(INVITE).get_by_label("email", exact=True).fill("environment@example.com")
    visit.fill_required()
    python, curl = run(visit, INVITE, SENTRY_GATEWAY_URL=served.url)
    assert ("", True) == (python.stderr, python.stdout.startswith("Member("))
    assert "HTTP/1.1 400 Bad Request" in curl.stdout
    assert before + 2 == len(fake.requests)
    body = {**BESIDES_EMAIL, "email": "environment@example.com"}
    assert [body] * 2 == [body for *_, body in last_requests(fake, 2)]


def test_changes_with_each_keystroke_and_shows_no_key(
    ready: Visit, served: gateway.Gateway
) -> None:
    field = ready.operation(INVITE).get_by_label("email", exact=True)
    for end in range(1, 4):
        field.press_sequentially("ada"[end - 1])
        for code in ready.code(INVITE):
            assert f'"{"ada"[:end]}"' in code
    for code in (*ready.code(INVITE), *ready.code(JOIN)):
        assert served.key not in code


def test_breaks_lines_between_arguments_only(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 1280, "height": 900})
    visit.operation(INVITE).get_by_role("button", name="Add to teamRoles").click()
    visit.operation(INVITE).get_by_label("teamSlug").fill("a-team-with-a-name-of-many-words")
    python, _ = visit.code(INVITE)
    assert "from sentry_members import NewMember, SentryMembers, TeamRoleAssignment\n" in python
    assert 'TeamRoleAssignment(\n                    team_slug="a-team' in python
    for block in visit.page.locator("pre").all():
        assert "pre" == block.evaluate("block => getComputedStyle(block).whiteSpace")


def test_shows_a_missing_value_by_its_name_in_braces(visit: Visit) -> None:
    python, curl = visit.code(INVITE)
    assert '"{organization_id_or_slug}",' in python
    assert 'NewMember(\n            email="{email}",\n' in python
    assert "/organizations/{organization_id_or_slug}/members/" in curl


# A field for each type of control, to be added to the request body.
FIELDS = """
greeting: {type: string, description: A **greeting**., minLength: 2}
retired: {type: string, deprecated: true, description: A field of old.}
nickname: {type: [string, 'null'], description: A name or none.}
silence: {type: [string, 'null'], description: Null if wanted.}
seats: {type: integer, minimum: 1, description: How many.}
share: {type: number, description: How much.}
urgent: {type: [boolean, 'null'], description: Whether.}
until: {type: string, format: date, description: A day.}
at: {type: string, format: date-time, description: A moment.}
key: {type: string, format: uuid, description: An ID.}
labels: {type: array, description: Words., items: {type: string}}
lead: {$ref: '#/components/schemas/TeamRoleAssignment'}
second: {$ref: '#/components/schemas/TeamRoleAssignment'}
matrix: {type: array, description: A list of lists., items: {type: array, items: {type: integer}}}
"""
# What is filled in for them and must be sent.
VALUES = {
    **BESIDES_EMAIL,
    "email": "ada@example.com",
    "greeting": "Hello",
    "silence": None,
    "seats": 3,
    "share": 0.5,
    "urgent": None,
    "until": "2026-02-28",
    "at": "2026-02-28T12:30:00+00:00",
    "key": "12345678-1234-5678-1234-567812345678",
    "labels": ["one", "two"],
    "lead": {"teamSlug": "backend", "role": None},
    "matrix": [[1, 2], []],
}


@pytest.fixture
def tree_with_fields(tmp_path: Path) -> Tree:
    """A copy of the tree with these fields in its contract and in its generated client."""
    tree = Tree.copied(tmp_path / "tree")
    with Edit(tree) as edit:
        edit.schemas["NewMember"]["properties"].update(load(FIELDS))
    generated = tree.make("generate")
    assert 0 == generated.returncode, generated.stderr
    return tree


@pytest.mark.slow
def test_fields_added_to_the_contract_are_in_the_form_and_the_code(
    tree_with_fields: Tree, browser: Browser, fake: FakeSentry, token: str, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    render(tree_with_fields.path / "openapi.yaml", site)
    (tmp_path / "gateway").mkdir()
    with (
        fake.serve() as url,
        gateway.gateway(tmp_path / "gateway", sentry_url=url, token=token, page=site) as running,
        browser.new_context(base_url=running.url, reduced_motion="reduce") as context,
    ):
        visit = Visit(context)
        visit.configure(running.url, running.key)
        invite = visit.operation(INVITE)
        for name in ("greeting", "seats", "share", "until", "at", "key"):
            invite.get_by_label(name, exact=True).fill(str(VALUES[name]))
        invite.locator("[data-name=silence]").get_by_label("null").check()
        invite.get_by_label("urgent").select_option("null")
        for text in ("one", "two"):
            invite.get_by_role("button", name="Add to labels").click()
            invite.get_by_label("Item of labels").last.fill(text)
        invite.get_by_role("button", name="Add to lead").click()
        invite.get_by_label("teamSlug").fill("backend")
        add = invite.get_by_role("button", name="Add to matrix")
        add.last.click()
        for text in ("1", "2"):
            add.first.click()
            invite.get_by_label("Item of matrix").last.fill(text)
        add.last.click()
        assert "Sentry responded with" in visit.send(
            INVITE, organization_id_or_slug="acme", email=str(VALUES["email"])
        )
        packages = os.pathsep.join(
            str(tree_with_fields.path / name) for name in ("generated", "overlays")
        )
        python, curl = run(visit, INVITE, PYTHONPATH=packages)
        assert "400" in python.stderr + python.stdout, python.stderr
        assert "400" in curl.stdout, curl.stderr
        assert 3 * [VALUES] == [body for *_, body in last_requests(fake, 3)]
        assert "A greeting." in invite.inner_text()
        assert "deprecated" in invite.locator("[data-name=retired]").inner_text()
        # The page checks their rules itself and sends nothing.
        before = len(visit.requests)
        for name, text in (("greeting", "H"), ("seats", "0")):
            invite.get_by_label(name, exact=True).fill(text)
            invite.get_by_role("button", name="Send").click()
            assert "true" == invite.get_by_label(name, exact=True).get_attribute("aria-invalid")
            invite.get_by_label(name, exact=True).fill("")
        assert before == len(visit.requests)
        assert [] == [line for line in visit.console if "Failed to load resource" not in line]


QUERY = """\
  /api/0/organizations/{organization_id_or_slug}/roles/:
    get:
      operationId: listRoles
      tags: [Organizations]
      summary: List roles
      description: Lists them.
      parameters:
        - $ref: '#/components/parameters/OrganizationIdOrSlug'
        - {name: cursor, in: query, description: Where to go on., schema: {type: string}}
        - {name: per-page, in: query, required: true, schema: {type: integer, minimum: 1}}
        - {name: state, in: query, schema: {type: array, items: {type: string, enum: [open, shut]}}}
      responses: {'200': {description: The roles.}}

components:
"""


@pytest.mark.slow
def test_a_query_is_in_the_form_the_request_and_the_code(browser: Browser, tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8").replace("components:\n", QUERY, 1)
    (tmp_path / "openapi.yaml").write_text(text, "utf-8")
    render(tmp_path / "openapi.yaml", tmp_path / "site")
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto((tmp_path / "site/index.html").as_uri())
        roles = page.locator("#listRoles")
        roles.get_by_label("organization_id_or_slug").fill("acme")
        roles.get_by_label("cursor").fill("0:100&x")
        roles.get_by_label("per-page").fill("25")
        for value in ("open", "shut"):
            roles.get_by_role("button", name="Add to state").click()
            roles.get_by_label("Item of state").last.select_option(label=value)
        python, curl = (block.inner_text() for block in roles.locator("aside pre").all())
    assert "/organizations/acme/roles/?cursor=0%3A100%26x&per-page=25&state=open&state=shut" in curl
    assert '"acme",' in python
    assert 'cursor="0:100&x",' in python
    assert "per_page=25," in python
    assert "state=[" in python
