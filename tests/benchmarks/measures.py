"""The measurements. The opponents take turns, so that all of them get the same machine."""

import random
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from subprocess import PIPE
from time import monotonic, perf_counter

from tests.benchmarks.figures import Samples
from tests.benchmarks.onboarding import RATE_LIMIT
from tests.benchmarks.opponents import MEMBERS, TOKEN
from tests.benchmarks.worker import mebibytes, worker
from tests.support.new_member import REQUIRED
from tests.support.repo_copy import ROOT, Tree

IN_FLIGHT = (1, 5, 24, 50, 100)
BLOCK = 40  # sync calls that are timed together

IMPORT = """\
import sentry_members
from sentry_members_api.api.organizations import add_a_member_to_an_organization
from sentry_members_api.api.teams import add_an_organization_member_to_a_team
"""
FIRST_CALL = f"""\
import sys
from sentry_members import NewMember, SentryMembers
with SentryMembers(token="{TOKEN}", url=sys.argv[1]) as sentry:
    sentry.add_a_member_to_an_organization("acme", NewMember.from_dict({REQUIRED}))
"""
FIRST_CALL_BY_HAND = f"""\
import sys
import httpx
headers = {{"Authorization": "Bearer {TOKEN}"}}
timeout = httpx.Timeout(30, connect=5)
with httpx.Client(base_url=sys.argv[1], headers=headers, timeout=timeout) as http:
    http.post("{MEMBERS}", json={REQUIRED}).raise_for_status().json()
"""


def take_turns(seconds: float, measured: Mapping[str, Callable[[], float]]) -> Samples:
    """Measure everything once in each round, in a random order, after a round to warm up.

    If there is time for a single round, it counts.
    """
    samples: Samples = {name: [] for name in measured}
    end = monotonic() + seconds
    while True:
        for name in random.sample([*measured], len(measured)):
            samples[name].append(measured[name]())
        if monotonic() >= end:
            return {name: values[1:] or values for name, values in samples.items()}


def calls(pythons: dict[str, Path], url: str, seconds: float, share: float) -> Samples:
    """Compare calls, sync and async, in new processes."""
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(worker(pythons[name], url))
            for name in ("sentry-members", "httpx", "httpx2")
        }
        samples: Samples = {}
        sync = {**workers, "generated": workers["sentry-members"]}
        for number, work in enumerate(("add a member", "add to a team")):
            one_by_one = {
                f"{name}: {work}": partial(process.seconds, name, BLOCK, only=number)
                for name, process in sync.items()
            }
            samples |= take_turns(seconds, one_by_one)
        concurrent = {
            f"{name}: async, {count} in flight": partial(
                process.seconds, f"async {name}", max(count, round(share * (40 + count))), count
            )
            for name, process in workers.items()
            for count in IN_FLIGHT
        }
        return samples | take_turns(4 * seconds, concurrent)


def many_calls(python: Path, url: str, seconds: float, share: float) -> Samples:
    """Measure what many of our calls cost: time in one task group, and memory."""
    many, few = max(2, round(10_000 * share)), max(1, round(100 * share))
    with worker(python, url) as process:
        one_by_one = partial(process.seconds, "sentry-members")
        one_by_one(10 * few)
        memory = {"after 1,000 calls": [mebibytes(process.process.pid, "VmRSS")]}
        one_by_one(10 * many)
        memory["memory kept after 100,000 calls"] = [mebibytes(process.process.pid, "VmRSS")]
        group = partial(process.seconds, "async sentry-members")
        groups = {
            "10,000 async calls in one task group": lambda: group(many, many),
            "100 async calls": lambda: median(group(few, few) for _ in range(10)),
        }
        return memory | take_turns(seconds, groups)


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of the processes that a function runs and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def processes(pythons: dict[str, Path], url: str, seconds: float) -> Samples:
    """Compare the CPU time of processes."""
    with tempfile.TemporaryDirectory() as folder:

        def run(name: str, *arguments: str) -> Callable[[], float]:
            run = partial(subprocess.run, cwd=folder, env={}, stdout=PIPE, check=True, timeout=60)
            return lambda: cpu_seconds(partial(run, [str(pythons[name]), *arguments]))

        def invite() -> None:
            arguments = ["-m", "sentry_members_cli", "invite", "p@example.com", "--org=acme"]
            with socket.create_server(("127.0.0.1", 0)) as server:
                server.settimeout(30)
                root = f"http://127.0.0.1:{server.getsockname()[1]}"
                variables = {"SENTRY_URL": root, "SENTRY_AUTH_TOKEN": TOKEN}
                command = [str(pythons["cli"]), *arguments]
                with subprocess.Popen(command, cwd=folder, env=variables) as process:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(1)
                        process.kill()

        Path(folder, "test_unrelated.py").write_text("def test_unrelated(): pass\n")
        pytest = ["-m", "pytest", "-p", "no:cacheprovider"]
        commands = {
            "`import httpx`": run("httpx", "-c", "import httpx"),
            "`import sentry_members` and both operations": run("sentry-members", "-c", IMPORT),
            "first call of a process": run("sentry-members", "-c", FIRST_CALL, url),
            "httpx: first call of a process": run("httpx", "-c", FIRST_CALL_BY_HAND, url),
            "`sentry-members --version`": run("cli", "-m", "sentry_members_cli", "--version"),
            "`sentry-members --help`": run("cli", "-m", "sentry_members_cli", "--help"),
            "`sentry-members invite`, until its request leaves": lambda: cpu_seconds(invite),
            "an unrelated pytest run": run("sentry-members", *pytest),
            "without the wheel": run("httpx", *pytest),
        }
        return take_turns(seconds, commands)


def onboarding(share: float) -> Samples:
    """Measure the rate of onboarding at a limit, and its peak memory without one."""

    def run(measured: str, people: int) -> list[float]:
        command = [sys.executable, "-m", "tests.benchmarks.onboarding", measured]
        command.append(str(max(2, round(people * share))))
        ran = subprocess.run(command, cwd=ROOT, stdout=PIPE, text=True, check=True, timeout=900)
        return [float(value) for value in ran.stdout.split()]

    rate, rejected = run("rate", 401)
    return {
        "onboarding at a limit of 40/s": [rate],
        "the permitted rate": [RATE_LIMIT],
        "requests rejected meanwhile": [rejected],
        "1,000 people": run("memory", 1_000),
        "peak of onboarding 100,000 people": run("memory", 100_000),
    }


def verbs(seconds: float) -> Samples:
    """Measure verbs of make in a copy of the tree."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Tree.copied(Path(folder, "tree"))

        def seconds_of(verb: str) -> float:
            start = perf_counter()
            tree.make(verb).check_returncode()
            return perf_counter() - start

        verbs = ("generate", "check")
        return take_turns(seconds, {f"`make {verb}`": partial(seconds_of, verb) for verb in verbs})
