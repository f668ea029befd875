"""The lines of a results file: how they are written, and read after a spreadsheet saved them."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

from .email_syntax import person
from .rows import RowOutcome

SENDING = "sending"
# The organization role and the teams.
Terms = tuple[str, frozenset[str]]
# The columns before version 0.2: only the lines with `sending` said what a row asks for.
_FORMER_COLUMNS = ["line", "email", "member_id", "team", "outcome", "detail"]
_FORMER_TERMS = re.compile(r"organization (\S+) at (\S+?)(?:, org_role (\S+))?")

# A cell that a spreadsheet would take for a formula, or change as a number or a date: 1e5, mar-2024.
# Languages shorten the names of months to three or four letters; the ends are those of English ones.
_MONTH = "[a-z]{3,4}(uary|ch|il|ust|ember|ober)?"
_CHANGEABLE = rf"(?is)'*([=+\-@].*|\d{{12,}}|\d+[e-][\d-]+|{_MONTH}-?\d+|\d+-{_MONTH}[\d-]*)"
# The module csv reads no cell of over 131,072 characters; only a row with a mistake has one.
_LONGEST = 100_000


class LineError(ValueError):
    """A line is not one of a results file.

    Attributes:
        number: The number of the line in the file.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Request(NamedTuple):
    """A request for a person or a member.

    Attributes:
        person: A short key, as there may be very many.
        terms: What is asked for.
    """

    person: bytes
    terms: Terms


class Line(NamedTuple):
    """A line of a results file; its fields are the columns.

    Attributes:
        line: The line of the people file.
        outcome: The outcome, or `sending`.
        organization: The organization; empty for a row that could not be sent.
        sentry: The URL of the Sentry.
        entry: A number that grows from line to line, so that the latest line about a row is found
            in any order. The lines of one invite for several rows have the same.
    """

    line: str
    email: str
    member_id: str
    team: str
    org_role: str
    outcome: str
    detail: str
    organization: str
    sentry: str
    entry: int

    @property
    def request(self) -> Request:
        """What lines about the same request have in common."""
        member_id = "" if self.email else self.member_id
        return request_of(self.organization, self.email, member_id, self.team, self.org_role)

    @property
    def row_outcome(self) -> RowOutcome:
        """The outcome of the row, if this is the latest line about it."""
        return RowOutcome.OUTCOME_UNKNOWN if self.outcome == SENDING else RowOutcome(self.outcome)


COLUMNS = list(Line._fields)


def request_of(organization: str, email: str, member_id: str, team: str, org_role: str) -> Request:
    """Return what is asked for, the teams in any order."""
    text = "\0".join((organization, person(email), member_id))
    key = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
    return Request(key, (org_role, frozenset(team.split())))


def format_line(cells: Iterable[object], delimiter: str) -> bytes:
    """Return the cells as a line of a file."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerow(map(_escape, cells))
    # A record stays on one line: line breaks within cells become blanks.
    return " ".join(text.getvalue().splitlines()).encode("utf-8", "replace") + b"\n"


def _escape(cell: object) -> object:
    """Mark a text that a spreadsheet would change, and one that has such a mark."""
    if not isinstance(cell, str):
        return cell
    return f"'{cell}"[:_LONGEST] if re.fullmatch(_CHANGEABLE, cell) else cell[:_LONGEST]


def _unescape(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and re.fullmatch(_CHANGEABLE, cell) else cell


def find_delimiter(header: bytes) -> str:
    """Return the delimiter of a file with this first line."""
    return max(",;\t", key=header.decode("utf-8", "replace").count)


def read_lines(file: Iterable[bytes], delimiter: str) -> Iterator[Line]:
    """Yield the lines of a results file, in whatever order; not a last one that is incomplete.

    Raises:
        LineError: A line is not one of a results file.
    """
    rows = _rows(file, delimiter)
    number, header = next(rows, (1, COLUMNS))
    if header == _FORMER_COLUMNS:
        yield from _former_lines(list(rows))
        return
    if header != COLUMNS:
        raise LineError(number)
    for number, cells in rows:
        try:
            *texts, entry = cells
            line = Line._make([*map(_unescape, texts), int(entry)])
            if line.outcome != SENDING:
                RowOutcome(line.outcome)
        except (TypeError, ValueError) as error:
            raise LineError(number) from error
        yield line


def _rows(file: Iterable[bytes], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each complete line."""
    for number, line in enumerate(file, 1):
        is_cut = not line.endswith(b"\n") and (
            number > 1 or format_line(COLUMNS, delimiter).startswith(line)
        )
        try:
            text = line.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = line.decode("cp1252", "replace")  # Excel on Windows saves it so.
        try:
            [cells] = csv.reader([text], delimiter=delimiter, strict=True)
        except (ValueError, csv.Error) as error:
            if is_cut:
                return
            raise LineError(number) from error
        # A full disk leaves an incomplete line; an editor leaves out the last line break. If only the
        # number was cut, the line `sending` may count as the later one: the row is repeated then.
        if is_cut and not (len(cells) == len(COLUMNS) and cells[-1].isdecimal()):
            return
        yield number, cells


def _former_lines(rows: list[tuple[int, list[str]]]) -> Iterator[Line]:
    """Yield the lines of a file in the former format, with what their `sending` says.

    Raises:
        LineError: A line is not one of a results file, or it is not known which request an
            outcome is of, because the lines were sorted.
    """
    groups: dict[tuple[str, str, str], list[tuple[int, list[str]]]] = {}
    for number, cells in rows:
        try:
            line, email, member_id, team, outcome, terms = cells
            if outcome == SENDING and not _FORMER_TERMS.fullmatch(terms):
                raise LineError(number)
            if outcome != SENDING:
                RowOutcome(outcome)
        except ValueError as error:
            raise LineError(number) from error
        groups.setdefault((line, email or member_id, team), []).append((number, cells))
    for group in groups.values():
        yield from _former_group(group, len(rows))


def _former_group(group: list[tuple[int, list[str]]], count: int) -> Iterator[Line]:
    """Yield the lines about one row: an outcome is that of the request before it."""
    requests = {cells[5] for _, cells in group if cells[4] == SENDING}
    lines: list[Line] = []
    request, is_sorted = "", False
    for number, (line, email, member_id, team, outcome, detail) in group:
        if outcome == SENDING:
            request, terms, detail = detail, detail, ""
        elif request:
            terms, request = request, ""
        elif not RowOutcome(outcome).is_final:
            continue  # Nothing was sent.
        elif len(requests) == 1:
            [terms], is_sorted = requests, True
        else:
            raise LineError(number)
        match = _FORMER_TERMS.fullmatch(terms)
        assert match
        organization, sentry, role = match.groups(default="")
        texts = (line, email, member_id, team, role, outcome, detail, organization, sentry)
        lines.append(Line(*texts, number))
    for each in lines:
        # No row is sent again after a final outcome, but for a refusal.
        is_refused = each.outcome == RowOutcome.REFUSED
        rank = is_sorted if is_refused else 2 * each.row_outcome.is_final
        yield each._replace(entry=each.entry + count * rank)
