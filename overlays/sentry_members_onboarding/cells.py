"""Reads the cells of a people file: of a CSV file, whatever saved it, or of an Excel workbook."""

import csv
import io
import re
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any

from sentry_members.errors import SentryMembersError

_DELIMITERS = ",;\t"
_SAMPLE = 10  # the number of lines that the delimiter is found by
_WORKBOOK = b"PK\3\4"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"


class PeopleError(SentryMembersError):
    """The people file can't be used; the message says why, and what to do."""


def read_rows(
    content: bytes, fitness: Callable[[list[str]], int]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of each row, but for empty rows.

    Args:
        content: The content of the file.
        fitness: Returns how many cells of a row are names of columns. The delimiter of a CSV file
            is the one that finds the most.

    Raises:
        PeopleError: The file is not a CSV file, and not an Excel workbook that can be read.
    """
    if content.startswith(_OLD_WORKBOOK):
        raise PeopleError(
            "the people file is a workbook of an old Excel: save it as .xlsx, or as CSV in UTF-8"
        )
    is_workbook = content.startswith(_WORKBOOK)
    for line, row in _workbook(content) if is_workbook else _csv(content, fitness):
        cells = [" ".join(cell.split()) for cell in row]
        if any(cells):
            yield line, cells


def _csv(content: bytes, fitness: Callable[[list[str]], int]) -> Iterator[tuple[int, list[str]]]:
    encoding = _encoding(content)
    # Bytes that are not UTF-8 become lone surrogates, so that a single row can be rejected.
    errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
    text = io.TextIOWrapper(io.BytesIO(content), encoding, errors, newline="")
    sample, start, delimiters = list(islice(text, _SAMPLE)), 0, _DELIMITERS
    if sample and re.fullmatch(r'sep=[^"\r]\r?\n', sample[0], re.IGNORECASE):
        # Excel's own line, which names the delimiter.
        start, delimiters = 1, sample[0][4]

    def score(delimiter: str) -> tuple[int, int]:
        rows = list(csv.reader(sample[start:], delimiter=delimiter))
        return max((fitness(row) for row in rows), default=0), len(rows[0]) if rows else 0

    line = start + 1
    try:
        delimiter = max(delimiters, key=score)
        text.seek(0)
        reader = csv.reader(islice(text, start, None), delimiter=delimiter, strict=True)
        for row in reader:
            yield line, row
            line = start + reader.line_num + 1
    except csv.Error as error:
        raise PeopleError(f"line {line} of the people file is not CSV: {error}") from error


def _encoding(content: bytes) -> str:
    """Return the encoding of a text that begins with a character of ASCII, or with a mark."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if content[:1] == b"\0":
        return "utf-16-be"
    return "utf-16-le" if content[1:2] == b"\0" else "utf-8-sig"


def _workbook(content: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        openpyxl: Any = import_module("openpyxl")
    except ModuleNotFoundError as error:
        raise PeopleError(
            "the people file is a workbook: sentry-members[xlsx], from your index, reads it, or save "
            "it as CSV in UTF-8"
        ) from error
    try:
        with warnings.catch_warnings():
            # They are about looks that openpyxl doesn't know.
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheet = workbook.worksheets[0]
            sheet.reset_dimensions()  # Not every program writes the right ones.
            rows = [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    except Exception as error:  # What a damaged workbook makes openpyxl raise is not documented.
        raise PeopleError(
            f"the people file is not a workbook that can be read ({error}): save it as .xlsx, or "
            "as CSV in UTF-8"
        ) from error
    width = max(map(len, rows), default=0)
    for line, row in enumerate(rows, 1):
        yield line, row + [""] * (width - len(row))


def _text(cell: object) -> str:
    # A spreadsheet keeps a member's ID as a number.
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if cell is None else str(cell)
