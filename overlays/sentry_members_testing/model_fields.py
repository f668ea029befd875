"""What a generated model says of its JSON: the names, the types, and which keys are required."""

from datetime import UTC, date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs
from sentry_members_api import models
from sentry_members_api.types import Unset

_EXAMPLES: dict[Any, Any] = {
    bool: False,
    int: 0,
    float: 0.0,
    date: date(2000, 1, 1),
    datetime: datetime(2000, 1, 1, tzinfo=UTC),
    UUID: UUID(int=0),
}


class Field(NamedTuple):
    """A key of the JSON; `types` are the types of its values, NoneType where it may be null."""

    types: tuple[Any, ...]
    required: bool


@cache
def fields(model: Any) -> dict[str, Field]:
    """Return the fields of a generated model, by their names in JSON."""
    smallest = smallest_json(model)
    # The generated class knows its names in JSON only while it converts a value.
    names = iter(smallest)
    found: dict[str, Field] = {}
    for argument, types in _arguments(model).items():
        if Unset not in types:
            found[next(names)] = Field(types, required=True)
            continue
        types = tuple(type_ for type_ in types if type_ is not Unset)
        given = {**_smallest(model), argument: _example(types)}
        [name] = model(**given).to_dict().keys() - smallest
        found[name] = Field(types, required=False)
    return found


def smallest_json(model: Any) -> dict[str, Any]:
    """Return an object that has the required keys only."""
    written: dict[str, Any] = model(**_smallest(model)).to_dict()
    return written


def alternatives(type_: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the only type."""
    return get_args(type_) if get_origin(type_) in (Union, UnionType) else (type_,)


def _arguments(model: Any) -> dict[str, tuple[Any, ...]]:
    """Return the types of each argument of a generated class."""
    hints = get_type_hints(model, localns=vars(models))
    return {
        field.alias or field.name: alternatives(hints[field.name])
        for field in attrs.fields(model)
        if field.init
    }


def _smallest(model: Any) -> dict[str, Any]:
    arguments = _arguments(model).items()
    return {name: _example(types) for name, types in arguments if Unset not in types}


def _example(types: tuple[Any, ...]) -> Any:
    if NoneType in types:
        return None
    first = types[0]
    if get_origin(first) is Literal:
        return get_args(first)[0]
    if get_origin(first) is list:
        return []
    if attrs.has(first):
        return first(**_smallest(first))
    return _EXAMPLES.get(first, "")
