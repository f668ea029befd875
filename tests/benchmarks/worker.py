"""A process that makes calls in an environment of its own, and reports how long they took.

The module has both ends of the pipe: `worker` starts the process, `Worker` sends it requests, and
the module run as a program replies to them.
"""

import asyncio
import gc
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from tests.benchmarks import opponents
from tests.benchmarks.memory import mebibytes
from tests.support.repo_copy import ROOT

NUMBERS = itertools.count(1)
PACKAGES = ("sentry-members", "httpx", "httpcore", "sniffio")


class Block(NamedTuple):
    """Calls that are timed together.

    Attributes:
        calls: Opponents and operations that take turns, such as "generated.add_member".
        size: The number of calls in all.
        concurrency: The number of concurrent calls; None for a sync opponent.
    """

    calls: list[str]
    size: int = 1
    concurrency: int | None = None


class Worker:
    """The parent's end of the pipe.

    Attributes:
        packages: Those of PACKAGES that the environment has, with their versions.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.packages: dict[str, str] = self._receive()

    def seconds(self, *blocks: Block) -> list[float]:
        """Return the wall-clock seconds that a call of each block took, on average."""
        seconds: list[float] = self._send(blocks)["seconds"]
        return seconds

    def memory(self, *blocks: Block) -> float:
        """Return the memory of the process after these calls, in MiB."""
        memory: float = self._send(blocks)["memory"]
        return memory

    def _send(self, blocks: tuple[Block, ...]) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(blocks) + "\n")
        self._process.stdin.flush()
        return self._receive()

    def _receive(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit("a worker has failed (see above)")
        return json.loads(line)


@contextmanager
def worker(python: Path, url: str, *names: str) -> Generator[Worker]:
    """Run a process that makes the calls of some opponents.

    Args:
        python: The interpreter of its environment.
        url: The server that they call.
        names: The names of the opponents in `opponents`.
    """
    command = [str(python), "-m", "tests.benchmarks.worker", url, *names]
    pipe = subprocess.PIPE
    # The environment is empty, because a variable may name a proxy.
    with subprocess.Popen(command, cwd=ROOT, env={}, stdin=pipe, stdout=pipe, text=True) as process:
        yield Worker(process)


async def _time(calls: list[Callable[[int], Any]], count: int, concurrency: int | None) -> float:
    """Make a number of calls, which take turns, and return the seconds of one on average."""
    turns = zip(itertools.cycle(calls), itertools.islice(NUMBERS, count), strict=False)
    start = perf_counter()
    if concurrency is None:
        for call, number in turns:
            call(number)
    else:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrency):
                tasks.create_task(_await_calls(turns))
    return (perf_counter() - start) / count


async def _await_calls(turns: Iterator[tuple[Callable[[int], Any], int]]) -> None:
    for call, number in turns:
        await call(number)


async def _reply(url: str, names: list[str]) -> None:
    calls: dict[str, Callable[[int], Any]] = {}
    async with AsyncExitStack() as stack:
        for name in names:
            opponent = await stack.enter_async_context(getattr(opponents, name)(url))
            calls |= {f"{name}.{operation}": call for operation, call in opponent._asdict().items()}
        packages = {}
        for name in PACKAGES:
            with suppress(PackageNotFoundError):
                packages[name] = version(name)
        print(json.dumps(packages), flush=True)
        for line in sys.stdin:
            gc.collect()
            blocks = [Block(*block) for block in json.loads(line)]
            seconds = [
                await _time([calls[name] for name in block.calls], block.size, block.concurrency)
                for block in blocks
            ]
            gc.collect()
            print(json.dumps({"seconds": seconds, "memory": mebibytes("VmRSS")}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # to end without a traceback
    asyncio.run(_reply(sys.argv[1], sys.argv[2:]))
