"""The body of an invite, checked field by field as Sentry does."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sentry_members_api.models import NewMember
from sentry_members_api.models.team_role import TEAM_ROLE_VALUES

from .field_checks import Invalid, boolean, check, items, present
from .messages import Refused, Request, internal_error
from .model_fields import fields
from .state import Organization

_EMAIL_LENGTH = 75
# As Django checks an address, but for quoted local parts and IP literals.
_LOCAL_PART = re.compile(r"(?i)[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*")
_DOMAIN = re.compile(r"(?i)([A-Z0-9]([A-Z0-9-]{0,61}[A-Z0-9])?\.)+[A-Z0-9-]{2,63}(?<!-)|localhost")
_DEFAULTS: Mapping[str, Any] = {
    "role": "member",
    "orgRole": "member",
    "teams": [],
    "teamRoles": [],
    "sendInvite": True,
}
# Sentry's serializer has these fields too, but its documentation doesn't.
UNDOCUMENTED = ("role", "teams", "regenerate")
TEAM_ROLE_KEYS = _TEAM, _ROLE = ("teamSlug", "role")


def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object in a request; raise `Refused` if the body is something else."""
    media_type = request.headers.get("Content-Type", "")
    if request.body and media_type.partition(";")[0].strip() != "application/json":
        raise Refused(415, {"detail": f'Unsupported media type "{media_type}" in request.'})
    try:
        data = json.loads(request.body.decode() or "{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, {"detail": f"JSON parse error - {error}"}) from None
    if not isinstance(data, dict):
        text = f"Invalid data. Expected a dictionary, but got {type(data).__name__}."
        text = "No data provided" if data is None else text
        raise Refused(400, {"non_field_errors": [text]})
    return cast("dict[str, Any]", data)


def known_fields(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that the server knows; it ignores all others."""
    known = (*fields(NewMember), *UNDOCUMENTED)
    return {name: value for name, value in data.items() if name in known}


@dataclass(frozen=True, slots=True)
class InviteForm:
    """Checks the fields of an invite to an organization, by a caller who may give these roles."""

    organization: Organization
    roles: Sequence[str]
    allowed_roles: Sequence[str]
    is_current: bool

    def read(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the checked fields; raise `Refused` with the errors of all invalid fields."""
        values: dict[str, Any] = {**_DEFAULTS}
        errors: dict[str, Any] = {
            name: ["This field is required."]
            for name, field in fields(NewMember).items()
            if field.required and name not in data
        }
        # Defaults are validated too: a caller who may give no role gets an error for both fields.
        for name, value in known_fields({**_DEFAULTS, **data}).items():
            if name in errors:
                continue
            try:
                if name in CHECKS:
                    values[name] = CHECKS[name](self, value)
                else:
                    check(fields(NewMember)[name], value)
            except Invalid as invalid:
                errors[name] = invalid.args
        if errors:
            raise Refused(400, errors)
        return values

    def _email(self, value: Any) -> str:
        bad = "Enter a valid email address."
        if isinstance(present(value), bool) or not isinstance(value, (str, int, float)):
            raise Invalid(bad)
        email = str(value).strip()
        if not email:
            raise Invalid("This field may not be blank.")
        # Sentry checks the address twice, before and after the rest.
        syntax = [] if _is_email(email) else [bad]
        too_long = f"Ensure this field has no more than {_EMAIL_LENGTH} characters."
        length = [too_long] * (len(email) > _EMAIL_LENGTH)
        null = ["Null characters are not allowed."] * ("\0" in email)
        if messages := syntax + length + null + syntax:
            raise Invalid(*messages)
        if self.is_current and email.lower().endswith("@qq.com"):
            raise Invalid(bad)
        member = self.organization.get(email)
        if member and member.invite_status == "approved":
            invited = member.user_id is None and self.is_current
            outcome = "has already been invited" if invited else "is already a member"
            raise Invalid(f"The user {email} {outcome}")
        return email

    def _role(self, value: Any) -> Any:
        if str(present(value)) not in self.roles:
            raise Invalid(f'"{value}" is not a valid choice.')
        if value not in self.allowed_roles:
            raise Invalid("You do not have permission to set that org-level role")
        if value == "admin" and self.organization.team_roles:
            raise Invalid("The role 'admin' is deprecated and may no longer be assigned.")
        return value

    def _teams(self, value: Any) -> list[str]:
        slugs = items(present(value))
        found = [slug for slug in self.organization.teams if slug in slugs]
        if len(found) != len(slugs):
            raise Invalid("Invalid teams")
        return found

    def _team_roles(self, value: Any) -> list[str]:
        # The server does not check the shape: null, and items without these keys, make it fail.
        try:
            roles: Any = value if value is None else items(value)
            if {item[_ROLE] for item in roles} - {*TEAM_ROLE_VALUES, None}:
                raise Invalid("Invalid team-role")
            return self._teams([item[_TEAM] for item in roles])
        except (TypeError, KeyError):
            raise Refused(500, internal_error()) from None

    def _boolean(self, value: Any) -> bool:
        return boolean(value)


# What is known of the fields beyond the types that the contract gives them.
CHECKS: Mapping[str, Callable[[InviteForm, Any], Any]] = {
    "email": InviteForm._email,
    "role": InviteForm._role,
    "orgRole": InviteForm._role,
    "teams": InviteForm._teams,
    "teamRoles": InviteForm._team_roles,
    "sendInvite": InviteForm._boolean,
    "reinvite": InviteForm._boolean,
    "regenerate": InviteForm._boolean,
}


def _is_email(text: str) -> bool:
    local_part, _, domain = text.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            return False
    return bool(_LOCAL_PART.fullmatch(local_part) and _DOMAIN.fullmatch(domain))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Out of range float values are not JSON compliant: {name!r}")
