"""Measures how fast sentry-members is: `make bench`."""

import argparse
import json
import os
import platform
import re
import sys
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import environments, plot
from tests.benchmarks.environments import Pythons
from tests.benchmarks.figures import Figure, table
from tests.benchmarks.measures import (
    ASYNC,
    FULL,
    Effort,
    async_figure,
    generate_figure,
    group_figure,
    import_figure,
    memory_figures,
    sync_figures,
)
from tests.benchmarks.server import serve
from tests.benchmarks.worker import worker
from tests.support.repo_copy import ROOT

README = ROOT / "README.md"
PICTURE = ROOT / ".pictures/speed.svg"
# Between them stands what is written into the README.
MARKS = "<!-- made by make bench README=1 -->\n", "<!-- up to here -->\n"

HOW = (
    "Opponents take turns in one run. Times are by the clock, medians of the rounds; a ratio is "
    "the median of the rounds' ratios, and beside it are their quartiles."
)


class Report(NamedTuple):
    """What was measured, and where.

    Attributes:
        machine: What it was measured on, and with.
        figures: The rows of the table.
        curves: The seconds that a call takes, by how many are concurrent.
    """

    machine: dict[str, Any]
    figures: list[Figure]
    curves: dict[str, plot.Curve]

    def markdown(self) -> str:
        machine, installed = self.machine, self.machine["packages"]["default"]
        packages = ", ".join(f"{name} {version}" for name, version in installed.items())
        return (
            f"{table(self.figures)}\n\n{HOW}\n\n{machine['date']}: {machine['processor']}, "
            f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
            f"{packages}; the server is {machine['server']} on loopback.\n"
        )

    def as_json(self) -> str:
        figures = [{**asdict(figure), "within": figure.is_within} for figure in self.figures]
        return json.dumps({**self._asdict(), "figures": figures}, indent=2) + "\n"


def measure(pythons: Pythons, effort: Effort) -> Report:
    with serve() as server:
        _tell("measuring sync calls")
        figures = sync_figures(pythons.default, server.url, effort)
        with ExitStack() as stack:
            homes = zip(ASYNC, pythons, strict=True)
            workers = {
                name: stack.enter_context(worker(python, server.url, name))
                for name, python in homes
            }
            packages = [process.packages for process in workers.values()]
            _tell("measuring async calls")
            figure, curves = async_figure(workers, effort)
            _tell("measuring task groups")
            figures += [figure, group_figure(workers["facade_async"], effort)]
        _tell("measuring imports")
        figures.append(import_figure(pythons.default, effort))
        _tell("measuring memory")
        figures += memory_figures(pythons.default, server.url, effort)
    _tell("measuring make generate")
    figures.append(generate_figure(effort))
    machine = _machine(server.name, dict(zip(pythons._fields, packages, strict=True)))
    return Report(machine, figures, curves)


def write_readme(report: Report) -> None:
    """Put the table into the README, and the plot where the README shows it."""
    first, last = MARKS
    before, _, rest = README.read_text("utf-8").partition(first)
    _, _, after = rest.partition(last)
    README.write_text(f"{before}{first}\n{report.markdown()}\n{last}{after}", "utf-8")
    PICTURE.write_text(plot.draw(report.curves), "utf-8")


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _machine(server: str, packages: dict[str, dict[str, str]]) -> dict[str, Any]:
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"^model name\s*: (.+)$", told, re.MULTILINE)
    return {
        "date": date.today().isoformat(),
        "processor": model[1] if model else platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": packages,
        "server": server,
    }


def main(arguments: list[str] | None = None, effort: Effort = FULL) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--readme", action="store_true", help="write the README's table and plot")
    to = parser.parse_args(arguments)
    if to.json and (to.json.is_dir() or not to.json.parent.is_dir()):
        sys.exit(f"{to.json} can't be written: name a file in a folder that is there")
    _tell("setting up the environments")
    report = measure(environments.make(ROOT), effort)
    print(report.markdown(), end="")
    if to.json:
        to.json.write_text(report.as_json(), "utf-8")
    if to.readme:
        write_readme(report)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
