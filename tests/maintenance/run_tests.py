"""Run every test: of the tree, and of the installed wheel in each environment: `make test`.

All tests of the wheel run on this Python with the pinned packages. The other environments differ in
Python and the packages, not in our code. There, each test runs with its first case for each client,
sync and async: the further cases are mostly other data for the same code. Tests that are marked `slow`
are left out there, unless they are marked `everywhere`. The newest Python gets the newest packages, as
users install them, and the lowest other one the lowest that `pyproject.toml` allows.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.maintenance.environments import OWN, VERSIONS, Environment, other_versions
from tests.support import programs

PYTEST = ["-m", "pytest", "--quiet"]
# More than there are cores, because many slow tests wait for other programs.
PROCESSES = 1 + (os.cpu_count() or 1)
ALL = [f"--numprocesses={PROCESSES}"]
# In one process: to import everything in each of several would take longer than the tests.
FIRST_CASES = ["-m", "not slow or everywhere", "-p", "tests.support.first_cases"]
# The slowest come first, so that no core is idle at the end.
TREE = ("project", "maintenance", "benchmarks", "reference", "contract", "gateway")
WHEEL = ("cli", "onboarding", "testing", "client")


class Step(NamedTuple):
    """A run of pytest.

    Attributes:
        folders: The folders of tests.
        environment: Where the wheel is installed; None for the tests of the tree.
        is_whole: Whether every test is run, with all of its cases.
    """

    folders: tuple[str, ...]
    environment: Environment | None = None
    is_whole: bool = False

    def __str__(self) -> str:
        return f"the wheel on {self.environment}" if self.environment else "the tree"

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run it; the output of the tree's tests is printed at once, that of a wheel's returned.

        Raises:
            CalledProcessError: A test failed, or the environment can't be made.
        """
        python = self.environment.make() if self.environment else sys.executable
        options = ALL if self.is_whole else FIRST_CASES
        folders = [f"tests/{folder}" for folder in self.folders]
        returned = subprocess.PIPE if self.environment else None
        return subprocess.run(
            [python, *PYTEST, *options, *folders],
            stdout=returned,
            stderr=returned and subprocess.STDOUT,
            text=True,
            check=True,
        )


def steps(others: list[str]) -> list[Step]:
    """Return what is to be run where these other versions of Python are found."""
    first, *between, last = others if len(others) > 1 else [OWN, *(others or [OWN])]
    return [
        Step(TREE, is_whole=True),
        Step(WHEEL, Environment(OWN), is_whole=True),
        Step(WHEEL, Environment(first, "lowest")),
        *(Step(WHEEL, Environment(version)) for version in between),
        Step(WHEEL, Environment(last, "newest")),
    ]


def main() -> int:
    """Run the steps, some at once, show them up to the first that fails, and return the exit code."""
    start = time.monotonic()
    others = other_versions()
    to_run = steps(others)
    failed = None
    pool = ThreadPoolExecutor(max_workers=PROCESSES)
    try:
        runs = [pool.submit(step.run) for step in to_run]
        for number, (step, run) in enumerate(zip(to_run, runs, strict=True), 1):
            place = f"{number} of {len(to_run)}: {step}"
            print(place, flush=True)
            try:
                print(run.result().stdout or "", end="", flush=True)
            except subprocess.CalledProcessError as error:
                print(error.stdout or "", end="", flush=True)
                failed = place
                break
    finally:
        pool.shutdown(cancel_futures=True)
    for version in VERSIONS:
        if version not in (OWN, *others):
            print(f"SKIPPED: Python {version}, which is not found")
    programs.print_missing()
    minutes, seconds = divmod(round(time.monotonic() - start), 60)
    summary = f"failed: {failed}" if failed else f"passed: {len(to_run)} of {len(to_run)}"
    print(f"{summary}, in {minutes} min {seconds} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
