"""`make upstream` reports each difference between the contract and a published schema."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from overlays.reference.contract import load
from tests.maintenance import upstream
from tests.support.certificates import Authority
from tests.support.contracts import EXAMPLE, PUBLISHED, agree, known_differences
from tests.support.raw_server import recorder
from tests.support.repo_copy import ROOT, Tree

TEXT = PUBLISHED.read_text("utf-8")
CONTRACT = load(EXAMPLE.read_text("utf-8"))
ROLES = json.dumps(sorted(CONTRACT["components"]["schemas"]["OrganizationRole"]["enum"]))
# The differences before anything has changed.
KNOWN = known_differences()

INVITE = "POST /api/0/organizations/{}/members/"
JOIN = "POST /api/0/organizations/{}/members/{}/teams/{}/"
REGION = '{variable region: string (default "us", enum ["de", "us"])}'


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.slow
def test_accepts_explained_differences(tree: Tree) -> None:
    agree(tree)
    agreed = tree.make("upstream", f"SCHEMA={PUBLISHED}")
    assert (0, "") == (agreed.returncode, agreed.stderr)
    assert f"as published, except for the {len(KNOWN)} differences in" in agreed.stdout


@pytest.mark.slow
def test_reports_a_difference_and_then_the_remedy() -> None:
    with recorder() as server:
        server.respond(200, TEXT.replace('"maxLength": 75', '"maxLength": 100').encode())
        differs = Tree(ROOT).make("upstream", f"SCHEMA={server.url()}/openapi-derefed.json")
    assert (2, "") == (differs.returncode, differs.stdout)
    lines = [line for line in differs.stderr.splitlines() if not line.startswith("make: ")]
    assert f"{INVITE} request.email maxLength: ours 75, Sentry's 100" in lines
    assert upstream.REMEDY == lines[-1]


@pytest.mark.parametrize(
    ("published", "replacement", "expected"),
    [
        (
            '"reinvite": {"type": "boolean"}',
            '"reinvite": {"type": "boolean"}, "region": {"type": "string", "maxLength": 9}',
            [f"{INVITE} request.region: ours none, Sentry's string (maxLength 9)"],
        ),
        (
            ',\n                  "reinvite": {"type": "boolean"}',
            "",
            [f"{INVITE} request.reinvite: ours boolean, Sentry's none"],
        ),
        (
            '"reinvite": {"type": "boolean"}',
            '"reinvite": {"type": "string", "nullable": true}',
            [
                f"{INVITE} request.reinvite type: ours boolean, Sentry's string",
                f"{INVITE} request.reinvite nullable: ours none, Sentry's true",
            ],
        ),
        (
            '"format": "email"',
            '"format": "idn-email"',
            [f"{INVITE} request.email format: ours email, Sentry's idn-email"],
        ),
        (
            '"maxLength": 75',
            '"maxLength": 100, "minLength": 3',
            [
                f"{INVITE} request.email maxLength: ours 75, Sentry's 100",
                f"{INVITE} request.email minLength: ours none, Sentry's 3",
            ],
        ),
        (
            '"enum": ["billing", "member", "manager", "owner", "admin"]',
            '"enum": ["owner", "guest"]',
            [f'{INVITE} request.orgRole enum: ours {ROLES}, Sentry\'s ["guest", "owner"]'],
        ),
        (
            '"required": ["email"]',
            '"required": ["email", "orgRole"]',
            [f"{INVITE} request.orgRole required: ours none, Sentry's true"],
        ),
        (
            '"items": {"type": "object", "additionalProperties": {}},\n',
            '"items": {"type": "object", "properties": {"teamSlug": {"type": "string"}}},\n',
            [f"{INVITE} request.teamRoles[].teamSlug required: ours true, Sentry's none"],
        ),
        (
            '"requestBody": {\n          "required": true,\n          "content": {\n',
            '"requestBody": {\n          "content": {"a/b": {},\n',
            [
                f"{INVITE} request required: ours true, Sentry's none",
                f"{INVITE} request content: ours application/json, Sentry's a/b, application/json",
            ],
        ),
        (
            '"memberCount": {"type": "integer"}',
            '"memberCount": {"type": "integer"}, "lead": {"type": "array", "items": {}}',
            [f"{JOIN} 201.lead: ours none, Sentry's array of anything"],
        ),
        (
            '                    "memberCount": {"type": "integer"},\n',
            "",
            [f"{JOIN} 201.memberCount: ours required integer, Sentry's none"],
        ),
        (
            '"memberCount", "name"',
            '"name"',
            [f"{JOIN} 201.memberCount required: ours true, Sentry's none"],
        ),
        (
            '"access": {"type": "array", "items": {"type": "string"}}',
            '"access": {"type": "array", "items": {"type": "integer", "nullable": true}}',
            [
                f"{JOIN} 201.access[] type: ours string, Sentry's integer",
                f"{JOIN} 201.access[] nullable: ours none, Sentry's true",
            ],
        ),
        (
            '"202": {"description": "Accepted"}',
            '"206": {"description": "Partly"}',
            [f"{JOIN} 202: ours listed, Sentry's none", f"{JOIN} 206: ours none, Sentry's listed"],
        ),
        (
            '"202": {"description": "Accepted"}',
            '"202": {"content": {"application/json": {"schema": {"type": "string"}}}}',
            [
                f"{JOIN} 202 type: ours none, Sentry's string",
                f"{JOIN} 202 content: ours none, Sentry's application/json",
            ],
        ),
        (
            '{"in": "path", "name": "team_id_or_slug"',
            '{"in": "query", "name": "notify"}, {"in": "path", "name": "team_id_or_slug"',
            [f"{JOIN} query parameter notify: ours none, Sentry's anything"],
        ),
        (
            '"name": "member_id", "required": true, "schema": {"type": "string"}',
            '"name": "member_id", "schema": {"type": "integer"}',
            [
                f"{JOIN} path parameter member_id type: ours string, Sentry's integer",
                f"{JOIN} path parameter member_id required: ours true, Sentry's none",
            ],
        ),
        (
            "member_id",
            "membership",
            [f"{JOIN} path parameter member_id name: ours member_id, Sentry's membership"],
        ),
        (
            '{"auth_token": ["member:admin", "member:invite", "member:write"]}',
            '{"auth_token": ["member:admin"]}, {}',
            [
                (
                    f"{INVITE} scopes: ours member:admin or member:invite or member:write, "
                    "Sentry's member:admin or none"
                )
            ],
        ),
        (
            '"tags": ["Teams"]',
            '"deprecated": true',
            [f"{JOIN} deprecated: ours none, Sentry's true"],
        ),
        (
            '"summary": "Add an Organization Member to a Team"',
            '"summary": "Join a Team"',
            [
                (
                    f'{JOIN} summary: ours "Add an Organization Member to a Team", '
                    'Sentry\'s "Join a Team"'
                )
            ],
        ),
        (
            "https://{region}.sentry.io",
            "https://{region}.example.com",
            [
                line
                for operation in (INVITE, JOIN)
                for line in (
                    f"{operation} server https://{{region}}.sentry.io: ours {REGION}, Sentry's none",
                    f"{operation} server https://{{region}}.example.com: ours none, Sentry's {REGION}",
                )
            ],
        ),
        (
            '"default": "us", "enum": ["us", "de"]',
            '"default": "eu", "enum": ["eu", "us"]',
            [
                f"{operation} server https://{{region}}.sentry.io variable region {difference}"
                for operation in (INVITE, JOIN)
                for difference in (
                    'default: ours "us", Sentry\'s "eu"',
                    'enum: ours ["de", "us"], Sentry\'s ["eu", "us"]',
                )
            ],
        ),
        (
            '"tags": ["Teams"]',
            '"servers": [{"url": "https://teams.sentry.io"}]',
            [
                f"{JOIN} server https://{{region}}.sentry.io: ours {REGION}, Sentry's none",
                f"{JOIN} server https://teams.sentry.io: ours none, Sentry's listed",
            ],
        ),
        ('"description": "Accepted"', '"description": "Asked for"', []),
    ],
)
def test_reports_a_change_with_its_place(
    published: str, replacement: str, expected: list[str]
) -> None:
    assert published in TEXT
    changed = json.loads(TEXT.replace(published, replacement))
    assert expected == [
        line for line in upstream.differences(CONTRACT, changed) if line not in KNOWN
    ]


@pytest.mark.parametrize(
    ("published", "replacement", "expected"),
    [
        (
            '"operationId": "addOrganizationMember"',
            '"operationId": "inviteMember"',
            (f'{INVITE} operationId: ours "addAMemberToAnOrganization", Sentry\'s "inviteMember"'),
        ),
        (
            '"default": "member"',
            '"default": "admin"',
            f'{INVITE} request.orgRole default: ours none, Sentry\'s "admin"',
        ),
        (
            '"member:write"]',
            '"member:write", "org:invite"]',
            (
                f"{INVITE} scopes: ours member:admin or member:invite or member:write, "
                "Sentry's member:admin + member:invite + member:write + org:invite"
            ),
        ),
        (
            '"is_verified": {"type": "boolean"}',
            '"is_verified": {"type": "string", "format": "date-time"}',
            (
                f"{INVITE} 201.user.emails: ours none, Sentry's required array of object {{id: "
                "required string, email: required string, is_verified: required date-time string}"
            ),
        ),
    ],
)
def test_reports_an_explanation_that_is_no_longer_true(
    published: str, replacement: str, expected: str
) -> None:
    [outdated] = [line for line in KNOWN if line.startswith(f"{expected.partition(': ours')[0]}: ")]
    changed = json.loads(TEXT.replace(published, replacement))
    assert [expected, f"no longer true: {outdated}"] == upstream.report(CONTRACT, changed, KNOWN)


def test_reports_a_missing_operation() -> None:
    changed = json.loads(TEXT)
    path = list(changed["paths"])[1]
    changed["paths"][path]["put"] = changed["paths"][path].pop("post")
    found = upstream.differences(CONTRACT, changed)
    assert [f"{JOIN}: ours {path}, Sentry's none"] == [line for line in found if line not in KNOWN]


def of(schema: Any) -> dict[str, Any]:
    """Build a document whose only response has this schema."""
    response = {"content": {"application/json": {"schema": schema}}}
    return {
        "paths": {"/": {"get": {"responses": {"200": response}}}},
        "components": {"schemas": {"Role": {"enum": ["a", "b"], "type": "string"}}},
    }


ROLE = {"$ref": "#/components/schemas/Role"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        (
            {"anyOf": [ROLE, {"type": "null"}]},
            {"enum": ["b", "a", None], "type": "string", "nullable": True},
        ),
        ({"oneOf": [{"type": "null"}, ROLE]}, {"anyOf": [{**ROLE, "nullable": True}]}),
        ({"anyOf": [ROLE, {"type": "string"}]}, {"type": "string"}),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, {"type": ["integer", "string"]}),
        ({"type": "object"}, {"type": "object", "additionalProperties": {}}),
        ({**ROLE, "maxLength": 5}, {"type": "string", "enum": ["a", "b"], "maxLength": 5}),
        ({"type": "string", "description": "Ours", "example": 1}, {"type": "string", "x-a": 1}),
    ],
)
def test_equivalent_schemas_do_not_differ(ours: Any, theirs: Any) -> None:
    assert [] == list(upstream.differences(of(ours), of(theirs)))


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (
            {"anyOf": [{"type": "string"}, {"type": "string", "nullable": True}]},
            {"type": "string"},
            "GET / 200 nullable: ours true, Sentry's none",
        ),
        (
            {
                "anyOf": [
                    {"type": "object", "properties": {"a": {}}},
                    {"type": "object", "properties": {"b": {}}, "minProperties": 1},
                ]
            },
            {"type": "object"},
            (
                "GET / 200 type: ours object {a: anything} or object {b: anything} "
                "(minProperties 1), Sentry's object"
            ),
        ),
        ({"type": "null"}, {"type": "string"}, "GET / 200 type: ours null, Sentry's string"),
        ({"default": None}, {}, "GET / 200 default: ours null, Sentry's none"),
        ({"default": "none"}, {}, 'GET / 200 default: ours "none", Sentry\'s none'),
        (
            {"type": "object", "additionalProperties": ROLE},
            {"type": "object", "additionalProperties": False},
            'GET / 200 additionalProperties: ours string (enum ["a", "b"]), Sentry\'s false',
        ),
        (
            {},
            {"allOf": [{"type": "string"}]},
            'GET / 200 allOf: ours none, Sentry\'s [{"type": "string"}]',
        ),
    ],
)
def test_reports_each_difference_of_schemas(ours: Any, theirs: Any, expected: str) -> None:
    assert [expected] == list(upstream.differences(of(ours), of(theirs)))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<html>", "SOURCE is not JSON (Expecting value: line 1 column 1 (char 0))"),
        (b"[" * 100_000, "SOURCE is not JSON ("),
        (b"\xff", "SOURCE is not JSON ('utf-8' codec can't decode byte 0xff"),
        (b"[]", "SOURCE is not an OpenAPI document: "),
        (b'{"swagger": "2.0", "paths": {}}', "SOURCE is not an OpenAPI document: "),
        (b'{"openapi": "3.0.3", "paths": {}}', f"SOURCE has no {INVITE} and no "),
        (b'{"openapi": "3.0.3", "paths": []}', "SOURCE is not a valid OpenAPI document: "),
        (
            TEXT.replace('"type": "boolean"', '"$ref": "#/no"').encode(),
            "SOURCE is not a valid OpenAPI",
        ),
        (
            TEXT.replace('"type": "boolean"', '"$ref": "#"').encode(),
            "SOURCE is not a valid OpenAPI",
        ),
    ],
    ids=range(9),
)
def test_rejects_a_source_that_is_not_a_schema(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    source = tmp_path / "schema.json"
    source.write_bytes(content)
    with pytest.raises(SystemExit) as exit_:
        upstream.main(str(source))
    [line] = str(exit_.value).splitlines()
    assert line.startswith(expected.replace("SOURCE", str(source)))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://127.0.0.1/schema.json", "unsupported protocol 'ftp://'"),
        ("file:///schema.json", "missing an 'http://' or 'https://' protocol"),
        ("http://127.0.0.1:port/", "Invalid port"),
        ("http://127.0.0.1:1/", "Connection refused"),
    ],
)
def test_reports_an_unreachable_url(url: str, expected: str) -> None:
    assert expected in reason(url)


def reason(source: str) -> str:
    """Return the message with which a source that can't be read is reported."""
    with pytest.raises(SystemExit) as exit_:
        upstream.read(source)
    [line] = str(exit_.value).splitlines()
    assert line.startswith(f"{source} can't be read (")
    assert line.endswith("): set SCHEMA=file-or-url to use another")
    return line


@pytest.mark.parametrize("status", [404, 500])
def test_reports_an_error_response(status: int) -> None:
    with recorder() as server:
        server.respond(status, TEXT.encode())
        assert f"'{status} " in reason(server.url())


def test_reports_a_truncated_response() -> None:
    with recorder() as server:
        server.break_off(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        assert "received 1 bytes, expected 9" in reason(server.url())


def test_reports_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in reason(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_follows_redirects() -> None:
    with recorder() as server, recorder() as elsewhere:
        server.respond(302, Location=f"{elsewhere.url()}/schema.json")
        elsewhere.respond(200, TEXT.encode())
        assert json.loads(TEXT) == upstream.read(server.url())
        elsewhere.respond(302, Location=elsewhere.url())
        assert "Exceeded maximum allowed redirects" in reason(server.url())


def test_trusts_the_certificates_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "authority")
    with recorder(authority.context("localhost")) as server:
        server.respond(200, TEXT.encode())
        assert "CERTIFICATE_VERIFY_FAILED" in reason(server.url("localhost"))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert json.loads(TEXT) == upstream.read(server.url("localhost"))


def test_compares_a_schema_of_five_megabytes() -> None:
    head, paths, tail = TEXT.partition('"paths": {')
    operation = json.dumps(json.loads(TEXT)["paths"], indent=2)
    others = "".join(f'"/{number}/": {{"x-paths": {operation}}},' for number in range(350))
    content = (head + paths + others + tail).encode()
    assert 5_000_000 < len(content)
    with recorder() as server:
        server.respond(200, content)
        assert [] == upstream.report(CONTRACT, upstream.read(server.url()), KNOWN)


@pytest.mark.parametrize("text", ["", "- a line", "A reason: [a line]", "A reason: with: a line"])
def test_rejects_a_file_without_reasons(text: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        upstream.explained(text)
    [line] = str(exit_.value).splitlines()
    assert line.startswith(f"{upstream.EXPLAINED} must map each reason to lines (")
