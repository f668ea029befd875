"""The results file: it records each row's outcome, so that no row is lost or done twice."""

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
    """The results file can't be used; the message says why, and what to do."""


class ResultsFile:
    """A CSV file that lines are only appended to; the last line about a row counts.

    Before a request leaves, a line with the outcome `sending` records what is asked for; after the
    response another line records the outcome. Each line is handed to the operating system
    immediately, so it survives if this process is killed.

    Rows are matched by content, not by line number: the Sentry, the organization, the person, the
    teams and the organization role. So rows may be added and moved, and a corrected row is a new
    one. A spreadsheet may save the file with `;` or tabs between its cells.

    Args:
        path: The file; it is created if it doesn't exist.
        url: The client's `url`.
        organization: The ID or slug of the organization, as it is given to `onboard`.

    Attributes:
        path: The file.

    Raises:
        ResultsFileError: The file can't be read or written, is not a results file, or is in use by
            another process.
    """

    def __init__(self, path: str | os.PathLike[str], url: str, organization: str) -> None:
        self.path = Path(path)
        self._place = f"organization {organization} at {url}"
        self._delimiter = ","
        self._outcomes: dict[bytes, RowOutcome] = {}
        self._forgotten: set[bytes] = set()
        self._write_error: str | None = None
        # The size of the complete lines; None once a line was written after them.
        self._complete_size: int | None = 0
        try:
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        try:
            self._lock()
            self._load()
        except OSError as error:
            self.close()
            raise self._unwritable(error.strerror) from error
        except ResultsFileError:
            self.close()
            raise

    def outcome(self, row: Row) -> RowOutcome | None:
        """Return the last outcome of a row; None if it has never been sent."""
        key = self._key(row)
        return None if key in self._forgotten else self._outcomes.get(key)

    def sending(self, row: Row) -> None:
        """Record that a row is about to be sent.

        Raises:
            ResultsFileError: The file can't be written.
        """
        self._append(row, row.member_id, _SENDING, self._terms(row))
        key = self._key(row)
        self._forgotten.discard(key)
        self._outcomes[key] = RowOutcome.OUTCOME_UNKNOWN

    def record(self, result: Result) -> None:
        """Record the result of a row.

        Raises:
            ResultsFileError: The file can't be written.
        """
        row = result.row
        # A forgotten row that was not sent again keeps its refusal.
        if not isinstance(row, BadRow) and self._key(row) in self._forgotten:
            return
        self._append(row, result.member_id or row.member_id, result.outcome, result.detail)
        if not isinstance(row, BadRow):
            self._outcomes[self._key(row)] = result.outcome

    def forget_refused(self) -> None:
        """Treat refused rows as not sent, so that they are retried."""
        known = self._outcomes.items()
        self._forgotten = {key for key, outcome in known if outcome is RowOutcome.REFUSED}

    def close(self) -> None:
        """Close the file, so that other processes can use it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _key(self, row: Row) -> bytes:
        return _digest(row.email, row.member_id, row.team, self._terms(row))

    def _terms(self, row: Row) -> str:
        """Return the part of a request that no other column holds."""
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
        # After a failure nothing more is written: it could follow an incomplete line.
        if not self._write_error:
            try:
                line = self._prepare_end() + self._line(cells)
                if self._file.write(line) < len(line):
                    self._write_error = "No space left on device"
            except OSError as error:
                self._write_error = error.strerror
        if self._write_error:
            raise self._unwritable(self._write_error)

    def _prepare_end(self) -> bytes:
        """Cut off an incomplete last line; return the header if the file needs one."""
        if self._complete_size is None:
            return b""
        size, self._complete_size = self._complete_size, None
        self._file.truncate(size)
        return b"" if size else self._line(COLUMNS)

    def _line(self, cells: Sequence[object]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        # A record stays on one line: line breaks within cells become blanks.
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

    def _load(self) -> None:
        """Load the recorded outcomes; ignore an incomplete last line, as a full disk leaves it."""
        if not self.path.is_file():
            raise ResultsFileError(f"{self.path} is not a regular file: name another")
        sent: dict[tuple[str, ...], bytes] = {}
        size = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n") and (
                    number > 1 or self._line(COLUMNS).startswith(line)
                ):
                    break
                size += len(line)
                self._load_line(number, line, sent)
        self._complete_size = size

    def _load_line(self, number: int, line: bytes, sent: dict[tuple[str, ...], bytes]) -> None:
        """Load a line; `sent` has the keys of the rows whose outcome is still to come."""
        try:
            text = line.decode("utf-8-sig")
            if number == 1:
                self._delimiter = max(",;\t", key=text.count)
            [cells] = csv.reader([text], delimiter=self._delimiter, strict=True)
            if number == 1:
                if cells != COLUMNS:
                    raise ValueError
                return
            row_line, email, member_id, team, outcome, detail = cells
            row = (row_line, email or member_id, team)
            if outcome == _SENDING:
                sent[row] = key = _digest(email, "" if email else member_id, team, detail)
                self._outcomes[key] = RowOutcome.OUTCOME_UNKNOWN
            elif row in sent:
                self._outcomes[sent.pop(row)] = RowOutcome(outcome)
        except (ValueError, csv.Error) as error:
            raise ResultsFileError(
                f"line {number} of {self.path} is not a line of a results file: correct it, or "
                "move the file away"
            ) from error


def _digest(email: str, member_id: str, team: str, terms: str) -> bytes:
    """Return a short key, as there may be very many rows.

    E-mail addresses that differ in letter case alone are the same person.
    """
    text = f"{email.casefold()}\0{member_id}\0{team}\0{terms}"
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
