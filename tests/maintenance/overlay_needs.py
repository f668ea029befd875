"""List what the overlays still need after a change of openapi.yaml: `make generate`.

Run at the root of the tree as `python -m tests.maintenance.overlay_needs`, with the generated
package and the overlays on the path.
"""

import sys
from collections.abc import Iterator, KeysView
from itertools import chain

from tests.maintenance import overlay_imports

CLIENT = "overlays/sentry_members/client.py"
SCOPES = "overlays/sentry_members/scopes.py"
FAKE = "overlays/sentry_members_testing"


def of_operations() -> Iterator[str]:
    """Yield what an operation lacks that openapi.yaml has, and what is left of one that it lost."""
    from sentry_members import AsyncSentryMembers, SentryMembers, scopes
    from sentry_members.routes import routes
    from sentry_members_testing.operations import ENDPOINTS

    generated = {route.name for route in routes()}
    for name in sorted(generated):
        for client in (SentryMembers, AsyncSentryMembers):
            if name not in vars(client):
                yield f"{CLIENT}: {client.__name__} has no method {name}"
    yield from _differences(
        generated,
        scopes._TABLE.keys(),
        f"{SCOPES}: the scopes of {{}} are missing: add a row to _TABLE, and the name to Operation",
        f"{SCOPES}: openapi.yaml has no operation {{}}: remove its row of _TABLE, and its name",
    )
    yield from _differences(
        generated,
        ENDPOINTS.keys(),
        f"{FAKE}/operations.py: the fake has no handler of {{}}: add a row to ENDPOINTS",
        f"{FAKE}/operations.py: openapi.yaml has no operation {{}}: remove its row of ENDPOINTS",
    )


def of_fake() -> Iterator[str]:
    """Yield what the fake can't know of a new value, and what it knows of a removed one."""
    from sentry_members_api.models import NewMember, TeamRoleAssignment
    from sentry_members_api.models.organization_role import ORGANIZATION_ROLE_VALUES
    from sentry_members_testing.invite_form import CHECKS, TEAM_ROLE_KEYS, UNDOCUMENTED
    from sentry_members_testing.model_fields import fields
    from sentry_members_testing.permissions import ROLE_SCOPES

    yield from _differences(
        ORGANIZATION_ROLE_VALUES,
        ROLE_SCOPES.keys(),
        f"{FAKE}/permissions.py: the rights of the role {{}} are not known, and the fake gives it "
        "those of a member: add a row to ROLE_SCOPES",
        f"{FAKE}/permissions.py: openapi.yaml has no role {{}}: remove its row of ROLE_SCOPES",
    )
    for model, checked in (
        (NewMember, CHECKS.keys() - {*UNDOCUMENTED}),
        (TeamRoleAssignment, {*TEAM_ROLE_KEYS}),
    ):
        for name in sorted(checked - fields(model).keys()):
            yield (
                f"{FAKE}/invite_form.py: {model.__name__} has no field {name} any more: rename or "
                "remove its check"
            )


def _differences(
    contract: set[str], written: KeysView[str], missing: str, superfluous: str
) -> Iterator[str]:
    yield from (missing.format(name) for name in sorted(contract - written))
    yield from (superfluous.format(name) for name in sorted(written - contract))


def all_needs() -> list[str]:
    """Return what the overlays need, a line each."""
    # An overlay with a wrong import can't be looked at any further.
    if wrong := [*overlay_imports.missing()]:
        return wrong
    try:
        return [*chain(of_operations(), of_fake())]
    except Exception as error:  # noqa: BLE001 - an overlay may fail in any way after a change
        return [f"the overlays can't be imported ({type(error).__name__}: {error})"]


if __name__ == "__main__":
    sys.exit("\n".join(all_needs()) or 0)
