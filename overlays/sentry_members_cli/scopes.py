"""The command `scopes`."""

from typing import get_args

import typer
from rich.table import Column, Table
from sentry_members.scopes import Operation, Scopes, TokenKind, accepted_scopes, asking_scopes

from .output import out, print_json

_COMMANDS: dict[Operation, str] = {
    "add_a_member_to_an_organization": "invite",
    "add_an_organization_member_to_a_team": "add-to-team",
}


def names() -> list[str]:
    """Return what the operations may be called: by their commands or by their methods."""
    return [*_COMMANDS.values(), *get_args(Operation)]


def print_scopes(
    operation: str | None, token_kind: str | None, open_membership: str | None, *, as_json: bool
) -> None:
    """Print the scopes that an operation accepts, or each of them."""
    if operation not in (None, *names()):
        raise typer.BadParameter(
            f"{operation!r} is not one of {', '.join(map(repr, names()))}.",
            param_hint="'[OPERATION]'",
        )
    operations: tuple[Operation, ...] = get_args(Operation)
    rows: list[tuple[str, Operation, TokenKind, bool]] = [
        (_COMMANDS.get(name, name), name, caller, setting == "on")
        for name in operations
        for caller in get_args(TokenKind)
        for setting in ("on", "off")
        if operation in (None, _COMMANDS.get(name), name)
        if token_kind in (None, caller.replace(" ", "-"))
        if open_membership in (None, setting)
    ]
    titles = ("Operation", "Token", "Open Membership", "Accepted: any one of", "May only request")
    table = Table(*(Column(title, overflow="fold") for title in titles))
    values: list[dict[str, object]] = []
    for command, name, caller, is_open in rows:
        accepted = accepted_scopes(name, caller, open_membership=is_open)
        asking = asking_scopes(name, caller, open_membership=is_open)
        values.append(
            {
                "operation": name,
                "token_kind": caller,
                "open_membership": is_open,
                "accepted": list(map(sorted, accepted)),
                "only_asking": list(map(sorted, asking)),
            }
        )
        table.add_row(command, caller, "on" if is_open else "off", _cell(accepted), _cell(asking))
    if as_json:
        print_json(values)
    else:
        out.print(table)


def _cell(sets: tuple[Scopes, ...]) -> str:
    return "\n".join(" + ".join(sorted(scopes)) for scopes in sets)
