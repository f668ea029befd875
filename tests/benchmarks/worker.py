"""A process that makes calls in an environment of its own, and tells how long they took.

Both ends of its pipe: `worker` starts it and `Worker` asks; the module run by itself answers.
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
        calls: Which: opponents and operations such as "generated.add_member", that take turns.
        size: How many there are in all.
        at_once: How many are concurrent; None for a sync opponent.
    """

    calls: list[str]
    size: int = 1
    at_once: int | None = None


class Worker:
    """The process, for those who ask it.

    Attributes:
        packages: Which of PACKAGES its environment has, with the versions.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.packages: dict[str, str] = self._answer()

    def seconds(self, *blocks: Block) -> list[float]:
        """How many seconds of the clock a call of each block took, on average."""
        seconds: list[float] = self._ask(blocks)["seconds"]
        return seconds

    def memory(self, *blocks: Block) -> float:
        """How much memory the process has after these calls, in MiB."""
        memory: float = self._ask(blocks)["memory"]
        return memory

    def _ask(self, blocks: tuple[Block, ...]) -> Any:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(blocks) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit("a worker has failed: see above")
        return json.loads(line)


@contextmanager
def worker(python: Path, url: str, *names: str) -> Generator[Worker]:
    """Start a process that makes the calls of some opponents.

    Args:
        python: The interpreter of its environment.
        url: The server that is called.
        names: The opponents, by their names in `opponents`.
    """
    command = [str(python), "-m", "tests.benchmarks.worker", url, *names]
    pipe = subprocess.PIPE
    # Without the environment's variables, which may name a proxy.
    with subprocess.Popen(command, cwd=ROOT, env={}, stdin=pipe, stdout=pipe, text=True) as process:
        yield Worker(process)


async def _time(calls: list[Callable[[int], Any]], count: int, at_once: int | None) -> float:
    turns = zip(itertools.cycle(calls), itertools.islice(NUMBERS, count), strict=False)
    start = perf_counter()
    if at_once is None:
        for call, number in turns:
            call(number)
    else:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(_await_calls(turns))
    return (perf_counter() - start) / count


async def _await_calls(turns: Iterator[tuple[Callable[[int], Any], int]]) -> None:
    for call, number in turns:
        await call(number)


async def _answer(url: str, names: list[str]) -> None:
    calls: dict[str, Callable[[int], Any]] = {}
    async with AsyncExitStack() as stack:
        for name in names:
            made = await stack.enter_async_context(getattr(opponents, name)(url))
            calls |= {f"{name}.{operation}": call for operation, call in made._asdict().items()}
        packages = {}
        for name in PACKAGES:
            with suppress(PackageNotFoundError):
                packages[name] = version(name)
        print(json.dumps(packages), flush=True)
        for line in sys.stdin:
            gc.collect()
            blocks = [Block(*block) for block in json.loads(line)]
            seconds = [
                await _time([calls[name] for name in block.calls], block.size, block.at_once)
                for block in blocks
            ]
            gc.collect()
            print(json.dumps({"seconds": seconds, "memory": mebibytes("VmRSS")}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # to end without a traceback
    asyncio.run(_answer(sys.argv[1], sys.argv[2:]))
