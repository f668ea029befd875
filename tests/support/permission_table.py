"""Renders the table of accepted scopes as Markdown, as the docstrings show it."""

from sentry_members.scopes import (
    _ORG_READ,
    _TABLE,
    _TEAM_WRITE,
    _TOKEN_NAMES,
    Operation,
    Scopes,
    _any_of,
)

# Notes on a user auth token with these scopes where Open Membership is off.
_FOOTNOTES: dict[Scopes, str] = {
    _ORG_READ: (
        "Members of the organization are held to this scope: their call always ends in 202, a "
        "request to join the team."
    ),
    _ORG_READ | _TEAM_WRITE: (
        "A team admin needs both scopes in the user auth token to add members to the teams that "
        "they administer."
    ),
}


def permissions(operation: Operation) -> str:
    """Render the accepted scopes of an operation: a table, or a sentence if one says it all."""
    rows = _TABLE[operation]
    first, *others = [cell for row in rows.values() for cell in (row.on, row.off)]
    if all(cell == first for cell in others):
        return f"Accepted scopes, whatever the token and Open Membership: {_any_of(first)}."
    numbers = {scopes: f" ({number})" for number, scopes in enumerate(_FOOTNOTES, 1)}
    cells = [("Open Membership", "on", "off")]
    for token_kind, row in rows.items():
        notes = numbers if token_kind == "user" else {}
        off = ", ".join(_all_of(scopes) + notes.get(scopes, "") for scopes in row.off)
        cells.append((_TOKEN_NAMES[token_kind], ", ".join(map(_all_of, row.on)), off))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2]))
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines += [f"\n({number}) {text}" for number, text in enumerate(_FOOTNOTES.values(), 1)]
    return "\n".join(lines)


def _all_of(scopes: Scopes) -> str:
    return " + ".join(sorted(scopes))
