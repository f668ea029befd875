"""What the overlay has to know of the contract is what the contract says."""

import pytest
import yaml
from sentry_members import AsyncSentryMembers, SentryMembers
from sentry_members.routes import routes
from sentry_members.scopes import Operation, TokenKind, accepted_scopes
from sentry_members_onboarding.email_syntax import LENGTH
from sentry_members_onboarding.people import MEMBER_ID, SLUG

from overlays.reference.contract import Contract
from tests.support.permission_table import permissions
from tests.support.repo_copy import ROOT

SPEC = yaml.safe_load((ROOT / "openapi.yaml").read_text("utf-8"))
OPERATIONS = {operation.id.lower(): operation for operation in Contract(SPEC).operations}

INVITE: Operation = "add_a_member_to_an_organization"
JOIN: Operation = "add_an_organization_member_to_a_team"
KINDS: tuple[TokenKind, ...] = ("internal integration", "user")


@pytest.mark.parametrize("client", [SentryMembers, AsyncSentryMembers])
def test_it_has_a_method_for_every_operation(client: type) -> None:
    methods = {name.replace("_", "") for name in dir(client)}
    for name, operation in OPERATIONS.items():
        assert name in methods, (
            f"the overlay has no method for {operation.id} of openapi.yaml: write one for both "
            "clients (sentry_members/client.py), the row of its scopes (sentry_members/scopes.py) "
            "and a handler of the fake (sentry_members_testing/operations.py)"
        )


def test_it_knows_every_operation_and_its_successes() -> None:
    successes = {
        name: {int(status) for status in operation.responses if status.startswith("2")}
        for name, operation in OPERATIONS.items()
    }
    assert successes == {route.name.replace("_", ""): route.successes for route in routes()}


@pytest.mark.parametrize("operation", [INVITE, JOIN])
def test_it_accepts_what_the_contract_accepts(operation: Operation) -> None:
    accepted = {
        scopes
        for kind in KINDS
        for on in (True, False)
        for scopes in accepted_scopes(operation, kind, open_membership=on)
    }
    security = OPERATIONS[operation.replace("_", "")].security
    assert accepted == {frozenset(needs["auth_token"]) for needs in security}


def test_the_contract_describes_it_in_the_same_words() -> None:
    described = OPERATIONS[JOIN.replace("_", "")].node["description"]
    assert " ".join(permissions(JOIN).split()) in " ".join(described.split())


@pytest.mark.parametrize("operation", [INVITE, JOIN])
def test_the_readme_has_it(operation: Operation) -> None:
    assert permissions(operation) in (ROOT / "README.md").read_text("utf-8")


def test_a_file_of_people_is_checked_as_the_contract_says() -> None:
    parameters = SPEC["components"]["parameters"].values()
    patterns = {parameter["name"]: parameter["schema"]["pattern"] for parameter in parameters}
    assert f"^{SLUG.pattern}$" == patterns["team_id_or_slug"]
    assert f"^(?:{MEMBER_ID.pattern})$" == patterns["member_id"]
    assert LENGTH == SPEC["components"]["schemas"]["NewMember"]["properties"]["email"]["maxLength"]
