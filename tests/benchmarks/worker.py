"""A process that makes calls in an environment of its own, and reports how long they took.

`Worker` is the parent's end of the pipe; the module run as a program is the other.
"""

import asyncio
import gc
import itertools
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.benchmarks.opponents import OPPONENTS, Calls
from tests.support.repo_copy import ROOT

NUMBERS = itertools.count(1)


class Worker:
    """The parent's end of the pipe."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def seconds(self, opponent: str, count: int, in_flight: int = 0, only: int = -1) -> float:
        """Make calls of an opponent; return the seconds that one took on average.

        Args:
            opponent: Its name in `OPPONENTS`.
            count: How many calls to make in all.
            in_flight: How many of an async opponent are in flight.
            only: The operation's place in `Calls`; by default both take turns.
        """
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps([opponent, count, in_flight, only]), file=self.process.stdin, flush=True)
        # A worker that failed has printed why.
        return float(self.process.stdout.readline() or sys.exit(1))


@contextmanager
def worker(python: Path, url: str) -> Generator[Worker]:
    """Run a worker with the interpreter of an environment; its opponents call this server."""
    command = [str(python), "-m", "tests.benchmarks.worker", url]
    pipe = subprocess.PIPE
    # The environment is empty, because a variable may name a proxy.
    with subprocess.Popen(command, cwd=ROOT, env={}, stdin=pipe, stdout=pipe, text=True) as process:
        yield Worker(process)


def mebibytes(process: int | str, field: str) -> float:
    """Return a field of Linux's status of a process, such as VmRSS, in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    [kilobytes] = re.findall(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) / 1024


async def _time(calls: Calls, count: int, in_flight: int) -> float:
    turns = zip(itertools.cycle(calls), itertools.islice(NUMBERS, count), strict=False)
    start = perf_counter()
    if in_flight:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(in_flight):
                tasks.create_task(_await(turns))
    else:
        for call, number in turns:
            call(number)
    return (perf_counter() - start) / count


async def _await(turns: Iterator[tuple[Callable[[int], Any], int]]) -> None:
    for call, number in turns:
        await call(number)


async def _serve(url: str) -> None:
    opened: dict[str, Calls] = {}
    async with AsyncExitStack() as stack:
        for line in sys.stdin:
            name, count, in_flight, only = json.loads(line)
            if name not in opened:
                opened[name] = await stack.enter_async_context(OPPONENTS[name](url))
            both = opened[name]
            calls = both if only < 0 else (both[only], both[only])
            gc.collect()
            # The other workers had the processor's caches meanwhile.
            await _time(calls, 1 + count // 5, in_flight)
            print(await _time(calls, count, in_flight), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # to end without a traceback
    asyncio.run(_serve(sys.argv[1]))
