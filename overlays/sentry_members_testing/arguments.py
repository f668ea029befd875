"""Checks the arguments of the methods that set up a fake."""

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any


def check(what: str, value: Any, known: Iterable[Any], adder: str = "") -> None:
    """Raise ValueError for an unknown value; `adder` is the method that would add it."""
    if value not in known:
        names = ", ".join(map(str, islice(known, 20)))
        remedy = f"use one of: {names}" + f", or add it with {adder}" * bool(adder)
        raise ValueError(f"unknown {what} {value!r}: {remedy}")


def check_new(what: str, slug: str, taken: Iterable[str]) -> None:
    """Raise ValueError for a slug that is taken, or is not a slug."""
    if slug in taken:
        raise ValueError(f"{what} {slug!r} is there already: use another slug")
    if not re.fullmatch(r"(?!\d+\Z)[a-z0-9_-]+", slug):
        raise ValueError(f"{what} {slug!r}: a slug is lower-case letters, digits, - and _")


def check_counts(least: int = 1, **counts: float) -> None:
    """Raise ValueError for a number that is too low."""
    for name, count in counts.items():
        if count < least:
            raise ValueError(f"{name}={count}: give a number from {least} on")
