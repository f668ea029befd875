"""Which permission scopes the operations accept, as data.

The source is the table in Sentry's published documentation: by operation, by token kind, by the
organization's setting "Open Membership". The docstrings of the clients' methods show it.
"""

from typing import Literal, NamedTuple

Operation = Literal["add_a_member_to_an_organization", "add_an_organization_member_to_a_team"]
TokenKind = Literal["internal integration", "user"]
Scopes = frozenset[str]


class _Row(NamedTuple):
    """The sets of scopes that are accepted for a token kind.

    Attributes:
        on: The sets accepted with Open Membership on.
        off: The sets accepted with Open Membership off.
        asking: The sets that may end in an access request with Open Membership off.
    """

    on: tuple[Scopes, ...]
    off: tuple[Scopes, ...]
    asking: tuple[Scopes, ...] = ()


_MEMBER = tuple(frozenset({scope}) for scope in ("member:admin", "member:write", "member:invite"))
_ORG_READ, _ORG_WRITE, _TEAM_WRITE = (
    frozenset({scope}) for scope in ("org:read", "org:write", "team:write")
)

_TABLE: dict[str, dict[TokenKind, _Row]] = {
    "add_a_member_to_an_organization": {
        "internal integration": _Row(on=_MEMBER, off=_MEMBER),
        "user": _Row(on=_MEMBER, off=_MEMBER),
    },
    "add_an_organization_member_to_a_team": {
        "internal integration": _Row(
            on=(_ORG_READ,), off=(_ORG_WRITE, _TEAM_WRITE), asking=(_ORG_READ,)
        ),
        "user": _Row(
            on=(_ORG_READ,),
            off=(_ORG_READ, _ORG_WRITE, _ORG_READ | _TEAM_WRITE),
            asking=(_ORG_READ,),
        ),
    },
}

_TOKEN_NAMES: dict[TokenKind, str] = {
    "internal integration": "Internal integration token",
    "user": "User auth token",
}


def accepted_scopes(
    operation: Operation, token_kind: TokenKind, *, open_membership: bool
) -> tuple[Scopes, ...]:
    """Return the sets of scopes that an operation accepts; a token needs every scope of one set.

    Args:
        operation: The operation, named like its method.
        token_kind: `"user"` (a user auth token) or `"internal integration"`.
        open_membership: Whether the organization's setting "Open Membership" is on.

    Returns:
        The sets, in the order of the published table.

    Raises:
        KeyError: The operation or the token kind is unknown.
    """
    row = _TABLE[operation][token_kind]
    return row.on if open_membership else row.off


def asking_scopes(
    operation: Operation, token_kind: TokenKind, *, open_membership: bool
) -> tuple[Scopes, ...]:
    """Return the sets of scopes with which a call may end in an access request (202).

    With a user auth token it does if the token's owner has no more rights than a member (the
    published table); with an internal integration's token always (the server's behaviour).

    Arguments and errors are those of `accepted_scopes`.
    """
    row = _TABLE[operation][token_kind]
    return () if open_membership else row.asking


def needed(operation: str, token_kind: TokenKind | None) -> str:
    """Describe in sentences which scopes a token needs: for both token kinds if None.

    The text is empty for an operation that has no row in the table.
    """
    sentences: list[str] = []
    for row_kind, row in _TABLE.get(operation, {}).items():
        if token_kind in (None, row_kind):
            accepted = _any_of(row.on)
            if row.on != row.off:
                accepted = f"with Open Membership on {accepted}; with it off {_any_of(row.off)}"
            sentences.append(f"{_TOKEN_NAMES[row_kind]}: {accepted}.")
    return " ".join(["Accepted scopes:", *sentences] if sentences else [])


def _any_of(sets: tuple[Scopes, ...]) -> str:
    *others, last = (" + ".join(sorted(scopes)) for scopes in sets)
    return f"{', '.join(others)} or {last}" if others else last
