"""`make changes`: what it tells of a change, whom that breaks, and the version that it asks for."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.version import Version

from tests.maintenance import changes, comparison
from tests.maintenance.comparison import Weight
from tests.support.repo_copy import ROOT, Tree

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TEXT = (ROOT / "openapi.yaml").read_text("utf-8")
SPEC = yaml.load(TEXT, LOADER)

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

# What is written, what instead; what is told of that, and of its undoing.
CHANGES = {
    # Requests.
    "an optional field": (
        "      required: [email]\n",
        f"{FIELD}      required: [email]\n",
        ["addition: request NewMember > greeting: is new, and optional"],
        ["breaking: request NewMember > greeting: is gone"],
    ),
    "a required field": (
        "      required: [email]\n",
        f"{FIELD}      required: [email, greeting]\n",
        ["breaking: request NewMember > greeting: is new, and required"],
        ["breaking: request NewMember > greeting: is gone"],
    ),
    "a field that is required": (
        "required: [email]",
        "required: [email, orgRole]",
        ["breaking: request NewMember > orgRole: is required now"],
        ["addition: request NewMember > orgRole: is optional now"],
    ),
    "a nested field that is required": (
        "required: [teamSlug, role]",
        "required: [teamSlug]",
        ["addition: request TeamRoleAssignment > role: is optional now"],
        ["breaking: request TeamRoleAssignment > role: is required now"],
    ),
    "a type more": (
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
            "repair: request NewMember > teamRoles > each: is described otherwise",
            "breaking: request TeamRoleAssignment: is gone",
        ],
        [
            "breaking: request NewMember > teamRoles > each: was string, is TeamRoleAssignment now",
            "repair: request NewMember > teamRoles > each: is described otherwise",
            "addition: request TeamRoleAssignment: is new",
        ],
    ),
    "an upper bound": (
        EMAIL,
        "          maxLength: 50\n",
        ["breaking: request NewMember > email: maxLength was 75, is 50 now"],
        ["addition: request NewMember > email: maxLength was 50, is 75 now"],
    ),
    "no bound": (
        EMAIL,
        "",
        ["addition: request NewMember > email: maxLength 75 is gone"],
        ["breaking: request NewMember > email: maxLength 75 is new"],
    ),
    "a lower bound": (
        EMAIL,
        f"{EMAIL}          minLength: 6\n",
        ["breaking: request NewMember > email: minLength 6 is new"],
        ["addition: request NewMember > email: minLength 6 is gone"],
    ),
    "what is not understood": (
        EMAIL,
        f"{EMAIL}          default: ada@example.com\n",
        ["breaking: request NewMember > email: default ada@example.com is new"],
        ["breaking: request NewMember > email: default ada@example.com is gone"],
    ),
    "any other key": (
        "required: [teamSlug, role]\n      additionalProperties: false",
        "required: [teamSlug, role]\n      additionalProperties: true",
        ["addition: request TeamRoleAssignment > any other key: can be there now"],
        ["breaking: request TeamRoleAssignment > any other key: can no longer be there"],
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
    "a parameter": (
        f"operationId: {JOIN}\n",
        f"operationId: {JOIN}\n      parameters: [{{name: notify, in: query, schema: true}}]\n",
        [f"addition: {JOIN} > query parameter notify: is new, and optional"],
        [f"breaking: {JOIN} > query parameter notify: is gone"],
    ),
    "a body that is left out": (
        "        description: Who is to be added, and as what.\n        required: true\n",
        "        description: Who is to be added, and as what.\n        required: false\n",
        [f"addition: {INVITE} > request body: is optional now"],
        [f"breaking: {INVITE} > request body: is required now"],
    ),
    # Responses.
    "a field of an answer": (
        INVITED,
        FIELD + INVITED,
        ["addition: response Member > greeting: is new"],
        ["breaking: response Member > greeting: is gone"],
    ),
    "a field that is always answered": (
        "required: [id, email, name, user,",
        "required: [id, email, name,",
        ["breaking: response Member > user: is optional now"],
        ["addition: response Member > user: is required now"],
    ),
    "null": (
        "        memberCount:\n          type: integer",
        "        memberCount:\n          type: [integer, 'null']",
        ["breaking: response Team > memberCount: was integer, is integer or null now"],
        ["addition: response Team > memberCount: was integer or null, is integer now"],
    ),
    "a value of requests and, among others, of answers": (
        "enum: [contributor, admin]",
        "enum: [contributor, admin, guest]",
        [
            "addition: request TeamRoleAssignment > role: the value guest is new",
            "addition: response Team > teamRole: the value guest is new",
        ],
        [
            "breaking: request TeamRoleAssignment > role: the value guest is gone",
            "repair: response Team > teamRole: the value guest is gone",
        ],
    ),
    "no other values": (
        STATUS + OR_TEXT,
        STATUS,
        [f"addition: {INVITE_STATUS}: can only be {', '.join(STATUSES)} now"],
        [f"breaking: {INVITE_STATUS}: can be any string now"],
    ),
    "a header": (
        LIMIT,
        "",
        [
            f"breaking: {operation} > answer 429 > header X-Sentry-Rate-Limit-Limit: is gone"
            for operation in (INVITE, JOIN)
        ],
        [
            f"addition: {operation} > answer 429 > header X-Sentry-Rate-Limit-Limit: is new"
            for operation in (INVITE, JOIN)
        ],
    ),
    "another body": (
        "                $ref: '#/components/schemas/Team'",
        "                $ref: '#/components/schemas/Member'",
        [
            f"breaking: {JOIN} > answer 201 > application/json: was Team, is Member now",
            "breaking: response Avatar: is gone",
            "breaking: response Team: is gone",
        ],
        [
            f"breaking: {JOIN} > answer 201 > application/json: was Member, is Team now",
            "addition: response Avatar: is new",
            "addition: response Team: is new",
        ],
    ),
    "a success": (
        "        '204':\n          description: The member is already on the team.\n",
        "",
        [f"breaking: {JOIN} > answer 204: is gone"],
        [f"breaking: {JOIN} > answer 204: is new"],
    ),
    "a failure": (
        "        '429':\n          $ref: '#/components/responses/TooManyRequests'\n",
        "",
        [f"repair: {INVITE} > answer 429: is gone"],
        [f"addition: {INVITE} > answer 429: is new"],
    ),
    # Operations.
    "an operation": (
        "    post:\n",
        "    get: {operationId: list, responses: {'200': {description: All.}}}\n    post:\n",
        ["addition: list: is new"],
        ["breaking: list: is gone"],
    ),
    "another name of an operation": (
        f"operationId: {JOIN}",
        "operationId: join",
        [f"breaking: {JOIN}: is called join now"],
        [f"breaking: join: is called {JOIN} now"],
    ),
    "another path": (
        "/members/:",
        "/people/:",
        [f"breaking: {INVITE}: was POST {PATH}/members/, is POST {PATH}/people/ now"],
        [f"breaking: {INVITE}: was POST {PATH}/people/, is POST {PATH}/members/ now"],
    ),
    "a scope that is enough": (
        "        - auth_token: ['member:invite']\n",
        "",
        [f"breaking: {INVITE}: auth_token: member:invite is no longer accepted"],
        [f"addition: {INVITE}: auth_token: member:invite is accepted, too"],
    ),
    "a scope that is needed, too": (
        "        - auth_token: ['member:invite']\n",
        "        - auth_token: ['member:invite', 'org:read']\n",
        [
            f"breaking: {INVITE}: auth_token: member:invite is no longer accepted",
            f"addition: {INVITE}: auth_token: member:invite + auth_token: org:read is accepted, too",
        ],
        [
            f"repair: {INVITE}: auth_token: member:invite + auth_token: org:read is no longer accepted",
            f"addition: {INVITE}: auth_token: member:invite is accepted, too",
        ],
    ),
    "scopes of which one is enough": (
        "        - auth_token: ['org:read', 'team:write']\n",
        "",
        [f"repair: {JOIN}: auth_token: org:read + auth_token: team:write is no longer accepted"],
        [f"addition: {JOIN}: auth_token: org:read + auth_token: team:write is accepted, too"],
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
        ["repair: response Team > memberCount: is described otherwise"],
        ["repair: response Team > memberCount: is described otherwise"],
    ),
    "a summary": (
        "summary: Add a Member to an Organization",
        "summary: Invite",
        [f"repair: {INVITE}: is described otherwise"],
        [f"repair: {INVITE}: is described otherwise"],
    ),
    "the title": (
        "  title: Sentry members",
        "  title: Members",
        ["repair: info: is described otherwise"],
        ["repair: info: is described otherwise"],
    ),
    "a remark": (
        "openapi: 3.1.0",
        "openapi: 3.1.0\nexternalDocs: {url: 'https://docs.sentry.io'}",
        ["repair: externalDocs: is new"],
        ["repair: externalDocs: is gone"],
    ),
    "a comment": ("openapi: 3.1.0", "openapi: 3.1.0 # of 2021", [], []),
}


def told(before: Any, now: Any) -> list[str]:
    return [
        f"{change.weight.name.lower()}: {change.place}: {change.what}"
        for change in comparison.changes(before, now)
    ]


@pytest.mark.parametrize(("written", "instead", "there", "back"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_contract_is_told_with_its_weight(
    written: str, instead: str, there: list[str], back: list[str]
) -> None:
    assert written in TEXT
    changed = yaml.load(TEXT.replace(written, instead, 1), LOADER)
    assert there == told(SPEC, changed)
    assert back == told(changed, SPEC)


def document(schema: Any, **more: Any) -> dict[str, Any]:
    """A contract whose one answer holds this, with what the real one has no use for."""
    answer = {"content": {"application/json": {"schema": schema}}}
    operation = {"operationId": "list", "responses": {"200": answer}}
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
def test_other_schemas_are_compared_too(before: Any, now: Any, expected: str) -> None:
    place = "list > answer 200 > application/json"
    assert expected.format(place) == told(document(before), document(now))[0]


def test_a_schema_may_hold_itself() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    schema = {"$ref": "#/components/schemas/Node"}
    before = document(schema, components={"schemas": {"Node": node}})
    assert [] == told(before, before)
    now = document(schema, components={"schemas": {"Node": {**node, "required": ["next"]}}})
    assert ["addition: response Node > next: is required now"] == told(before, now)


def test_scopes_of_the_whole_document_count() -> None:
    public, secured = document(True), document(True, security=[{"key": []}])
    assert [
        "breaking: list: no credential is no longer accepted",
        "addition: list: key is accepted, too",
    ] == told(public, secured)


def callables(scope: Any) -> Iterator[Any]:
    for member in scope.members.values():
        if not member.is_alias:
            if (member.is_function and member.name != "__init__") or "__init__" in member.members:
                yield member
            if member.is_class or member.is_module:
                yield from callables(member)


def test_what_the_source_tells_is_how_python_calls_it() -> None:
    """With the constructors of attrs, which griffe can't know."""
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
            # What Python binds by itself is not among them.
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
info: {title: People, version: '1'}
paths:
  /people:
    get:
      operationId: list
      responses:
        '200': {description: Those who are here.}
""",
    "pyproject.toml": """
[project]
version = "0.0.0"
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


def written(folder: Path, written: str = "", instead: str = "") -> Path:
    for name, text in MODULES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace(written, instead) if written else text)
    return folder


# What is written, what instead; what is told of that, and of its undoing.
IMPORTED: dict[str, tuple[str, str, set[str], set[str]]] = {
    "a field": (
        '    name: str = ""\n',
        "",
        {
            f"breaking: {PERSON}(name): is gone",
            f"breaking: {PERSON}.name: is gone",
        },
        {
            f"addition: {PERSON}(name): is new, and optional",
            f"addition: {PERSON}.name: is new",
        },
    ),
    "a field that is required": (
        '    role: str = ""\n',
        "    role: str\n",
        {
            f"breaking: {PERSON}(role): is required now",
        },
        {
            f"addition: {PERSON}(role): is optional now",
        },
    ),
    "a field that is new, and required": (
        "    email: str\n",
        "    email: str\n    team: str\n",
        {
            f"breaking: {PERSON}(team): is new, and required",
            f"breaking: {PERSON}(role): has another position now: new ones go last",
            f"breaking: {PERSON}(name): has another position now: new ones go last",
            f"addition: {PERSON}.team: is new",
        },
        {
            f"breaking: {PERSON}(team): is gone",
            f"breaking: {PERSON}.team: is gone",
            f"breaking: {PERSON}(role): has another position now: new ones go last",
            f"breaking: {PERSON}(name): has another position now: new ones go last",
        },
    ),
    "the order of fields": (
        '    role: str = ""\n    name: str = ""\n',
        '    name: str = ""\n    role: str = ""\n',
        {
            f"breaking: {PERSON}({name}): has another position now: new ones go last"
            for name in ("role", "name")
        },
        {
            f"breaking: {PERSON}({name}): has another position now: new ones go last"
            for name in ("role", "name")
        },
    ),
    "what an argument is called": (
        'alias="url"',
        'alias="base"',
        {
            f"breaking: {PERSON}(url): is gone",
            f"addition: {PERSON}(base): is new, and optional",
        },
        {
            f"breaking: {PERSON}(base): is gone",
            f"addition: {PERSON}(url): is new, and optional",
        },
    ),
    "how an argument is passed": (
        "def close(self, *, now=True)",
        "def close(self, now=True)",
        {"repair: sentry_members: has changed within"},
        {f"breaking: {CLIENT}.close(now): is passed otherwise now"},
    ),
    "a default": (
        "now=True",
        "now=False",
        {"repair: sentry_members: has changed within"},
        {"repair: sentry_members: has changed within"},
    ),
    "a class that is another's": (
        "class Lost(Unknown)",
        "class Lost(Refused)",
        {"breaking: sentry_members.client.Lost: is no Unknown any more"},
        {"repair: sentry_members: has changed within"},
    ),
    "a method that is underscored": (
        "_send",
        "_post",
        {"repair: sentry_members: has changed within"},
        {"repair: sentry_members: has changed within"},
    ),
    "a class that is underscored": (
        "class _Own(Lost)",
        "class _Own(Exception)",
        {"repair: sentry_members: has changed within"},
        {"repair: sentry_members: has changed within"},
    ),
    "a base that is underscored": (
        "_Base",
        "_Root",
        {"repair: sentry_members: has changed within"},
        {"repair: sentry_members: has changed within"},
    ),
    "a name that is imported": (
        "from sentry_members_api import Person\nfrom .client",
        "from .client",
        {"breaking: sentry_members.Person: is gone"},
        {"addition: sentry_members.Person: is new"},
    ),
    "an argument": (
        "body: Person",
        "person: Person",
        {
            f"breaking: {CLIENT}.invite(body): is gone",
            f"breaking: {CLIENT}.invite(person): is new, and required",
        },
        {
            f"breaking: {CLIENT}.invite(person): is gone",
            f"breaking: {CLIENT}.invite(body): is new, and required",
        },
    ),
    "a package": (
        '    "overlays/sentry_members",\n',
        "",
        {"breaking: sentry_members: is gone"},
        {"addition: sentry_members: is new"},
    ),
    "the command line, which is not imported": ("def main", "def start", set(), set()),
    "another kind": (
        "class Lost(Unknown): ...",
        "def Lost(): ...",
        {"breaking: sentry_members.client.Lost: is something else now"},
        {"breaking: sentry_members.client.Lost: is something else now"},
    ),
}


@pytest.mark.parametrize(("old", "new", "there", "back"), IMPORTED.values(), ids=IMPORTED)
def test_a_change_of_a_package_is_told_with_its_weight(
    old: str, new: str, there: set[str], back: set[str], tmp_path: Path
) -> None:
    assert any(old in text for text in MODULES.values())
    before, now = written(tmp_path / "before"), written(tmp_path / "now", old, new)
    for expected, trees in ((there, (before, now)), (back, (now, before))):
        assert expected == {
            f"{change.weight.name.lower()}: {change.place}: {change.what}"
            for change in changes._changes(*trees)
        }


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.chdir(tmp_path)
    return Tree(written(tmp_path))


def refused(*arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        changes.main(*arguments)
    return str(ended.value)


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
def test_a_change_asks_for_a_version(released: str, weight: Weight, needed: str) -> None:
    assert Version(needed) == changes._next(Version(released), weight)


def test_the_heaviest_change_decides(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.release("1.3.1")
    tree.edit("openapi.yaml", "{description: Those who", "{description: All who")
    tree.edit("openapi.yaml", "    get:\n", "    post: {responses: {}}\n    get:\n")
    assert "the next version is 1.4.0: raise the 1.3.1 in pyproject.toml" == refused()
    tree.edit("generated/sentry_members_api/__init__.py", '    name: str = ""', "    name: str")
    tree.edit("overlays/sentry_members/client.py", "    def close", "    def end")
    assert "the next version is 2.0.0: raise the 1.3.1 in pyproject.toml" == refused()
    capsys.readouterr()
    tree.edit("pyproject.toml", "1.3.1", "2.0.0")
    changes.main()
    assert (
        f"""\
Breaking since v1.3.1:
  {CLIENT}.close: is gone
  {PERSON}(name): is required now
Added since v1.3.1:
  POST /people: is new
  {CLIENT}.end: is new
Otherwise changed since v1.3.1:
  list > answer 200: is described otherwise
the next version is 2.0.0 or higher: 2.0.0 in pyproject.toml will do
"""
        == capsys.readouterr().out
    )


def test_the_last_release_is_that_which_led_here(
    tree: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.release("0.3.1")
    tree.git("switch", "--quiet", "--create", "aside")
    tree.release("0.9.0")
    tree.git("switch", "--quiet", "-")
    tree.git("commit", "--quiet", "--allow-empty", "--message=Go on")
    tree.git("tag", "very-late")
    changes.main()
    assert "openapi.yaml and what is imported are as in v0.3.1\n" == capsys.readouterr().out


def test_there_may_be_nothing_released(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    tree.release("0.3.1")
    tree.git("tag", "--delete", "v0.3.1")
    changes.main()
    told = "nothing is released yet: name what to compare with, as in make changes BASE=HEAD~1\n"
    assert told == capsys.readouterr().out
    (tree.path / "overlays/sentry_members/client.pyc").touch()
    changes.main("HEAD")
    assert "openapi.yaml and what is imported are as in HEAD\n" == capsys.readouterr().out


def test_without_a_history_there_is_nothing_to_compare_with(tree: Tree) -> None:
    assert refused().startswith("there is no history to compare with")
    tree.git("init", "--quiet")
    assert refused().startswith("there is no history to compare with")


def test_a_shallow_clone_without_its_tags_is_told(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.release("0.3.1")
    tree.git("commit", "--quiet", "--allow-empty", "--message=Go on")
    tree.git("clone", "--quiet", "--depth=1", tree.path.as_uri(), "shallow")
    monkeypatch.chdir(tmp_path / "shallow")
    assert refused().endswith("in this shallow clone: run git fetch --unshallow --tags")


@pytest.mark.parametrize("base", ["nowhere", "--output=stolen", "HEAD:openapi.yaml"])
def test_a_base_that_is_none_is_told(base: str, tree: Tree) -> None:
    tree.release("0.3.1")
    assert f"BASE={base} names no commit of this repository" == refused(base)
    assert not (tree.path / "stolen").exists()


@pytest.mark.parametrize("name", ["openapi.yaml", "pyproject.toml"])
def test_a_base_without_what_is_compared_is_told(name: str, tree: Tree) -> None:
    tree.release("0.3.1")
    tree.git("rm", "-r", "--quiet", name)
    tree.git("commit", "--quiet", "--message=Remove it")
    assert f"BASE=HEAD has no {name}: name another commit" == refused("HEAD")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("paths: [", "line 1: expected the node content, but found '<stream end>'"),
        ("paths: {}", "the document: 'openapi' is a required property"),
        ("", "line 1: this is no OpenAPI document"),
    ],
)
def test_a_base_with_a_broken_contract_is_told(text: str, fault: str, tree: Tree) -> None:
    (tree.path / "openapi.yaml").write_text(text)
    tree.release("0.3.1")
    expected = f"BASE=HEAD has a broken openapi.yaml: name another commit ({fault})"
    assert expected == refused("HEAD")
