"""The permission table, as data and in words."""

import inspect

import pytest
from sentry_members import AsyncSentryMembers, SentryMembers, accepted_scopes
from sentry_members.scopes import Operation, TokenKind, asking_scopes, needed

from tests.support.permission_table import permissions

INVITE: Operation = "add_a_member_to_an_organization"
JOIN: Operation = "add_an_organization_member_to_a_team"
TOKEN_KINDS: tuple[TokenKind, ...] = ("internal integration", "user")


def sets(*scopes: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(together.split()) for together in scopes)


@pytest.mark.parametrize("token_kind", TOKEN_KINDS)
@pytest.mark.parametrize("open_membership", [True, False])
def test_returns_the_scopes_that_may_add_a_member(
    token_kind: TokenKind, open_membership: bool
) -> None:
    expected = sets("member:admin", "member:write", "member:invite")
    assert expected == accepted_scopes(INVITE, token_kind, open_membership=open_membership)


@pytest.mark.parametrize(
    ("token_kind", "open_membership", "expected"),
    [
        ("internal integration", True, sets("org:read")),
        ("internal integration", False, sets("org:write", "team:write")),
        ("user", True, sets("org:read")),
        ("user", False, sets("org:read", "org:write", "org:read team:write")),
    ],
)
def test_returns_the_scopes_that_may_add_to_a_team(
    token_kind: TokenKind, open_membership: bool, expected: tuple[frozenset[str], ...]
) -> None:
    assert expected == accepted_scopes(JOIN, token_kind, open_membership=open_membership)


@pytest.mark.parametrize("token_kind", TOKEN_KINDS)
def test_returns_the_scopes_that_may_only_request_access(token_kind: TokenKind) -> None:
    assert sets("org:read") == asking_scopes(JOIN, token_kind, open_membership=False)
    assert () == asking_scopes(JOIN, token_kind, open_membership=True)
    assert () == asking_scopes(INVITE, token_kind, open_membership=False)


@pytest.mark.parametrize("client", [SentryMembers, AsyncSentryMembers])
@pytest.mark.parametrize("operation", [INVITE, JOIN])
def test_the_docstrings_have_the_permission_table(client: type, operation: Operation) -> None:
    documented = inspect.getdoc(getattr(client, operation)) or ""
    assert " ".join(permissions(operation).split()) in " ".join(documented.split())


def test_the_table_fits_into_a_terminal() -> None:
    table = permissions(JOIN).split("\n\n")[0].splitlines()
    assert 1 == len({len(line) for line in table})
    assert len(table[0]) <= 100


def test_names_the_scopes_for_the_token_kind() -> None:
    assert "Internal" not in needed(JOIN, "user")
    assert "Internal" in needed(JOIN, None)
    assert "member:invite" in needed(INVITE, "internal integration")
