"""The results file: it records each row's outcome, so that no row is lost or done twice."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from errno import EBUSY, ENOSPC
from pathlib import Path
from typing import IO, Self
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from sentry_members.errors import SentryMembersError

from .history import DONE, History
from .results_lines import (
    COLUMNS,
    SENDING,
    Line,
    LineError,
    Request,
    find_delimiter,
    format_line,
    read_lines,
    request_of,
)
from .rows import BadRow, Invite, Result, Row, RowOutcome, merge, parts_of


class ResultsFileError(SentryMembersError):
    """The results file can't be used; the message says why, and what to do."""


class OtherSentryError(ResultsFileError):
    """The results file has outcomes of the organization from another address of a Sentry.

    Attributes:
        addresses: The addresses in the file.
    """

    def __init__(self, message: str, addresses: tuple[str, ...]) -> None:
        super().__init__(message)
        self.addresses = addresses


class ResultsFile:
    """A CSV file with the outcome of each row.

    During a run lines are only appended. Before a request leaves, a line with the outcome `sending`
    records what is asked for; after the response another line records the outcome. Each line is
    handed to the operating system immediately, so it survives if this process is killed. `close`
    leaves one line for each row: the latest one.

    Rows are matched by content, not by line number: the organization, the person, the organization
    role and the teams, in any order. So rows may be added, moved, split and merged, and a corrected
    row is sent. A spreadsheet may sort the lines, and save the file with `;` or tabs between its
    cells.

    Args:
        path: The file; it is created with the first line.
        url: The client's `url`.
        organization: The ID or slug of the organization, as it is given to `onboard`.
        same_sentry: Whether outcomes of the organization from another address count, as this
            address leads to the same Sentry.

    Attributes:
        path: The file. After another program has taken it away, the one that has what was recorded.

    Raises:
        OtherSentryError: The file has such outcomes, and `same_sentry` is false.
        ResultsFileError: The file can't be read or written, is not a results file, or is in use by
            another process.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        url: str,
        organization: str,
        *,
        same_sentry: bool = False,
    ) -> None:
        self.path = Path(path)
        self._url = _same_for_all_regions(url)
        self._organization = organization
        self._delimiter = ","
        self._history = History()
        self._entry = self._entry_before = 0
        # Open for reading until the first line is written.
        self._file: IO[bytes] | None = None
        self._is_writing = False
        self._size = 0
        # Another program took the file away, or it can't be written.
        self._lost: ResultsFileError | None = None
        self._failed: ResultsFileError | None = None
        try:
            # The lock and the new file are beside this one, so the folder must exist.
            if not self.path.parent.is_dir():
                raise self._unwritable("No such file or directory")
            if self.path.is_dir():
                raise self._unwritable("Is a directory")
            if self.path.exists() and not self.path.is_file():
                raise ResultsFileError(f"{self.path} is not a regular file: name another")
            self._place = self.path.absolute()  # It may be a link to the target.
            self._target = Path(os.path.realpath(self.path))  # Unlike resolve, it never fails.
            lock = self._target.with_name(f".{self._target.name}.lock")
            # The file may be closed from another thread, so the lock must not belong to this one.
            # The lock's file stays, and another user may be the next to need it.
            self._lock = FileLock(lock, timeout=0, mode=0o666, thread_local=False)
            self._lock.acquire()
        except Timeout as error:
            raise ResultsFileError(
                f"{self.path} is in use: wait until the command that uses it has ended"
            ) from error
        except OSError as error:
            raise self._unwritable(f"{error.strerror}: {error.filename}") from error
        try:
            self._load(same_sentry=same_sentry)
        except BaseException:
            self._release()
            raise

    def outcome(self, row: Row) -> RowOutcome | None:
        """Return the latest outcome of what a row asks for; None if it has never been sent."""
        return self._history.outcome(self._request(row))

    def part_outcomes(self, row: Row) -> list[tuple[Row, RowOutcome | None]]:
        """Return the rows that a row was merged from, or the row itself, each with its outcome.

        The rows that are not done are sent as one request, so they share an outcome.
        """
        found = [(part, self.outcome(part)) for part in parts_of(row)]
        rest = [part for part, outcome in found if outcome not in DONE]
        together = self.outcome(merge(rest)) if rest else None
        return [(part, outcome if outcome in DONE else together) for part, outcome in found]

    def remaining(self, row: Row) -> tuple[Row, ...]:
        """Return which of the rows that a row was merged from, or the row itself, are to be sent."""
        found = self.part_outcomes(row)
        return tuple(part for part, outcome in found if not (outcome and outcome.is_final))

    def has_other_request(self, row: Row) -> bool:
        """Return whether a request for another role or other teams may have invited the person."""
        return self._history.has_other(self._request(row))

    def results(self, rows: Iterable[Row]) -> Iterator[Result]:
        """Yield the recorded results of rows, in one pass over the whole file.

        Raises:
            ResultsFileError: Another program has changed the file.
            OSError: The file can't be read.
        """
        wanted = {self._request(row): row for row in rows}
        for line in self._lines() if wanted else ():
            if line.request in wanted and self._history.is_latest(line):
                row = wanted.pop(line.request)
                # An addition needs no member ID in its result, because its row has one.
                member_id = line.member_id if line.email else ""
                yield Result(row, line.row_outcome, member_id, line.detail)

    def sending(self, row: Row) -> None:
        """Record that a row is about to be sent.

        Raises:
            ResultsFileError: The file can't be written, or another program has replaced, changed
                or deleted it.
        """
        self.check_in_place()
        self._entry += 1
        self._append(row, row.member_id, SENDING, "")

    def record(self, result: Result) -> None:
        """Record the result of a row, on a line for each line of the people file.

        Raises:
            ResultsFileError: The file can't be written.
        """
        row = result.row
        if not isinstance(row, BadRow) and self._history.is_forgotten(self._request(row)):
            return  # It was not sent again, and keeps its refusal.
        self._entry += 1
        for each in result.each_line():
            self._append(each.row, each.member_id or row.member_id, each.outcome, each.detail)

    def check_in_place(self) -> None:
        """Check that no other program has replaced, changed or deleted the file.

        Raises:
            ResultsFileError: One has. What was recorded is in another file then. Or the file could
                not be written before, or is closed.
        """
        if broken := self._lost or self._failed:
            raise broken
        try:
            there = os.stat(self._place)
        except OSError:
            there = None
        ours = os.fstat(self._file.fileno()) if self._file else None
        if (there and (there.st_dev, there.st_ino, there.st_size)) == (
            ours and (ours.st_dev, ours.st_ino, self._size)
        ):
            return
        found = "What was recorded"
        if ours and ours.st_size < self._size:
            found = "Lines of it are lost, and their rows may be sent again. What is left"
        try:
            rescued = self._rescue()
        except OSError as error:
            self._failed = self._unwritable(error.strerror)
            raise self._failed from error
        self._lost = ResultsFileError(
            f"another program has replaced, changed or deleted {self.path}, so nothing more is "
            f"sent. {found} is in {rescued}: move it back, and run the same again"
        )
        self.path = self._place = self._target = rescued
        raise self._lost

    def forget_refused(self) -> None:
        """Treat refused rows as not sent, so that they are retried."""
        self._history.forget_refused()

    def close(self) -> None:
        """Leave one line for each row, and let other processes use the file.

        Raises:
            ResultsFileError: Another program has replaced, changed or deleted the file.
        """
        try:
            if self._is_writing and not self._lost and not self._failed:
                self.check_in_place()
                # Without room for a second file, the lines of each request stay.
                with suppress(OSError):
                    self._rewrite()
        finally:
            self._release()

    def _release(self) -> None:
        if self._file:
            self._file.close()
        self._failed = self._failed or ResultsFileError(f"{self.path} is closed")
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _request(self, row: Row) -> Request:
        return request_of(self._organization, row.email, row.member_id, row.team, _role(row))

    def _unwritable(self, reason: str | None) -> ResultsFileError:
        remedy = "make it writable, or make room"
        if reason == os.strerror(EBUSY):  # It is a mount of its own, and can't be replaced.
            remedy = "mount its folder instead of the file"
        return ResultsFileError(
            f"{self.path} can't be written ({reason}), and without it nothing more is sent: "
            f"{remedy}, and run the same again"
        )

    def _append(self, row: Row | BadRow, member_id: str, outcome: str, detail: str) -> None:
        is_bad = isinstance(row, BadRow)
        line = Line(
            str(row.line or ""),
            row.email,
            member_id,
            row.team,
            _role(row),
            outcome,
            detail,
            "" if is_bad else self._organization,
            "" if is_bad else self._url,
            self._entry,
        )
        # After a failure nothing more is written: it could follow an incomplete line.
        if self._failed:
            raise self._failed
        try:
            if not self._is_writing:
                self.check_in_place()
                self._rewrite()
            self._write(format_line(line, self._delimiter))
        except OSError as error:
            self._failed = self._unwritable(error.strerror)
            raise self._failed from error
        if not is_bad:
            self._history.note(line)

    def _write(self, content: bytes) -> None:
        assert self._file
        written = self._file.write(content)
        self._size += written
        if written < len(content):
            raise OSError(ENOSPC, os.strerror(ENOSPC))

    def _load(self, *, same_sentry: bool) -> None:
        """Load the latest outcome of each row.

        Raises:
            ResultsFileError: The file is not a results file, or is about another Sentry.
        """
        others: set[str] = set()
        try:
            if self._target.exists():
                self._file = open(self._target, "rb", buffering=0)  # noqa: SIM115
                self._size = os.fstat(self._file.fileno()).st_size
                with open(self._target, "rb") as file:
                    self._delimiter = find_delimiter(file.readline())
            for line in self._lines():
                self._entry = max(self._entry, line.entry)
                if not line.organization:
                    continue
                if line.organization == self._organization and line.sentry != self._url:
                    others.add(line.sentry)
                self._history.note(line)
        except OSError as error:
            raise ResultsFileError(
                f"{self.path} can't be read ({error.strerror}), and without it nothing is sent: "
                "make it readable, and run the same again"
            ) from error
        self._entry_before = self._entry
        if others and not same_sentry:
            addresses = tuple(sorted(others))
            raise OtherSentryError(
                f"{self.path} has outcomes of {self._organization} at {', '.join(addresses)}, and "
                f"this run is for {self._url}",
                addresses,
            )

    def _lines(self) -> Iterator[Line]:
        """Yield each line of the file, or nothing if there was no file and none is written yet."""
        if not self._file:
            return
        try:
            with open(self._target, "rb") as file:
                yield from read_lines(file, self._delimiter)
        except LineError as error:
            raise ResultsFileError(
                f"line {error.number} of {self.path} is not a line of a results file: correct it, "
                "or move the file away"
            ) from error

    def _rewrite(self) -> None:
        """Write the latest line about each row to a new file, which takes the place of this one."""
        new = self._target.with_name(f".{self._target.name}.new")
        try:
            new.unlink(missing_ok=True)  # It may be a link to another file.
            with open(new, "xb") as file:
                file.write(format_line(COLUMNS, self._delimiter))
                for line in self._lines():
                    if self._history.is_latest(line) if line.organization else self._is_new(line):
                        file.write(format_line(self._with_address(line), self._delimiter))
                file.flush()
                os.fsync(file.fileno())
            if self._file:
                self._file.close()
                shutil.copymode(self._target, new)
                there = self._target.stat()
                for owner, group in ((-1, there.st_gid), (there.st_uid, -1)):
                    # Windows has no chown; only root may change the owner.
                    with suppress(AttributeError, PermissionError):
                        os.chown(new, owner, group)
            os.replace(new, self._target)
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        self._file = open(self._target, "a+b", buffering=0)  # noqa: SIM115
        self._size = os.fstat(self._file.fileno()).st_size
        self._is_writing = True

    def _is_new(self, line: Line) -> bool:
        return line.entry > self._entry_before

    def _with_address(self, line: Line) -> Line:
        """Return the line with this run's address, which leads to the same Sentry."""
        is_ours = line.organization == self._organization
        return line._replace(sentry=self._url) if is_ours else line

    def _rescue(self) -> Path:
        """Go on in a new file, with what was recorded in this one."""
        name = f"{self.path.stem}.rescued-"
        try:
            handle, name = tempfile.mkstemp(".csv", name, self._target.parent)
        except OSError:  # The folder is gone, too.
            handle, name = tempfile.mkstemp(".csv", name)
        rescued = os.fdopen(handle, "a+b", buffering=0)
        if self._file:
            self._file.seek(0)
            shutil.copyfileobj(self._file, rescued)
            self._file.close()
        self._file, self._is_writing = rescued, True
        self._size = os.fstat(handle).st_size
        if not self._size:
            self._write(format_line(COLUMNS, self._delimiter))
        return Path(name)


def _role(row: Row | BadRow) -> str:
    return (row.org_role if isinstance(row, Invite) else None) or ""


def _same_for_all_regions(url: str) -> str:
    """Return the URL of a Sentry; a slug is that of one organization in all of sentry.io."""
    host = urlsplit(url).hostname or ""
    return "https://sentry.io/" if host.endswith(".sentry.io") else url
