"""The measurements: each function returns rows of the table.

The opponents take turns, in a random order in each round, so that all of them get the same machine.
"""

import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter
from typing import NamedTuple, TypeVar

from tests.benchmarks.figures import Figure
from tests.benchmarks.plot import Curve
from tests.benchmarks.worker import Block, Worker, worker
from tests.support.repo_copy import ROOT, Tree

OPERATIONS = {"add_member": "add a member", "add_to_team": "add to a team"}
SYNC = ("facade_sync", "handwritten_sync", "generated")
# The async opponents, in the order of the fields of `Pythons`, with their names in the plot.
ASYNC = {
    "handwritten_async": "httpx.AsyncClient",
    "facade_async": "AsyncSentryMembers",
}
NAIVE = "`httpx.AsyncClient` without sniffio"
IMPORT = """\
import sentry_members
from sentry_members_api.api.organizations import add_a_member_to_an_organization
from sentry_members_api.api.teams import add_an_organization_member_to_a_team
"""

T = TypeVar("T")


class Effort(NamedTuple):
    """How much is measured.

    Attributes:
        seconds: The duration of a comparison, which has at least one round.
        turns: The number of rounds of sync calls that a worker makes in one go.
        concurrencies: The numbers of concurrent async calls; the table shows the third.
        calls: The lowest number of async calls that are timed together.
        group: The number of calls in one task group, compared with a hundredth of it.
        many: The number of calls and people to measure memory with, compared with a hundredth.
    """

    seconds: float
    turns: int
    concurrencies: tuple[int, int, int, int, int]
    calls: int
    group: int
    many: int


FULL = Effort(
    seconds=12, turns=100, concurrencies=(1, 5, 20, 50, 100), calls=40, group=10_000, many=100_000
)


def sync_figures(python: Path, url: str, effort: Effort) -> list[Figure]:
    """Compare our sync client with httpx and with the generated client, by operation."""
    figures = []
    with worker(python, url, *SYNC) as process:
        for operation, description in OPERATIONS.items():
            names = [f"{opponent}.{operation}" for opponent in SYNC]
            process.seconds(*(Block([name], effort.turns) for name in names))  # to warm up
            seconds: dict[str, list[float]] = {name: [] for name in names}
            for _ in _rounds(effort.seconds):
                # One call of each is a round: nothing else is as close to the same conditions.
                turns = [name for _ in range(effort.turns) for name in _shuffled(names)]
                taken = process.seconds(*(Block([name]) for name in turns))
                for name, of_call in zip(turns, taken, strict=True):
                    seconds[name].append(of_call)
            facade, by_hand, bare = seconds.values()
            figures.append(
                Figure.ratio(f"sync: {description}", "httpx by hand", 1, facade, by_hand)
            )
            figures.append(
                Figure.ratio(f"sync: {description}", "bare `sync_detailed`", 0.92, facade, bare)
            )
    return figures


def async_figure(workers: dict[str, Worker], effort: Effort) -> tuple[Figure, dict[str, Curve]]:
    """Compare our async client with httpx; return the figure, and the curves of the plot."""
    seconds: dict[tuple[str, int], list[float]] = {
        (name, concurrency): [] for name in workers for concurrency in effort.concurrencies
    }
    for _ in _rounds(4 * effort.seconds):
        for concurrency in _shuffled([*effort.concurrencies]):
            for name in _shuffled([*workers]):
                to_warm_up = Block(_calls(name), concurrency, concurrency)
                block = Block(_calls(name), max(effort.calls, 2 * concurrency), concurrency)
                _, taken = workers[name].seconds(to_warm_up, block)
                seconds[name, concurrency].append(taken)

    concurrency = effort.concurrencies[2]
    ours, theirs = seconds["facade_async", concurrency], seconds["handwritten_async", concurrency]
    figure = Figure.ratio(f"async, {concurrency} concurrent", NAIVE, 0.40, ours, theirs)
    curves = {
        label: {
            concurrency: median(seconds[name, concurrency]) for concurrency in effort.concurrencies
        }
        for name, label in ASYNC.items()
    }
    return figure, curves


def group_figure(worker: Worker, effort: Effort) -> Figure:
    """Compare a call of a large task group with one of a small group."""
    few, many = effort.group // 100, effort.group
    blocks = {size: Block(_calls("facade_async"), size, size) for size in (few, many)}
    seconds: dict[int, list[float]] = {few: [], many: []}
    worker.seconds(blocks[few])  # to warm up
    for _ in _rounds(2 * effort.seconds):
        for size in _shuffled([few, many]):
            times = 10 if size == few else 1
            seconds[size].append(median(worker.seconds(*[blocks[size]] * times)))
    work, against = f"a call of {many:,} in one task group", f"of {few:,}"
    return Figure.ratio(work, against, 1.15, seconds[many], seconds[few])


def import_figure(python: Path, effort: Effort) -> Figure:
    """Compare the time to import our packages with that of httpx."""
    seconds: dict[str, list[float]] = {IMPORT: [], "import httpx": []}
    for _ in _rounds(effort.seconds):
        for code in _shuffled([*seconds]):
            start = perf_counter()
            subprocess.run([str(python), "-I", "-c", code], check=True)
            seconds[code].append(perf_counter() - start)
    work = "`import sentry_members` and both operations"
    return Figure.ratio(work, "`import httpx`", 1.5, *seconds.values())


def memory_figures(python: Path, url: str, effort: Effort) -> list[Figure]:
    """Compare the memory after many calls, and for many people, with that of a hundredth."""
    few, many = effort.many // 100, effort.many

    def kept() -> tuple[float, float]:
        calls = _calls("facade_sync")
        with worker(python, url, "facade_sync") as process:
            return process.memory(Block(calls, few)), process.memory(Block(calls, many - few))

    def onboarding(people: int) -> float:
        command = [sys.executable, "-m", "tests.benchmarks.onboarding", str(people)]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return float(ran.stdout)

    # These run at the same time, because only memory is measured.
    with ThreadPoolExecutor() as threads:
        keeping = threads.submit(kept)
        of_few, of_many = threads.map(onboarding, (few, many))
        after_few, after_many = keeping.result()
    return [
        Figure.more(
            f"memory kept after {many:,} calls", f"after {few:,}", 1, after_many, after_few
        ),
        Figure.more(
            f"memory of onboarding {many:,} people, at its peak", f"{few:,}", 64, of_many, of_few
        ),
    ]


def generate_figure(effort: Effort) -> Figure:
    """Measure `make generate` in a copy of the tree."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree.copied(Path(folder, "tree"))
        for _ in _rounds(effort.seconds):
            start = perf_counter()
            tree.make("generate").check_returncode()
            seconds.append(perf_counter() - start)
    return Figure.seconds("`make generate`, once set up", 2, seconds)


def _calls(name: str) -> list[str]:
    return [f"{name}.{operation}" for operation in OPERATIONS]


def _rounds(seconds: float) -> Iterator[None]:
    """Yield once, and again until the time is over."""
    end = monotonic() + seconds
    yield
    while monotonic() < end:
        yield


def _shuffled(choices: list[T]) -> list[T]:
    return random.sample(choices, len(choices))
