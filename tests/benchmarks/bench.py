"""Measure how fast sentry-members is: `make bench`."""

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

README = ROOT / "tests/benchmarks/README.md"
PICTURE = ROOT / ".pictures/speed.svg"
# The lines of the README between which the table is written.
MARKS = "<!-- written by make bench README=1 -->\n", "<!-- end of what is written -->\n"

HOW = (
    "The opponents take turns in one run. Times are wall-clock times, the medians of the rounds; a "
    "ratio is the median of the rounds' ratios, with their quartiles beside it."
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
        """Return the table, how it was measured, and on what."""
        machine, installed = self.machine, self.machine["packages"]["default"]
        packages = ", ".join(f"{name} {version}" for name, version in installed.items())
        return (
            f"{table(self.figures)}\n\n{HOW}\n\n{machine['date']}: {machine['processor']}, "
            f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
            f"{packages}; the server is {machine['server']} on loopback.\n"
        )

    def as_json(self) -> str:
        """Return all figures, and what the plot shows, as JSON."""
        figures = [{**asdict(figure), "within": figure.is_within} for figure in self.figures]
        return json.dumps({**self._asdict(), "figures": figures}, indent=2) + "\n"


def measure(pythons: Pythons, effort: Effort) -> Report:
    """Measure everything, and print on stderr what is being measured."""
    with serve() as server:
        _print_progress("measuring sync calls")
        figures = sync_figures(pythons.default, server.url, effort)
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(worker(python, server.url, name))
                for name, python in zip(ASYNC, pythons, strict=True)
            }
            packages = [process.packages for process in workers.values()]
            _print_progress("measuring async calls")
            figure, curves = async_figure(workers, effort)
            _print_progress("measuring task groups")
            figures += [figure, group_figure(workers["facade_async"], effort)]
        _print_progress("measuring imports")
        figures.append(import_figure(pythons.default, effort))
        _print_progress("measuring memory")
        figures += memory_figures(pythons.default, server.url, effort)
    _print_progress("measuring make generate")
    figures.append(generate_figure(effort))
    machine = _machine(server.name, dict(zip(pythons._fields, packages, strict=True)))
    return Report(machine, figures, curves)


def write_readme(report: Report) -> None:
    """Write the table into the README, and the plot that it shows."""
    first, last = MARKS
    before, _, rest = README.read_text("utf-8").partition(first)
    _, _, after = rest.partition(last)
    README.write_text(f"{before}{first}\n{report.markdown()}\n{last}{after}", "utf-8")
    PICTURE.write_text(plot.draw(report.curves), "utf-8")


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _machine(server: str, packages: dict[str, dict[str, str]]) -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo")
    model = None
    if cpuinfo.exists():
        model = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
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
    options = parser.parse_args(arguments)
    if options.json and (options.json.is_dir() or not options.json.parent.is_dir()):
        sys.exit(f"{options.json} can't be written: name a file in an existing folder")
    _print_progress("setting up the environments")
    report = measure(environments.make(ROOT), effort)
    print(report.markdown(), end="")
    if options.json:
        options.json.write_text(report.as_json(), "utf-8")
    if options.readme:
        write_readme(report)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
