"""The fake takes fields, enum values and required keys from the generated models."""

from datetime import date, datetime
from types import NoneType
from typing import Any, Literal
from uuid import UUID

import pytest
from sentry_members_api.models import (
    Member,
    NewMember,
    Team,
    TeamRoleAssignment,
)
from sentry_members_testing import FakeSentry, permissions
from sentry_members_testing.field_checks import Invalid, check
from sentry_members_testing.model_fields import Field, fields, smallest_json
from sentry_members_testing.permissions import ROLE_SCOPES

from tests.support.fake_requests import add, invite


def test_reads_the_fields_of_a_model() -> None:
    found = fields(NewMember)
    assert Field((str,), required=True) == found["email"]
    assert Field((list[TeamRoleAssignment],), required=False) == found["teamRoles"]
    assert NoneType in fields(TeamRoleAssignment)["role"].types


@pytest.mark.parametrize("model", [NewMember, TeamRoleAssignment, Member, Team])
def test_the_smallest_json_has_the_required_keys(model: Any) -> None:
    required = {name for name, field in fields(model).items() if field.required}
    assert required == smallest_json(model).keys()
    assert smallest_json(model) == model.from_dict(smallest_json(model)).to_dict()


VALUES: list[tuple[Any, list[Any], list[tuple[Any, str]]]] = [
    (str, ["", "a", 5], [([], "Not a valid string."), (True, "Not a valid string.")]),
    (int, [5, "5"], [("a", "A valid integer is required."), ([], "A valid integer is required.")]),
    (float, [0.5], [("a", "A valid number is required.")]),
    (bool, [True, "no"], [("a", "Must be a valid boolean.")]),
    (UUID, [str(UUID(int=5))], [("a", "Must be a valid UUID."), (5, "Must be a valid UUID.")]),
    (date, ["2026-01-31"], [("a", "Date has wrong format.")]),
    (datetime, ["2026-01-31T12:00:00+00:00"], [(5, "Datetime has wrong format.")]),
    (Literal["a", "b"], ["b"], [("c", '"c" is not a valid choice.')]),
    (list[int], [[], [5]], [("a", "Expected a list of items"), (["a"], "A valid integer")]),
    (
        TeamRoleAssignment,
        [{"teamSlug": "backend", "role": None}],
        [("a", "non_field_errors"), ({"role": None}, "{'teamSlug': ['This field is required.']}")],
    ),
]


@pytest.mark.parametrize(
    ("type_", "valid", "invalid"), VALUES, ids=[str(type_) for type_, *_ in VALUES]
)
def test_checks_a_value_by_its_type(
    type_: Any, valid: list[Any], invalid: list[tuple[Any, str]]
) -> None:
    for value in valid:
        check(Field((type_,), required=False), value)
    check(Field((type_, NoneType), required=False), None)
    for value, message in [*invalid, (None, "This field may not be null.")]:
        with pytest.raises(Invalid) as caught:
            check(Field((type_,), required=False), value)
        assert message in str(caught.value.args[0])


def test_accepts_a_value_of_any_of_several_types() -> None:
    either = Field((Literal["a"], int), required=False)
    check(either, "a")
    check(either, 5)
    with pytest.raises(Invalid):
        check(either, "b")


def test_a_role_whose_rights_are_not_known_has_those_of_a_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A copy: put back, the role would come last, and so be the highest for later tests.
    known = {role: scopes for role, scopes in ROLE_SCOPES.items() if role != "manager"}
    monkeypatch.setattr(permissions, "ROLE_SCOPES", known)
    fake = FakeSentry.example()
    invited = invite(fake, orgRole="manager")
    assert (201, "manager") == (invited.status_code, invited.json()["orgRole"])
    assert 403 == add(fake, owner="manager", scopes=["team:write"]).status_code
    assert 201 == add(fake, owner="member", scopes=["org:read"]).status_code
