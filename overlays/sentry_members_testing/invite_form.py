"""The body of an invite, checked field by field as Sentry does."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sentry_members_api.models.team_role import TEAM_ROLE_VALUES

from .messages import Refused, Request, internal_error
from .state import Organization

_EMAIL_LENGTH = 75
# As Django checks an address, but for quoted local parts and IP literals.
_LOCAL_PART = re.compile(r"(?i)[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*")
_DOMAIN = re.compile(r"(?i)([A-Z0-9]([A-Z0-9-]{0,61}[A-Z0-9])?\.)+[A-Z0-9-]{2,63}(?<!-)|localhost")
_TRUE = ("t", "y", "yes", "true", "on", "1")
_FALSE = ("f", "n", "no", "false", "off", "0")
_DEFAULTS: Mapping[str, Any] = {
    "role": "member",
    "orgRole": "member",
    "teams": [],
    "teamRoles": [],
    "sendInvite": True,
}


class _Invalid(Exception):
    """A field is invalid; its arguments are the messages."""


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


@dataclass(frozen=True, slots=True)
class InviteForm:
    """Checks the fields of an invite to an organization, by a caller who may give these roles."""

    organization: Organization
    roles: Sequence[str]
    allowed_roles: Sequence[str]
    is_current: bool

    def read(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the checked fields; raise `Refused` with the errors of all invalid fields."""
        checks: dict[str, Callable[[Any], Any]] = {
            "email": self._email,
            "role": self._role,
            "orgRole": self._role,
            "teams": self._teams,
            "teamRoles": self._team_roles,
            "sendInvite": _boolean,
            "reinvite": _boolean,
            "regenerate": _boolean,
        }
        # Defaults are validated too: a caller who may give no role gets an error for both fields.
        data = {**_DEFAULTS, **data}
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {} if "email" in data else {"email": ["This field is required."]}
        for name, check in checks.items():
            if name not in data:
                continue
            try:
                values[name] = check(data[name])
            except _Invalid as invalid:
                errors[name] = invalid.args
        if errors:
            raise Refused(400, errors)
        return values

    def _email(self, value: Any) -> str:
        bad = "Enter a valid email address."
        if isinstance(_present(value), bool) or not isinstance(value, (str, int, float)):
            raise _Invalid(bad)
        email = str(value).strip()
        if not email:
            raise _Invalid("This field may not be blank.")
        # Sentry checks the address twice, before and after the rest.
        syntax = [] if _is_email(email) else [bad]
        too_long = f"Ensure this field has no more than {_EMAIL_LENGTH} characters."
        length = [too_long] * (len(email) > _EMAIL_LENGTH)
        null = ["Null characters are not allowed."] * ("\0" in email)
        if messages := syntax + length + null + syntax:
            raise _Invalid(*messages)
        if self.is_current and email.lower().endswith("@qq.com"):
            raise _Invalid(bad)
        member = self.organization.get(email)
        if member and member.invite_status == "approved":
            invited = member.user_id is None and self.is_current
            outcome = "has already been invited" if invited else "is already a member"
            raise _Invalid(f"The user {email} {outcome}")
        return email

    def _role(self, value: Any) -> Any:
        if str(_present(value)) not in self.roles:
            raise _Invalid(f'"{value}" is not a valid choice.')
        if value not in self.allowed_roles:
            raise _Invalid("You do not have permission to set that org-level role")
        if value == "admin" and self.organization.team_roles:
            raise _Invalid("The role 'admin' is deprecated and may no longer be assigned.")
        return value

    def _teams(self, value: Any) -> list[str]:
        slugs = _list(_present(value))
        found = [slug for slug in self.organization.teams if slug in slugs]
        if len(found) != len(slugs):
            raise _Invalid("Invalid teams")
        return found

    def _team_roles(self, value: Any) -> list[str]:
        # The server does not check the shape: null, and items without these keys, make it fail.
        try:
            items: Any = value if value is None else _list(value)
            if {item["role"] for item in items} - {*TEAM_ROLE_VALUES, None}:
                raise _Invalid("Invalid team-role")
            return self._teams([item["teamSlug"] for item in items])
        except (TypeError, KeyError):
            raise Refused(500, internal_error()) from None


def _is_email(text: str) -> bool:
    local_part, _, domain = text.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            return False
    return bool(_LOCAL_PART.fullmatch(local_part) and _DOMAIN.fullmatch(domain))


def _boolean(value: Any) -> bool:
    text = str(_present(value)).lower()
    if text not in _TRUE + _FALSE:
        raise _Invalid("Must be a valid boolean.")
    return text in _TRUE


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _Invalid(f'Expected a list of items but got type "{type(value).__name__}".')
    return value  # pyright: ignore[reportUnknownVariableType]


def _present(value: Any) -> Any:
    if value is None:
        raise _Invalid("This field may not be null.")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Out of range float values are not JSON compliant: {name!r}")
