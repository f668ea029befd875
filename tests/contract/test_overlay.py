"""The overlay agrees with the contract where it has to repeat something of it."""

import pytest
from sentry_members import AsyncSentryMembers, SentryMembers
from sentry_members.routes import routes
from sentry_members.scopes import Operation, TokenKind, accepted_scopes
from sentry_members_onboarding.email_syntax import LENGTH
from sentry_members_onboarding.people import MEMBER_ID, SLUG

from overlays.reference.contract import Contract, load
from tests.support.permission_table import permissions
from tests.support.repo_copy import ROOT

SPEC = load((ROOT / "openapi.yaml").read_text("utf-8"))
OPERATIONS = {operation.id.lower(): operation for operation in Contract(SPEC).operations}

INVITE: Operation = "add_a_member_to_an_organization"
JOIN: Operation = "add_an_organization_member_to_a_team"
TOKEN_KINDS: tuple[TokenKind, ...] = ("internal integration", "user")


@pytest.mark.parametrize("client", [SentryMembers, AsyncSentryMembers])
def test_clients_have_a_method_for_every_operation(client: type) -> None:
    methods = {name.replace("_", "") for name in vars(client)}
    for name, operation in OPERATIONS.items():
        assert name in methods, (
            f"the overlay has no method for {operation.id} of openapi.yaml: write one for both "
            "clients (sentry_members/client.py), the row of its scopes (sentry_members/scopes.py) "
            "and a handler of the fake (sentry_members_testing/operations.py)"
        )


def test_routes_have_the_successes_of_every_operation() -> None:
    successes = {
        name: {int(status) for status in operation.responses if status.startswith("2")}
        for name, operation in OPERATIONS.items()
    }
    assert successes == {route.name.replace("_", ""): route.successes for route in routes()}


@pytest.mark.parametrize("operation", [INVITE, JOIN])
def test_scopes_are_those_of_the_contract(operation: Operation) -> None:
    accepted = {
        scopes
        for token_kind in TOKEN_KINDS
        for open_membership in (True, False)
        for scopes in accepted_scopes(operation, token_kind, open_membership=open_membership)
    }
    security = OPERATIONS[operation.replace("_", "")].security
    assert accepted == {frozenset(needs["auth_token"]) for needs in security}


def test_contract_describes_the_scopes_in_the_same_words() -> None:
    described = OPERATIONS[JOIN.replace("_", "")].node["description"]
    assert " ".join(permissions(JOIN).split()) in " ".join(described.split())


@pytest.mark.parametrize("operation", [INVITE, JOIN])
def test_readme_describes_the_scopes_in_the_same_words(operation: Operation) -> None:
    assert permissions(operation) in (ROOT / "README.md").read_text("utf-8")


def test_people_files_are_validated_by_the_patterns_of_the_contract() -> None:
    parameters = SPEC["components"]["parameters"].values()
    patterns = {parameter["name"]: parameter["schema"]["pattern"] for parameter in parameters}
    assert f"^{SLUG.pattern}$" == patterns["team_id_or_slug"]
    assert f"^(?:{MEMBER_ID.pattern})$" == patterns["member_id"]
    assert LENGTH == SPEC["components"]["schemas"]["NewMember"]["properties"]["email"]["maxLength"]
