"""The file that tells what came of each row, so that nothing is lost and nothing is done twice."""

import csv
import io
import os
import sys
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Self

from sentry_members.errors import SentryMembersError

from .rows import BadRow, Invite, Result, Row, RowOutcome

if sys.platform != "win32":
    import fcntl

COLUMNS = ["line", "email", "member_id", "team", "outcome", "detail"]
_SENDING = "sending"


class ResultsFileError(SentryMembersError):
    """The file of results can't be used; the message says why, and what to do."""


class ResultsFile:
    """A CSV file that lines are only ever appended to; the last line of a row counts.

    Before a request leaves, a line with the outcome `sending` tells what is asked for; after its
    answer another tells what came of it. Each is handed to the operating system at once: it is
    there even if this process is killed.

    A row is known again by what it asks for, not by its line: the Sentry, the organization, who,
    the teams, and the organization role. So rows may be added and moved, and a corrected row is a
    new one. A file that a spreadsheet has saved, with `;` or tabs between its cells, stays one.

    Args:
        path: The file; it is made if it isn't there.
        url: The client's `url`.
        organization: The organization, by the ID or slug that is used to ask.

    Attributes:
        path: The file.

    Raises:
        ResultsFileError: The file can't be read or written, is none of these, or is in use by
            another process.
    """

    def __init__(self, path: str | os.PathLike[str], url: str, organization: str) -> None:
        self.path = Path(path)
        self._place = f"organization {organization} at {url}"
        self._delimiter = ","
        self._outcomes: dict[bytes, RowOutcome] = {}
        self._forgotten: set[bytes] = set()
        self._broken_by: str | None = None
        self._whole_lines: int | None = 0
        try:
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        try:
            self._lock()
            self._read()
        except OSError as error:
            self.close()
            raise self._unwritable(error.strerror) from error
        except ResultsFileError:
            self.close()
            raise

    def outcome(self, row: Row) -> RowOutcome | None:
        """What came of a row; None if it has never been sent."""
        key = self._key(row)
        return None if key in self._forgotten else self._outcomes.get(key)

    def sending(self, row: Row) -> None:
        """Write down that a row is about to be sent.

        Raises:
            ResultsFileError: It can't be written.
        """
        self._append(row, row.member_id, _SENDING, self._terms(row))
        key = self._key(row)
        self._forgotten.discard(key)
        self._outcomes[key] = RowOutcome.OUTCOME_UNKNOWN

    def record(self, result: Result) -> None:
        """Write down what came of a row.

        Raises:
            ResultsFileError: It can't be written.
        """
        row = result.row
        # Not asked for again, a refused row stays one.
        if not isinstance(row, BadRow) and self._key(row) in self._forgotten:
            return
        self._append(row, result.member_id or row.member_id, result.outcome, result.detail)
        if not isinstance(row, BadRow):
            self._outcomes[self._key(row)] = result.outcome

    def forget_refused(self) -> None:
        """Take the rows that were refused for ones that were never sent, until they are."""
        known = self._outcomes.items()
        self._forgotten = {key for key, outcome in known if outcome is RowOutcome.REFUSED}

    def close(self) -> None:
        """Close the file, and let other processes use it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _key(self, row: Row) -> bytes:
        return _digest(row.email, row.member_id, row.team, self._terms(row))

    def _terms(self, row: Row) -> str:
        """What is asked for, as far as no other column tells."""
        role = row.org_role if isinstance(row, Invite) else None
        return self._place + (f", org_role {role}" if role else "")

    def _unwritable(self, reason: str | None) -> ResultsFileError:
        return ResultsFileError(
            f"{self.path} can't be written ({reason}), and without it nothing more is sent: make "
            "it writable, or make room, and run the same again"
        )

    def _append(self, row: Row | BadRow, member_id: str, outcome: str, detail: str) -> None:
        self._write([row.line or "", row.email, member_id, row.team, outcome, detail])

    def _write(self, cells: Sequence[object]) -> None:
        # Whatever follows half a line would be part of it.
        if not self._broken_by:
            try:
                line = self._beginning() + self._line(cells)
                if self._file.write(line) < len(line):
                    self._broken_by = "No space left on device"
            except OSError as error:
                self._broken_by = error.strerror
        if self._broken_by:
            raise self._unwritable(self._broken_by)

    def _beginning(self) -> bytes:
        """What the first line to be written needs before it; half a line there is taken out."""
        if self._whole_lines is None:
            return b""
        size, self._whole_lines = self._whole_lines, None
        self._file.truncate(size)
        return b"" if size else self._line(COLUMNS)

    def _line(self, cells: Sequence[object]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        # A line break within a cell would be one within a line.
        return " ".join(text.getvalue().splitlines()).encode("utf-8", "replace") + b"\n"

    def _lock(self) -> None:
        if sys.platform != "win32":
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ResultsFileError(
                    f"{self.path} is in use: wait until the command that uses it has ended"
                ) from error
            except OSError:
                pass  # some file systems have no locks

    def _read(self) -> None:
        """Take in what the file tells, but for half a line, which a full disk may have left."""
        if not self.path.is_file():
            raise ResultsFileError(f"{self.path} is no file that could be read again: name another")
        asked: dict[tuple[str, ...], bytes] = {}
        whole = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n") and (
                    number > 1 or self._line(COLUMNS).startswith(line)
                ):
                    break
                whole += len(line)
                self._take_in(number, line, asked)
        self._whole_lines = whole

    def _take_in(self, number: int, line: bytes, asked: dict[tuple[str, ...], bytes]) -> None:
        try:
            text = line.decode("utf-8-sig")
            if number == 1:
                self._delimiter = max(",;\t", key=text.count)
            [cells] = csv.reader([text], delimiter=self._delimiter, strict=True)
            if number == 1:
                if cells != COLUMNS:
                    raise ValueError
                return
            of, email, member_id, team, outcome, detail = cells
            row = (of, email or member_id, team)
            if outcome == _SENDING:
                asked[row] = key = _digest(email, "" if email else member_id, team, detail)
                self._outcomes[key] = RowOutcome.OUTCOME_UNKNOWN
            elif row in asked:
                self._outcomes[asked.pop(row)] = RowOutcome(outcome)
        except (ValueError, csv.Error) as error:
            raise ResultsFileError(
                f"line {number} of {self.path} is none of a file of results: mend it, or move the "
                "file away"
            ) from error


def _digest(email: str, member_id: str, team: str, terms: str) -> bytes:
    """A short key: there may be a great many. A second letter case is no second person."""
    text = f"{email.casefold()}\0{member_id}\0{team}\0{terms}"
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
