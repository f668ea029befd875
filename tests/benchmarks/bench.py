"""Measure how fast sentry-members is: `make bench`."""

import os
import platform
import re
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks import measures, plot
from tests.benchmarks.figures import Samples, table
from tests.benchmarks.server import serve
from tests.support.repo_copy import ROOT

README = ROOT / "tests/benchmarks/README.md"
PICTURE = ROOT / ".pictures/speed.svg"
# The lines of the README between which the table is written.
MARKS = "<!-- written by make bench README=1 -->\n", "<!-- end of what is written -->\n"
# pytest is there to be measured, too; httpx alone doesn't use it.
ENVIRONMENTS = {
    "sentry-members": ["{wheel}", "pytest"],
    "cli": ["{wheel}[cli]"],
    "httpx": ["httpx", "pytest"],
    "httpx2": ["httpx2"],
}
PROCESSES = 4
PACKAGES = ("sentry-members", "httpx", "httpx2", "sniffio", "typer", "pytest")


def set_up() -> dict[str, Path]:
    """Set up the environments as their users would, and return their interpreters.

    That of httpx has no sniffio, which httpx doesn't install, and without which its async client is
    slow.
    """
    [wheel] = ROOT.glob("dist/*.whl")
    uv = [sys.executable, "-m", "uv"]
    pythons = {}
    for name, requirements in ENVIRONMENTS.items():
        python = pythons[name] = ROOT / ".venvs" / name / "bin/python"
        folder = str(python.parent.parent)
        venv = [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
        install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
        packages = [requirement.format(wheel=wheel) for requirement in requirements]
        for command in (venv, [*install, "--constraint", "requirements.lock", *packages]):
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                sys.exit(f"the environment {name} can't be set up (see above)")
    return pythons


def measure(pythons: dict[str, Path], seconds: float = 4, share: float = 1) -> Samples:
    """Measure everything.

    Args:
        pythons: The interpreters of the environments.
        seconds: How long sync calls are compared in each process; the rest takes as much longer.
        share: The share of the many calls and people.
    """
    samples: Samples = {}
    with serve() as url:
        # Processes differ in speed, by where their memory lies.
        for _ in range(PROCESSES):
            for name, values in measures.calls(pythons, url, seconds, share).items():
                samples.setdefault(name, []).extend(values)
        samples |= measures.many_calls(pythons["sentry-members"], url, 15 * seconds, share)
        samples |= measures.processes(pythons, url, 15 * seconds)
    return samples | measures.onboarding(share) | measures.verbs(8 * seconds)


def report(samples: Samples) -> str:
    """Return the table, and what it was measured on."""
    cpuinfo = Path("/proc/cpuinfo").read_text("utf-8")
    model = re.search(r"^model name\s*: (.+)$", cpuinfo, re.MULTILINE)
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{table(samples)}\n\n{date.today()}: {model[1] if model else platform.machine()}, "
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"{packages}; the server is nginx on loopback.\n"
    )


def write_readme(samples: Samples) -> None:
    """Write the table into the README, and the plot that it shows."""
    first, last = MARKS
    before, _, rest = README.read_text("utf-8").partition(first)
    after = rest.partition(last)[2]
    README.write_text(f"{before}{first}\n{report(samples)}\n{last}{after}", "utf-8")
    PICTURE.write_text(plot.draw(samples), "utf-8")


if __name__ == "__main__":
    try:
        measured = measure(set_up())
    except KeyboardInterrupt:
        sys.exit(130)
    print(report(measured), end="")
    if "--readme" in sys.argv:
        write_readme(measured)
