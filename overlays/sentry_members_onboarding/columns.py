"""Finds the columns of a people file by the names that people and their tools give them."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from .cells import PeopleError

COLUMNS = ("email", "org_role", "teams", "member_id")

# The usual names, without blanks, hyphens and the like. A name further on in its list counts only
# where no earlier one is in the file.
_USUAL_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "email": (
        ("email", "emailaddress", "mail", "workemail", "workemailaddress", "primaryemail"),
        ("emailprimarywork", "emailadresse", "primaryworkemail", "businessemail", "useremail"),
        ("userprincipalname",),
    ),
    "org_role": (("orgrole", "organizationrole", "organisationrole", "role", "sentryrole"),),
    "teams": (("teams", "team", "teamslug", "teamslugs", "sentryteams", "sentryteam"),),
    "member_id": (("memberid", "sentrymemberid"),),
}
_LIKENESS = 0.75


class Header(NamedTuple):
    """The columns of a file.

    Attributes:
        columns: The place of each known column, by its name.
        names: The names of all columns, as the file has them.
        ignored: The names of the columns that are not used.
    """

    columns: dict[str, int]
    names: list[str]
    ignored: tuple[str, ...]


def fitness(names: Sequence[str]) -> int:
    """Return how many cells of a row are names of columns."""
    known = {name for ranks in _USUAL_NAMES.values() for rank in ranks for name in rank}
    return sum(_bare(name) in known for name in names)


def names_people(names: Sequence[str]) -> bool:
    """Return whether a row has the name of a column that every people file needs."""
    needed = {
        name for column in ("email", "member_id") for rank in _USUAL_NAMES[column] for name in rank
    }
    return any(_bare(name) in needed for name in names)


def find_columns(names: list[str]) -> Header:
    """Find the columns by the first row of a file.

    Raises:
        PeopleError: A column is missing, is there twice, or seems to be mistyped.
    """
    columns: dict[str, int] = {}
    for column, ranks in _USUAL_NAMES.items():
        for rank in ranks:
            places = [place for place, name in enumerate(names) if _bare(name) in rank]
            if len(places) > 1:
                both = " and ".join(repr(names[place]) for place in places)
                raise PeopleError(
                    f"the people file has two columns for {column}: {both}. Remove or rename one"
                )
            if places:
                columns[column] = places[0]
                break
    unused = [name for place, name in enumerate(names) if name and place not in columns.values()]
    for name in unused:
        if meant := _near_miss(name, columns):
            raise PeopleError(
                f"the people file has a column {name!r}: did you mean {meant}? Rename it, or "
                "remove it"
            )
    if not {"email", "member_id"} & {*columns}:
        found = ", ".join(map(repr, unused)) or "nothing"
        raise PeopleError(
            "the people file has no column email or member_id. Its first line must name the "
            f"columns ({', '.join(COLUMNS)}, in any order); it names {found}"
        )
    while names and not names[-1]:
        names = names[:-1]
    return Header(columns, names, tuple(unused))


def _near_miss(name: str, columns: dict[str, int]) -> str | None:
    """Return the column that a name seems to be meant for, of those that the file lacks."""
    missing = {
        usual: column
        for column, ranks in _USUAL_NAMES.items()
        if column not in columns
        for usual in ranks[0]
    }
    close = get_close_matches(_bare(name), missing, n=1, cutoff=_LIKENESS)
    return missing[close[0]] if close else None


def _bare(name: str) -> str:
    """Return a name without letter case, punctuation and a suffix in brackets."""
    return re.sub(r"[\W_]", "", re.sub(r"[\[(].*", "", name)).lower()
