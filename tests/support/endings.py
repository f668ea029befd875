"""Ends a call in each of many ways, and prints what every reporter shows of the exception.

`python -m tests.support.endings ENDING…`, with the credentials in the environment alone: so no frame
of this program holds the token. Importing the reporters takes over a second.
"""

import asyncio
import io
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import sentry_sdk
from rich.console import Console
from rich.traceback import Traceback
from sentry_members import AsyncSentryMembers, SentryMembers, SentryMembersError
from sentry_members_api.api.teams import add_an_organization_member_to_a_team as join

from tests.support.new_member import new_member

INTERRUPTED = ("h11", "httpcore", "httpx", "sentry_members.")
ARGUMENTS = ("acme", "8", "backend")


class LimitError(Exception):
    """Raised by a signal handler, as a task queue does for its time limit."""


class MemoryTransport(sentry_sdk.transport.Transport):
    """Keeps the events that sentry_sdk would send."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.events: list[bytes] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.events.append(envelope.serialize())


def raise_limit(*_: object) -> None:
    raise LimitError


def signal_after(seconds: float, number: int) -> None:
    """Send this process a signal after some time, when the call waits for its response."""
    threading.Timer(seconds, os.kill, (os.getpid(), number)).start()


def method() -> None:
    with SentryMembers(attempts=1, timeout=1) as sentry:
        sentry.add_an_organization_member_to_a_team(*ARGUMENTS)


def invite() -> None:
    with SentryMembers(attempts=1, timeout=1) as sentry:
        sentry.add_a_member_to_an_organization("acme", new_member())


def bad_argument() -> None:
    with SentryMembers() as sentry:
        sentry.add_an_organization_member_to_a_team("acme", "..", "backend")


def interrupted_anywhere() -> None:
    """Repeat a call, and raise at the first, second, … function call inside httpcore and h11."""
    failures: list[LimitError] = []
    with SentryMembers(attempts=1, timeout=1) as sentry:
        for number in range(1000):
            remaining = number

            def interrupt(frame: Any, event: str, _: object) -> None:
                nonlocal remaining
                module = frame.f_globals.get("__name__", "")
                # Interrupted between a lock and its release, httpcore would wait for ever.
                is_inside = module.startswith(INTERRUPTED) and "synchron" not in module
                if event == "call" and is_inside:
                    remaining -= 1
                    if remaining < 0:
                        sys.setprofile(None)
                        raise LimitError

            sys.setprofile(interrupt)
            try:
                sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
            except LimitError as error:
                failures.append(error)
            except SentryMembersError:
                break  # The response timed out: every function call has been interrupted.
            finally:
                sys.setprofile(None)
    raise ExceptionGroup("everywhere", failures)


def closed() -> None:
    sentry = SentryMembers()
    sentry.close()
    sentry.add_an_organization_member_to_a_team(*ARGUMENTS)


def generated() -> None:
    with SentryMembers(attempts=1, timeout=1) as sentry:
        join.sync_detailed(*ARGUMENTS, client=sentry.generated)


def ctrl_c() -> None:
    signal_after(0.3, signal.SIGINT)
    method()


def alarm() -> None:
    signal.signal(signal.SIGALRM, raise_limit)
    signal_after(0.3, signal.SIGALRM)
    method()


def alarm_in_a_generated_function() -> None:
    signal.signal(signal.SIGALRM, raise_limit)
    signal_after(0.3, signal.SIGALRM)
    generated()


async def async_method() -> None:
    async with AsyncSentryMembers(attempts=1, timeout=1) as sentry:
        await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)


async def async_generated() -> None:
    async with AsyncSentryMembers(attempts=1, timeout=1) as sentry:
        await join.asyncio_detailed(*ARGUMENTS, client=sentry.generated)


async def timeout() -> None:
    async with asyncio.timeout(0.2):
        await async_method()


async def wait_for() -> None:
    await asyncio.wait_for(async_method(), 0.2)


async def wait_for_a_generated_function() -> None:
    await asyncio.wait_for(async_generated(), 0.2)


async def cancel() -> None:
    task = asyncio.create_task(async_method())
    await asyncio.sleep(0.2)
    task.cancel()
    await task


async def cancel_anywhere() -> None:
    """Repeat a call, and cancel it after 0, 1, 2, … steps of the event loop."""
    failures: list[BaseException] = []
    async with AsyncSentryMembers(attempts=1, timeout=1) as sentry:
        for steps in range(60):
            call = sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
            task = asyncio.create_task(call)
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as error:
                failures.append(error)
    raise BaseExceptionGroup("everywhere", failures)


async def cancel_while_it_retries() -> None:
    async with AsyncSentryMembers(attempts=9, timeout=0.01) as sentry, asyncio.timeout(0.5):
        await sentry.add_an_organization_member_to_a_team(*ARGUMENTS)


async def group() -> None:
    async def fail() -> None:
        await asyncio.sleep(0.2)
        raise LimitError

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(async_method())
        tasks.create_task(fail())


async def async_ctrl_c() -> None:
    signal_after(0.3, signal.SIGINT)
    await async_method()


ENDINGS: dict[str, Callable[[], Coroutine[Any, Any, None] | None]] = {
    ending.__name__: ending
    for ending in (
        *(method, invite, bad_argument, closed, generated, ctrl_c, alarm),
        *(interrupted_anywhere, cancel_anywhere),
        *(alarm_in_a_generated_function, async_method, async_generated, timeout, wait_for),
        *(wait_for_a_generated_function, cancel, cancel_while_it_retries, group, async_ctrl_c),
    )
}


def locals_of(error: BaseException | None) -> Iterator[str]:
    """Yield the locals of every frame of an exception, its causes and its contexts."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            for value in frame.f_locals.values():
                with suppress(AttributeError):  # Its constructor has not finished.
                    yield repr(value)
        error = error.__cause__ or error.__context__


def report(error: BaseException, events: list[bytes]) -> Iterator[str]:
    """Yield what each reporter shows of an exception, its causes and its contexts."""
    if isinstance(error, BaseExceptionGroup) and error.message == "everywhere":
        for each in error.exceptions:
            yield from locals_of(each)
        error = error.exceptions[0]
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    yield from shown.format()
    output = io.StringIO()
    console = Console(file=output, width=500)
    rich = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
    console.print(rich)
    yield output.getvalue()
    sentry_sdk.capture_exception(error)
    sentry_sdk.flush()
    yield from map(bytes.decode, events)
    yield from locals_of(error)


def raised_by(name: str) -> BaseException | None:
    """End a call in a way, and return the exception."""
    try:
        awaitable = ENDINGS[name]()
        if awaitable is not None:
            asyncio.run(awaitable)
        time.sleep(1)
    except BaseException as error:  # noqa: BLE001 - whatever was raised
        return error
    return None


def main(endings: list[str]) -> None:
    """Print the name of each ending, that of its exception, and what the reporters show."""
    Traceback.LEXERS[".py"] = "text"  # The colors of whole files take most of the time.
    transport = MemoryTransport()
    sentry_sdk.init(
        "https://key@sentry.example/1",
        transport=transport,
        include_local_variables=True,
        auto_enabling_integrations=False,  # Importing them all takes a second.
    )
    for name in endings:
        transport.events.clear()
        if error := raised_by(name):
            shown = "\n".join(report(error, transport.events))
            print(json.dumps([name, type(error).__name__, shown]))


if __name__ == "__main__":
    main(sys.argv[1:])
