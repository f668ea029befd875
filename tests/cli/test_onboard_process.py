"""Onboarding by the real command against a served fake: whatever happens, nothing is lost."""

import csv
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from sentry_members_testing import FakeSentry

from tests.support.cli_process import COMMAND, environment, wait_until
from tests.support.fake_requests import Clock

OPEN = ("sending", "not attempted", "outcome unknown")
AT_ONCE = 24
DAY = 24 * 60 * 60


class Onboarding:
    """A fake Sentry, a file of people, and the command that brings them in."""

    def __init__(self, fake: FakeSentry, folder: Path, count: int) -> None:
        self.fake = fake
        self.emails = [f"person{number}@example.com" for number in range(count)]
        self.people, self.results = folder / "people.csv", folder / "people.results.csv"
        self.people.write_text("email,teams\n" + "".join(f"{e},backend\n" for e in self.emails))
        self.token = fake.issue_token("acme", owner="owner", scopes=["member:admin"])
        self.url = ""
        self.processes = ExitStack()

    def start(self, *arguments: str, shell: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
        """Start the command, below the command of a shell if one is given."""
        process = subprocess.Popen(
            [*shell, *COMMAND, "onboard", str(self.people), "--org", "acme", *arguments],
            env=environment(
                SENTRY_URL=self.url, SENTRY_AUTH_TOKEN=self.token, PYTHONDONTWRITEBYTECODE="1"
            ),
            cwd=self.people.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.enter_context(process)
        self.processes.callback(process.kill)
        return process

    def end(self, process: "subprocess.Popen[str]") -> tuple[int, str, str]:
        """The exit code, and what was printed: no traceback and no token, whatever happened."""
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err
        assert self.token[7:] not in out + err
        return process.returncode, out, err

    def run(self, *arguments: str, shell: tuple[str, ...] = ()) -> tuple[int, str, str]:
        return self.end(self.start(*arguments, shell=shell))

    @property
    def asked(self) -> Counter[str]:
        """How often the fake was asked for each e-mail, but for what the limiter turned away."""
        return Counter(
            request.body["email"] for request in self.fake.requests if request.status != 429
        )

    @property
    def lines(self) -> list[dict[str, str]]:
        """The whole lines of the results file."""
        with suppress(FileNotFoundError):
            text = self.results.read_text("utf-8")
            return list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
        return []

    def outcomes(self) -> dict[str, str]:
        """The outcome of each e-mail, which is that of its last line."""
        return {line["email"]: line["outcome"] for line in self.lines}

    def check_complete(self) -> None:
        """All are invited, and the fake and the file of results tell the same of each."""
        invited = [m for m in self.fake.members if m.email.endswith("@example.com")]
        assert sorted(self.emails) == sorted(member.email for member in invited)
        assert all({"backend"} == set(member.teams) for member in invited)
        final = [line for line in self.lines if line["outcome"] not in OPEN]
        assert dict.fromkeys(self.emails, 1) == Counter(line["email"] for line in final)
        assert dict.fromkeys(self.emails, "invited") == self.outcomes()
        ids = {member.email: member.id for member in invited}
        for line in final:
            assert line["member_id"] == ids[line["email"]] or "earlier request" in line["detail"]


Begin = Callable[..., Onboarding]


@pytest.fixture
def begin(tmp_path: Path) -> Generator[Begin]:
    """Makes an onboarding of so many people, by default at a fake with sentry.io's limits."""
    with ExitStack() as stack:

        def begin(count: int, clock: Callable[[], float] = time.time, **limits: int) -> Onboarding:
            fake = FakeSentry.example(clock=clock)
            if clock is time.time:
                fake.limit_requests(**limits)
            onboarding = Onboarding(fake, tmp_path, count)
            onboarding.url = stack.enter_context(fake.serve())
            stack.enter_context(onboarding.processes)
            return onboarding

        yield begin


def test_killed_ten_times_and_resumed(begin: Begin) -> None:
    seed = time.time_ns()
    moments = random.Random(seed)
    onboarding = begin(1000)
    fake, settled, repeatable = onboarding.fake, Counter[str](), 0
    for _ in range(10):
        arrived, written = len(fake.requests), len(onboarding.lines)
        process = onboarding.start()
        wait_until(lambda arrived=arrived: len(fake.requests) > arrived)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 2))
        process.kill()
        assert -signal.SIGKILL == process.wait(), f"seed {seed}: it had ended before"
        latest = {line["email"]: line["outcome"] for line in onboarding.lines[written:]}
        under_way = [email for email, outcome in latest.items() if outcome == "sending"]
        assert len(under_way) <= AT_ONCE, f"seed {seed}"
        repeatable += len(under_way)
        asked = onboarding.asked
        settled |= Counter({e: asked[e] for e, o in onboarding.outcomes().items() if o not in OPEN})
    code, out, err = onboarding.run()
    assert (0, "") == (code, err), f"seed {seed}: {out}"
    onboarding.check_complete()
    asked = onboarding.asked
    assert settled == Counter({email: asked[email] for email in settled}), f"seed {seed}"
    assert asked.total() - 1000 <= repeatable, f"seed {seed}"


def test_the_pace_is_what_sentry_allows(begin: Begin) -> None:
    onboarding = begin(301)
    arrived: list[float] = []
    process = onboarding.start()
    for count in range(1, 302, 20):
        wait_until(lambda count=count: len(onboarding.fake.requests) >= count)
        arrived.append(time.monotonic())
    assert (0, "") == onboarding.end(process)[::2]
    onboarding.check_complete()
    # The pace that it keeps: what else the machine does holds some of them up.
    assert 38 <= median(20 / (end - begin) for begin, end in pairwise(arrived))
    turned_away = [request for request in onboarding.fake.requests if request.status == 429]
    assert len(turned_away) <= 3


def test_the_quota_in_the_middle(begin: Begin) -> None:
    clock = Clock()
    onboarding = begin(60, clock)
    onboarding.fake.limit_invites(per_day=35)
    code, out, err = onboarding.run()
    assert 7 == code
    assert err.startswith("stopped\n    429: You are being rate limited for too many invitations.")
    assert "go on tomorrow" in err
    assert "not attempted" in out
    assert {"invited": 35, "not attempted": 25} == Counter(onboarding.outcomes().values())
    assert len(onboarding.fake.requests) <= 35 + AT_ONCE
    today = len(onboarding.fake.requests)
    clock.now += DAY
    assert (0, "") == onboarding.run()[::2]
    assert today + 25 == len(onboarding.fake.requests)
    onboarding.check_complete()


def test_answers_that_fail_and_get_lost(begin: Begin) -> None:
    onboarding = begin(300, Clock())
    for fault, every in ((500, 41), (502, 37), (504, 31), ("drop-before", 29), ("drop-after", 23)):
        onboarding.fake.fail_next(fault, every=every, times=5)
    code, out, err = onboarding.run()
    assert (0, []) == (code, but_for_pauses(err)), out
    onboarding.check_complete()
    asked = onboarding.asked
    assert {1, 2} == set(asked.values())
    assert 300 + 25 == asked.total()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_resumed(number: signal.Signals, begin: Begin) -> None:
    onboarding = begin(100)
    process = onboarding.start()
    wait_until(lambda: len(onboarding.asked) > 30)
    process.send_signal(number)
    code, out, err = onboarding.end(process)
    assert (130, "") == (code, err)
    assert "The same command goes on" in out
    outcomes = onboarding.outcomes()
    assert set(onboarding.emails) == set(outcomes), "of every row it is told what came of it"
    assert "sending" not in outcomes.values()
    asked = onboarding.asked
    final = [email for email, outcome in outcomes.items() if outcome not in OPEN]
    assert len(final) < 100
    assert {email for email, o in outcomes.items() if o == "outcome unknown"} >= (
        set(asked) - set(final)
    )
    assert (0, "") == onboarding.run()[::2]
    onboarding.check_complete()
    assert [asked[email] for email in final] == [onboarding.asked[email] for email in final]


def but_for_pauses(err: str) -> list[str]:
    """What is told besides pauses: whether it comes to one hangs on which calls fail together."""
    return [line for line in err.splitlines() if not line.startswith("nothing is sent for ")]


def test_a_server_that_goes_away_and_comes_back(begin: Begin) -> None:
    onboarding = begin(100)
    with onboarding.fake.serve() as onboarding.url:
        port = int(onboarding.url.rpartition(":")[2])
        process = onboarding.start()
        wait_until(lambda: len(onboarding.asked) > 30)
    wait_until(lambda: any("was not sent" in line["detail"] for line in onboarding.lines))
    with onboarding.fake.serve(port):
        code, out, err = onboarding.end(process)
    assert (0, []) == (code, but_for_pauses(err)), out
    onboarding.check_complete()


def test_a_full_disk(begin: Begin) -> None:
    """What a shell allows a process to write stands in for it: blocks of 512 bytes."""
    onboarding = begin(100, Clock())
    code, _, err = onboarding.run(shell=("sh", "-c", 'ulimit -f 6; exec "$0" "$@"'))
    assert 8 == code
    assert f"{onboarding.results} can't be written" in err
    assert 2 == len(err.splitlines())
    assert 6 * 512 == onboarding.results.stat().st_size
    announced = {line["email"] for line in onboarding.lines if line["outcome"] == "sending"}
    assert set(onboarding.asked) <= announced, "nothing is sent that is not written down"
    assert len(announced) < 100
    assert (0, "") == onboarding.run()[::2]
    onboarding.check_complete()


def test_two_commands_at_once(begin: Begin) -> None:
    onboarding = begin(60)
    first = onboarding.start()
    wait_until(lambda: onboarding.asked)
    first.send_signal(signal.SIGSTOP)
    code, out, err = onboarding.run()
    first.send_signal(signal.SIGCONT)
    assert (8, "") == (code, out)
    assert f"{onboarding.results} is in use" in err
    assert 2 == len(err.splitlines())
    assert (0, "") == onboarding.end(first)[::2]
    onboarding.check_complete()
    assert 60 == onboarding.asked.total()


@pytest.mark.parametrize("path", [".", "nowhere/results.csv"])
def test_results_that_cannot_be_written(path: str, begin: Begin) -> None:
    onboarding = begin(3)
    code, out, err = onboarding.run("--results", path)
    assert (8, "") == (code, out)
    assert f"{path} can't be written" in err
    assert 2 == len(err.splitlines())
    assert () == onboarding.fake.requests
