"""`make changes` lists each change with its weight, and requires a version that fits."""

import inspect
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from overlays.reference.contract import load
from tests.maintenance import changes, comparison
from tests.maintenance.comparison import Change, Weight
from tests.support.repo_copy import ROOT, Tree

TEXT = Path(__file__).with_name("example.yaml").read_text("utf-8")
SPEC = load(TEXT)

INVITE = "addAMemberToAnOrganization"
PATH = "/api/0/organizations/{organization_id_or_slug}"
JOIN = "addAnOrganizationMemberToATeam"
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
FIELD = "        greeting:\n          type: string\n"
EMAIL = "          maxLength: 75\n"
INVITED = "        dateCreated:\n          description: When the member was added or invited.\n"
STATUS = "            - $ref: '#/components/schemas/InviteStatus'\n"
STATUSES = ("approved", "requested_to_be_invited", "requested_to_join")
INVITE_STATUS = "response Member > inviteStatus"
OR_TEXT = "            - type: string\n"
LIMIT = "        X-Sentry-Rate-Limit-Limit:\n          $ref: '#/components/headers/RateLimit'\n"

# The text in the contract, its replacement, what is reported of that, and of the reverse.
CHANGES = {
    # Requests.
    "a new optional field": (
        "      required: [email]\n",
        f"{FIELD}      required: [email]\n",
        ["addition: request NewMember > greeting: is new, and optional"],
        ["breaking: request NewMember > greeting: was removed"],
    ),
    "a new required field": (
        "      required: [email]\n",
        f"{FIELD}      required: [email, greeting]\n",
        ["breaking: request NewMember > greeting: is new, and required"],
        ["breaking: request NewMember > greeting: was removed"],
    ),
    "a field becomes required": (
        "required: [email]",
        "required: [email, orgRole]",
        ["breaking: request NewMember > orgRole: is required now"],
        ["addition: request NewMember > orgRole: is optional now"],
    ),
    "a nested field becomes optional": (
        "required: [teamSlug, role]",
        "required: [teamSlug]",
        ["addition: request TeamRoleAssignment > role: is optional now"],
        ["breaking: request TeamRoleAssignment > role: is required now"],
    ),
    "another type is allowed": (
        "sendInvite:\n          type: boolean",
        "sendInvite:\n          type: [boolean, 'null']",
        ["addition: request NewMember > sendInvite: was boolean, is boolean or null now"],
        ["breaking: request NewMember > sendInvite: was boolean or null, is boolean now"],
    ),
    "another type": (
        "sendInvite:\n          type: boolean",
        "sendInvite:\n          type: string",
        ["breaking: request NewMember > sendInvite: was boolean, is string now"],
        ["breaking: request NewMember > sendInvite: was string, is boolean now"],
    ),
    "another format": (
        "          format: email\n",
        "          format: uuid\n",
        ["breaking: request NewMember > email: was string (email), is string (uuid) now"],
        ["breaking: request NewMember > email: was string (uuid), is string (email) now"],
    ),
    "other items": (
        "items:\n            $ref: '#/components/schemas/TeamRoleAssignment'",
        "items:\n            $ref: '#/components/schemas/TeamRole'",
        [
            "breaking: request NewMember > teamRoles > each: was TeamRoleAssignment, is string now",
            "repair: request NewMember > teamRoles > each: has another description",
            "breaking: request TeamRoleAssignment: was removed",
        ],
        [
            "breaking: request NewMember > teamRoles > each: was string, is TeamRoleAssignment now",
            "repair: request NewMember > teamRoles > each: has another description",
            "addition: request TeamRoleAssignment: is new",
        ],
    ),
    "a lower maximum": (
        EMAIL,
        "          maxLength: 50\n",
        ["breaking: request NewMember > email: maxLength was 75, is 50 now"],
        ["addition: request NewMember > email: maxLength was 50, is 75 now"],
    ),
    "a bound is removed": (
        EMAIL,
        "",
        ["addition: request NewMember > email: maxLength 75 was removed"],
        ["breaking: request NewMember > email: maxLength 75 is new"],
    ),
    "a new lower bound": (
        EMAIL,
        f"{EMAIL}          minLength: 6\n",
        ["breaking: request NewMember > email: minLength 6 is new"],
        ["addition: request NewMember > email: minLength 6 was removed"],
    ),
    "an unknown keyword": (
        EMAIL,
        f"{EMAIL}          default: ada@example.com\n",
        ["breaking: request NewMember > email: default ada@example.com is new"],
        ["breaking: request NewMember > email: default ada@example.com was removed"],
    ),
    "other keys are allowed": (
        "required: [teamSlug, role]\n      additionalProperties: false",
        "required: [teamSlug, role]\n      additionalProperties: true",
        ["addition: request TeamRoleAssignment > any other key: is allowed now"],
        ["breaking: request TeamRoleAssignment > any other key: is no longer allowed"],
    ),
    "another pattern": (
        "'^(?:me|[0-9]+)$'",
        "'^[0-9]+$'",
        [
            f"breaking: {JOIN} > path parameter member_id: pattern was ^(?:me|[0-9]+)$, is ^[0-9]+$ now"
        ],
        [
            f"breaking: {JOIN} > path parameter member_id: pattern was ^[0-9]+$, is ^(?:me|[0-9]+)$ now"
        ],
    ),
    "a new parameter": (
        f"operationId: {JOIN}\n",
        f"operationId: {JOIN}\n      parameters: [{{name: notify, in: query, schema: true}}]\n",
        [f"addition: {JOIN} > query parameter notify: is new, and optional"],
        [f"breaking: {JOIN} > query parameter notify: was removed"],
    ),
    "an optional body": (
        "        description: Who is to be added, and as what.\n        required: true\n",
        "        description: Who is to be added, and as what.\n        required: false\n",
        [f"addition: {INVITE} > request body: is optional now"],
        [f"breaking: {INVITE} > request body: is required now"],
    ),
    # Responses.
    "a new field of a response": (
        INVITED,
        FIELD + INVITED,
        ["addition: response Member > greeting: is new"],
        ["breaking: response Member > greeting: was removed"],
    ),
    "a field becomes optional": (
        "required: [id, email, name, user,",
        "required: [id, email, name,",
        ["breaking: response Member > user: is optional now"],
        ["addition: response Member > user: is required now"],
    ),
    "null is allowed": (
        "        memberCount:\n          type: integer",
        "        memberCount:\n          type: [integer, 'null']",
        ["breaking: response Team > memberCount: was integer, is integer or null now"],
        ["addition: response Team > memberCount: was integer or null, is integer now"],
    ),
    "a new value of an enum": (
        "enum: [contributor, admin]",
        "enum: [contributor, admin, guest]",
        [
            "addition: request TeamRoleAssignment > role: the value guest is new",
            "addition: response Team > teamRole: the value guest is new",
        ],
        [
            "breaking: request TeamRoleAssignment > role: the value guest was removed",
            "repair: response Team > teamRole: the value guest was removed",
        ],
    ),
    "only known values": (
        STATUS + OR_TEXT,
        STATUS,
        [f"addition: {INVITE_STATUS}: can only be {', '.join(STATUSES)} now"],
        [f"breaking: {INVITE_STATUS}: can be any string now"],
    ),
    "a header is removed": (
        LIMIT,
        "",
        [
            f"breaking: {operation} > response 429 > header X-Sentry-Rate-Limit-Limit: was removed"
            for operation in (INVITE, JOIN)
        ],
        [
            f"addition: {operation} > response 429 > header X-Sentry-Rate-Limit-Limit: is new"
            for operation in (INVITE, JOIN)
        ],
    ),
    "another body": (
        "                $ref: '#/components/schemas/Team'",
        "                $ref: '#/components/schemas/Member'",
        [
            f"breaking: {JOIN} > response 201 > application/json: was Team, is Member now",
            "breaking: response Avatar: was removed",
            "breaking: response Team: was removed",
        ],
        [
            f"breaking: {JOIN} > response 201 > application/json: was Member, is Team now",
            "addition: response Avatar: is new",
            "addition: response Team: is new",
        ],
    ),
    "a success is removed": (
        "        '204':\n          description: The member is already on the team.\n",
        "",
        [f"breaking: {JOIN} > response 204: was removed"],
        [f"breaking: {JOIN} > response 204: is new"],
    ),
    "a failure is removed": (
        "        '429':\n          $ref: '#/components/responses/TooManyRequests'\n",
        "",
        [f"repair: {INVITE} > response 429: was removed"],
        [f"addition: {INVITE} > response 429: is new"],
    ),
    # Operations.
    "a new operation": (
        "    post:\n",
        "    get: {operationId: list, responses: {'200': {description: All.}}}\n    post:\n",
        ["addition: list: is new"],
        ["breaking: list: was removed"],
    ),
    "an operation is renamed": (
        f"operationId: {JOIN}",
        "operationId: join",
        [f"breaking: {JOIN}: was renamed to join"],
        [f"breaking: join: was renamed to {JOIN}"],
    ),
    "another path": (
        "/members/:",
        "/people/:",
        [f"breaking: {INVITE}: was POST {PATH}/members/, is POST {PATH}/people/ now"],
        [f"breaking: {INVITE}: was POST {PATH}/people/, is POST {PATH}/members/ now"],
    ),
    "a scope is removed": (
        "        - auth_token: ['member:invite']\n",
        "",
        [f"breaking: {INVITE}: auth_token: member:invite is no longer accepted"],
        [f"addition: {INVITE}: auth_token: member:invite is accepted now"],
    ),
    "a second scope is needed": (
        "        - auth_token: ['member:invite']\n",
        "        - auth_token: ['member:invite', 'org:read']\n",
        [
            f"breaking: {INVITE}: auth_token: member:invite is no longer accepted",
            f"addition: {INVITE}: auth_token: member:invite + auth_token: org:read is accepted now",
        ],
        [
            f"repair: {INVITE}: auth_token: member:invite + auth_token: org:read is no longer accepted",
            f"addition: {INVITE}: auth_token: member:invite is accepted now",
        ],
    ),
    "redundant scopes are removed": (
        "        - auth_token: ['org:read', 'team:write']\n",
        "",
        [f"repair: {JOIN}: auth_token: org:read + auth_token: team:write is no longer accepted"],
        [f"addition: {JOIN}: auth_token: org:read + auth_token: team:write is accepted now"],
    ),
    "another credential": (
        "scheme: bearer",
        "scheme: basic",
        ["breaking: security scheme auth_token: scheme was bearer, is basic now"],
        ["breaking: security scheme auth_token: scheme was basic, is bearer now"],
    ),
    # Words.
    "a description": (
        "How many members are on the team.",
        "How many people are on it.",
        ["repair: response Team > memberCount: has another description"],
        ["repair: response Team > memberCount: has another description"],
    ),
    "a summary": (
        "summary: Add a Member to an Organization",
        "summary: Invite",
        [f"repair: {INVITE}: has another description"],
        [f"repair: {INVITE}: has another description"],
    ),
    "the title": (
        "  title: Sentry members",
        "  title: Members",
        ["repair: info: has another description"],
        ["repair: info: has another description"],
    ),
    "a link": (
        "openapi: 3.1.0",
        "openapi: 3.1.0\nexternalDocs: {url: 'https://docs.sentry.io'}",
        ["repair: externalDocs: is new"],
        ["repair: externalDocs: was removed"],
    ),
    "a comment": ("openapi: 3.1.0", "openapi: 3.1.0 # of 2021", [], []),
}


def lines(found: Iterable[Change]) -> list[str]:
    return [f"{change.weight.name.lower()}: {change.place}: {change.what}" for change in found]


def report(before: Any, now: Any) -> list[str]:
    return lines(comparison.changes(before, now))


@pytest.mark.parametrize(
    ("text", "replacement", "expected", "reverse"), CHANGES.values(), ids=CHANGES
)
def test_reports_a_change_of_the_contract_with_its_weight(
    text: str, replacement: str, expected: list[str], reverse: list[str]
) -> None:
    assert text in TEXT
    changed = load(TEXT.replace(text, replacement, 1))
    assert expected == report(SPEC, changed)
    assert reverse == report(changed, SPEC)


def document(schema: Any, **more: Any) -> dict[str, Any]:
    """Return a contract whose only response has this schema."""
    response = {"content": {"application/json": {"schema": schema}}}
    operation = {"operationId": "list", "responses": {"200": response}}
    return {"paths": {"/": {"get": operation}}, **more}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"type": "string"}, True, "breaking: {}: was string, is anything now"),
        (
            {"type": "string", "minLength": 2},
            {"type": "string", "minLength": 3},
            "addition: {}: minLength was 2, is 3 now",
        ),
        ({"const": "a"}, {"const": "b"}, "breaking: {}: the value b is new"),
        (
            {"type": "array"},
            {"type": "array", "items": {"type": "string"}},
            "breaking: {} > each: was anything, is string now",
        ),
        ({"type": "object"}, {"type": "array"}, "breaking: {}: was object, is array now"),
        (
            {"type": "object"},
            {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": True}}}},
            "addition: {} > a: is new",
        ),
        (
            {"allOf": [{"type": "object"}]},
            {"allOf": []},
            "breaking: {}: allOf was [{{'type': 'object'}}], is [] now",
        ),
    ],
)
def test_compares_schemas_that_the_contract_does_not_have(
    before: Any, now: Any, expected: str
) -> None:
    place = "list > response 200 > application/json"
    assert expected.format(place) == report(document(before), document(now))[0]


def test_compares_recursive_schemas() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    schema = {"$ref": "#/components/schemas/Node"}
    before = document(schema, components={"schemas": {"Node": node}})
    assert [] == report(before, before)
    now = document(schema, components={"schemas": {"Node": {**node, "required": ["next"]}}})
    assert ["addition: response Node > next: is required now"] == report(before, now)


def test_compares_the_security_of_the_whole_document() -> None:
    public, secured = document(True), document(True, security=[{"key": []}])
    assert [
        "breaking: list: no credential is no longer accepted",
        "addition: list: key is accepted now",
    ] == report(public, secured)


def callables(scope: Any) -> Iterator[Any]:
    """Yield the functions of a module or class, and the classes that have a constructor."""
    for member in scope.members.values():
        if not member.is_alias:
            if (member.is_function and member.name != "__init__") or "__init__" in member.members:
                yield member
            if member.is_class or member.is_module:
                yield from callables(member)


def test_reads_the_signatures_that_python_has() -> None:
    """Also those of the constructors of attrs, which griffe does not know."""
    found = set()
    for package in changes._sources(changes._packages(ROOT)).values():
        for member in callables(package):
            called: Any = import_module(member.module.path)
            for part in member.path.removeprefix(f"{member.module.path}.").split("."):
                called = getattr(called, part)
            parameters = inspect.signature(called).parameters.values()
            expected = [
                (p.name, p.kind.description, p.default is p.empty and p.kind not in VARIADIC)
                for p in parameters
            ]
            read = (member if member.is_function else member["__init__"]).parameters
            actual = [(p.name, p.kind.value, p.required) for p in read]
            # inspect leaves out the first parameter, which Python binds.
            assert expected == actual[len(actual) - len(expected) :], member.path
            found.add(member.name)
    assert {"NewMember", "AuthenticatedClient", "add_a_member_to_an_organization"} <= found


MODULES = {
    "generated/sentry_members_api/__init__.py": """
from attrs import define, field

@define
class Person:
    email: str
    role: str = ""
    name: str = ""
    keys: dict = field(init=False, factory=dict)
    _url: str = field(default="", kw_only=True, alias="url")
""",
    "overlays/sentry_members/__init__.py": """
from sentry_members_api import Person
from .client import Client

__all__ = ["Client", "Person"]
""",
    "overlays/sentry_members/client.py": """
from sentry_members_api import Person

class Refused(Exception): ...
class Unknown(Refused): ...
class Lost(Unknown): ...

class _Base: ...
class _Own(Lost): ...

class Client(_Base):
    def invite(self, organization, body: Person): ...
    def close(self, *, now=True): ...
    def _send(self): ...
""",
    "overlays/sentry_members_cli/__init__.py": "def main(): ...\n",
    "openapi.yaml": """
openapi: 3.1.0
info:
  title: People
  version: 0.0.0
paths:
  /people:
    get:
      operationId: list
      responses:
        '200': {description: Those who are here.}
""",
    "pyproject.toml": """
[tool.hatch.build.targets.wheel]
packages = [
    "generated/sentry_members_api",
    "overlays/sentry_members",
    "overlays/sentry_members_cli",
]
""",
}
PERSON = "sentry_members_api.Person"
CLIENT = "sentry_members.client.Client"


def write_tree(folder: Path, text: str = "", replacement: str = "") -> Path:
    """Write MODULES to a folder, with a text in them replaced."""
    for name, module in MODULES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(module.replace(text, replacement) if text else module)
    return folder


# The text in a module, its replacement, what is reported of that, and of the reverse.
IMPORTED: dict[str, tuple[str, str, set[str], set[str]]] = {
    "a field is removed": (
        '    name: str = ""\n',
        "",
        {
            f"breaking: {PERSON}(name): was removed",
            f"breaking: {PERSON}.name: was removed",
        },
        {
            f"addition: {PERSON}(name): is new, and optional",
            f"addition: {PERSON}.name: is new",
        },
    ),
    "a field becomes required": (
        '    role: str = ""\n',
        "    role: str\n",
        {
            f"breaking: {PERSON}(role): is required now",
        },
        {
            f"addition: {PERSON}(role): is optional now",
        },
    ),
    "a new required field": (
        "    email: str\n",
        "    email: str\n    team: str\n",
        {
            f"breaking: {PERSON}(team): is new, and required",
            f"breaking: {PERSON}(role): has another position now: add new ones at the end",
            f"breaking: {PERSON}(name): has another position now: add new ones at the end",
            f"addition: {PERSON}.team: is new",
        },
        {
            f"breaking: {PERSON}(team): was removed",
            f"breaking: {PERSON}.team: was removed",
            f"breaking: {PERSON}(role): has another position now: add new ones at the end",
            f"breaking: {PERSON}(name): has another position now: add new ones at the end",
        },
    ),
    "the order of fields": (
        '    role: str = ""\n    name: str = ""\n',
        '    name: str = ""\n    role: str = ""\n',
        {
            f"breaking: {PERSON}({name}): has another position now: add new ones at the end"
            for name in ("role", "name")
        },
        {
            f"breaking: {PERSON}({name}): has another position now: add new ones at the end"
            for name in ("role", "name")
        },
    ),
    "an argument is renamed": (
        'alias="url"',
        'alias="base"',
        {
            f"breaking: {PERSON}(url): was removed",
            f"addition: {PERSON}(base): is new, and optional",
        },
        {
            f"breaking: {PERSON}(base): was removed",
            f"addition: {PERSON}(url): is new, and optional",
        },
    ),
    "a keyword-only argument": (
        "def close(self, *, now=True)",
        "def close(self, now=True)",
        {"repair: sentry_members: changed internally"},
        {f"breaking: {CLIENT}.close(now): is passed differently now"},
    ),
    "a default": (
        "now=True",
        "now=False",
        {"repair: sentry_members: changed internally"},
        {"repair: sentry_members: changed internally"},
    ),
    "another base class": (
        "class Lost(Unknown)",
        "class Lost(Refused)",
        {"breaking: sentry_members.client.Lost: no longer inherits from Unknown"},
        {"repair: sentry_members: changed internally"},
    ),
    "a private method": (
        "_send",
        "_post",
        {"repair: sentry_members: changed internally"},
        {"repair: sentry_members: changed internally"},
    ),
    "a private class": (
        "class _Own(Lost)",
        "class _Own(Exception)",
        {"repair: sentry_members: changed internally"},
        {"repair: sentry_members: changed internally"},
    ),
    "a private base class": (
        "_Base",
        "_Root",
        {"repair: sentry_members: changed internally"},
        {"repair: sentry_members: changed internally"},
    ),
    "an imported name": (
        "from sentry_members_api import Person\nfrom .client",
        "from .client",
        {"breaking: sentry_members.Person: was removed"},
        {"addition: sentry_members.Person: is new"},
    ),
    "a parameter is renamed": (
        "body: Person",
        "person: Person",
        {
            f"breaking: {CLIENT}.invite(body): was removed",
            f"breaking: {CLIENT}.invite(person): is new, and required",
        },
        {
            f"breaking: {CLIENT}.invite(person): was removed",
            f"breaking: {CLIENT}.invite(body): is new, and required",
        },
    ),
    "a package is removed": (
        '    "overlays/sentry_members",\n',
        "",
        {"breaking: sentry_members: was removed"},
        {"addition: sentry_members: is new"},
    ),
    "the command line": ("def main", "def start", set(), set()),
    "a class becomes a function": (
        "class Lost(Unknown): ...",
        "def Lost(): ...",
        {"breaking: sentry_members.client.Lost: is another type of object now"},
        {"breaking: sentry_members.client.Lost: is another type of object now"},
    ),
}


@pytest.mark.parametrize(
    ("text", "replacement", "expected", "reverse"), IMPORTED.values(), ids=IMPORTED
)
def test_reports_a_change_of_a_package_with_its_weight(
    text: str, replacement: str, expected: set[str], reverse: set[str], tmp_path: Path
) -> None:
    assert any(text in module for module in MODULES.values())
    before = write_tree(tmp_path / "before")
    now = write_tree(tmp_path / "now", text, replacement)
    assert expected == set(lines(changes._changes(before, now)))
    assert reverse == set(lines(changes._changes(now, before)))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.chdir(tmp_path)
    return Tree(write_tree(tmp_path))


def failure(*arguments: str) -> str:
    """Return what `make changes` exits with."""
    with pytest.raises(SystemExit) as exit_:
        changes.main(*arguments)
    return str(exit_.value)


@pytest.mark.parametrize(
    ("released", "weight", "needed"),
    [
        ("0.3.1", Weight.BREAKING, "0.4.0"),
        ("0.3.1", Weight.ADDITION, "0.3.2"),
        ("0.3.1", Weight.REPAIR, "0.3.2"),
        ("1.3.1", Weight.BREAKING, "2.0.0"),
        ("1.3.1", Weight.ADDITION, "1.4.0"),
        ("1.3.1", Weight.REPAIR, "1.3.2"),
        ("1.3", Weight.REPAIR, "1.3.1"),
    ],
)
def test_requires_the_version_of_the_weight(released: str, weight: Weight, needed: str) -> None:
    assert Version(needed) == changes._next(Version(released), weight)


def test_requires_the_version_of_the_heaviest_change(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.release("1.3.1")
    tree.edit("openapi.yaml", "{description: Those who", "{description: All who")
    tree.edit("openapi.yaml", "    get:\n", "    post: {responses: {}}\n    get:\n")
    assert "the next version is 1.4.0: raise the 1.3.1 in openapi.yaml" == failure()
    tree.edit("generated/sentry_members_api/__init__.py", '    name: str = ""', "    name: str")
    tree.edit("overlays/sentry_members/client.py", "    def close", "    def end")
    assert "the next version is 2.0.0: raise the 1.3.1 in openapi.yaml" == failure()
    capsys.readouterr()
    tree.edit("openapi.yaml", "1.3.1", "2.0.0")
    changes.main()
    assert (
        f"""\
Breaking since v1.3.1:
  {CLIENT}.close: was removed
  {PERSON}(name): is required now
Added since v1.3.1:
  POST /people: is new
  {CLIENT}.end: is new
Other changes since v1.3.1:
  list > response 200: has another description
the next version is 2.0.0 or higher: 2.0.0 in openapi.yaml is enough
"""
        == capsys.readouterr().out
    )


def test_ignores_tags_of_other_branches(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.release("0.3.1")
    tree.git("switch", "--quiet", "--create", "aside")
    tree.release("0.9.0")
    tree.git("switch", "--quiet", "-")
    tree.git("commit", "--quiet", "--allow-empty", "--message=Go on")
    tree.git("tag", "very-late")
    changes.main()
    assert (
        "openapi.yaml and the public packages have not changed since v0.3.1\n"
        == capsys.readouterr().out
    )


def test_asks_for_a_base_before_the_first_release(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.release("0.3.1")
    tree.git("tag", "--delete", "v0.3.1")
    changes.main()
    expected = (
        "nothing is released yet, so there is nothing to compare with: name a commit, as in "
        "make changes BASE=HEAD~1\n"
    )
    assert expected == capsys.readouterr().out
    (tree.path / "overlays/sentry_members/client.pyc").touch()
    changes.main("HEAD")
    assert (
        "openapi.yaml and the public packages have not changed since HEAD\n"
        == capsys.readouterr().out
    )


def test_rejects_a_folder_without_history(tree: Tree, capfd: pytest.CaptureFixture[str]) -> None:
    assert failure().startswith("there is no history to compare with")
    assert "fatal: not a git repository" in capfd.readouterr().err
    tree.git("init", "--quiet")
    assert failure().startswith("there is no history to compare with")


def test_rejects_a_shallow_clone_without_tags(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.release("0.3.1")
    tree.git("commit", "--quiet", "--allow-empty", "--message=Go on")
    tree.git("clone", "--quiet", "--depth=1", tree.path.as_uri(), "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    assert failure().endswith(
        "this shallow clone has no version tag: run git fetch --unshallow --tags"
    )


@pytest.mark.parametrize("base", ["nowhere", "--output=stolen", "HEAD:openapi.yaml"])
def test_rejects_a_base_that_is_not_a_commit(base: str, tree: Tree) -> None:
    tree.release("0.3.1")
    assert f"BASE={base} is not a commit of this repository" == failure(base)
    assert not (tree.path / "stolen").exists()


@pytest.mark.parametrize("name", ["openapi.yaml", "pyproject.toml"])
def test_rejects_a_base_without_a_compared_file(name: str, tree: Tree) -> None:
    tree.release("0.3.1")
    tree.git("rm", "-r", "--quiet", name)
    tree.git("commit", "--quiet", "--message=Remove it")
    assert f"HEAD has no {name}: name another commit, as in make changes BASE=HEAD~1" == failure(
        "HEAD"
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("paths: [", "line 1: expected the node content, but found '<stream end>'"),
        ("paths: {}", "the document: 'openapi' is a required property"),
        ("", "line 1: not an OpenAPI document"),
    ],
)
def test_rejects_a_base_with_a_broken_contract(text: str, fault: str, tree: Tree) -> None:
    (tree.path / "openapi.yaml").write_text(text)
    tree.release("0.3.1")
    expected = f"HEAD has a broken openapi.yaml ({fault}): name another commit"
    assert failure("HEAD").startswith(expected)
