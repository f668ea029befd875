"""An invite that has the fields which the contract requires, whichever these are."""

import json
from importlib import resources
from typing import Any

import attrs
from sentry_members_api.models import NewMember

_CONTRACT = json.loads(
    resources.files("sentry_members_contract").joinpath("openapi.json").read_text("utf-8")
)
_PATH = _CONTRACT["paths"]["/api/0/organizations/{organization_id_or_slug}/members/"]
_SCHEMA = _PATH["post"]["requestBody"]["content"]["application/json"]["schema"]
# The required fields, as the example of the contract has them.
REQUIRED: dict[str, Any] = {name: _SCHEMA["example"][name] for name in _SCHEMA["required"]}
BESIDES_EMAIL = {name: value for name, value in REQUIRED.items() if name != "email"}


def new_member(**fields: Any) -> NewMember:
    """Return an invite with these fields."""
    return attrs.evolve(NewMember.from_dict(REQUIRED), **fields)
