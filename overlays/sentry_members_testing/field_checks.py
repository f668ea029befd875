"""The checks of a value by its type, with the messages of Django REST framework."""

from collections.abc import Callable
from datetime import date, datetime
from types import NoneType
from typing import Any, Literal, cast, get_args, get_origin
from uuid import UUID

import attrs

from .model_fields import Field, alternatives, fields

_TRUE = ("t", "y", "yes", "true", "on", "1")
_TIME_FORMAT = "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]"
_FALSE = ("f", "n", "no", "false", "off", "0")


class Invalid(Exception):
    """A field is invalid; its arguments are the messages."""


def check(field: Field, value: Any) -> None:
    """Raise `Invalid` for a value that a field of the contract can't have.

    Where a field may have one of several types, a value of any one of them is valid.
    """
    types = [type_ for type_ in field.types if type_ is not NoneType]
    if value is None and len(types) < len(field.types):
        return
    invalid = Invalid("This field may not be null.")
    for type_ in types:
        try:
            _check(type_, present(value))
        except Invalid as error:
            invalid = error
        else:
            return
    raise invalid


def boolean(value: Any) -> bool:
    text = str(present(value)).lower()
    if text not in _TRUE + _FALSE:
        raise Invalid("Must be a valid boolean.")
    return text in _TRUE


def items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid(f'Expected a list of items but got type "{type(value).__name__}".')
    return value  # pyright: ignore[reportUnknownVariableType]


def present(value: Any) -> Any:
    if value is None:
        raise Invalid("This field may not be null.")
    return value


def _check(type_: Any, value: Any) -> None:
    if get_origin(type_) is Literal:
        if value not in get_args(type_):
            raise Invalid(f'"{value}" is not a valid choice.')
    elif get_origin(type_) is list:
        [item_type] = get_args(type_)
        for item in items(value):
            check(Field(alternatives(item_type), required=True), item)
    elif attrs.has(type_):
        _check_object(type_, value)
    elif type_ in _PARSERS:
        parse, message = _PARSERS[type_]
        try:
            parse(value)
        except (TypeError, ValueError):
            raise Invalid(message) from None
    elif type_ is bool:
        boolean(value)


def _check_object(model: Any, value: Any) -> None:
    if not isinstance(value, dict):
        text = f"Invalid data. Expected a dictionary, but got {type(value).__name__}."
        raise Invalid({"non_field_errors": [text]})
    given = cast("dict[str, Any]", value)
    for name, field in fields(model).items():
        if name in given:
            check(field, given[name])
        elif field.required:
            raise Invalid({name: ["This field is required."]})


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError
    return str(value)


_PARSERS: dict[Any, tuple[Callable[[Any], object], str]] = {
    str: (_text, "Not a valid string."),
    int: (int, "A valid integer is required."),
    float: (float, "A valid number is required."),
    UUID: (lambda value: UUID(_text(value)), "Must be a valid UUID."),
    date: (
        lambda value: date.fromisoformat(_text(value)),
        "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.",
    ),
    datetime: (
        lambda value: datetime.fromisoformat(_text(value)),
        f"Datetime has wrong format. Use one of these formats instead: {_TIME_FORMAT}.",
    ),
}
