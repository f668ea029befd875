"""The command `onboard` as a process, against a served fake: whatever happens, no row is lost."""

import csv
import json
import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from sentry_members_testing import FakeSentry

from tests.support.cli_process import COMMAND, environment, wait_until
from tests.support.fake_requests import Clock

NOT_FINAL = ("sending", "not attempted", "outcome unknown")
MAX_IN_FLIGHT = 24
DAY = 24 * 60 * 60


class Onboarding:
    """A fake Sentry, a people file, and the command that onboards the people."""

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
        """Wait for the end; return the exit code and the output, free of tracebacks and tokens."""
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err
        assert self.token[7:] not in out + err
        return process.returncode, out, err

    def run(self, *arguments: str, shell: tuple[str, ...] = ()) -> tuple[int, str, str]:
        return self.end(self.start(*arguments, shell=shell))

    @property
    def invites(self) -> Counter[str]:
        """How many invites to each address the fake received that its limits didn't reject."""
        return Counter(
            request.body["email"] for request in self.fake.requests if request.status != 429
        )

    @property
    def lines(self) -> list[dict[str, str]]:
        """The complete lines of the results file."""
        with suppress(FileNotFoundError):
            text = self.results.read_text("utf-8")
            return list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
        return []

    def outcomes(self) -> dict[str, str]:
        """Return the outcome of each e-mail address, which is that of its last line."""
        return {line["email"]: line["outcome"] for line in self.lines}

    def check_complete(self) -> None:
        """Assert that everybody is invited, once, in the fake and in the results file."""
        invited = [m for m in self.fake.members if m.email.endswith("@example.com")]
        assert sorted(self.emails) == sorted(member.email for member in invited)
        assert all({"backend"} == set(member.teams) for member in invited)
        final = [line for line in self.lines if line["outcome"] not in NOT_FINAL]
        assert dict.fromkeys(self.emails, 1) == Counter(line["email"] for line in final)
        assert dict.fromkeys(self.emails, "invited") == self.outcomes()
        ids = {member.email: member.id for member in invited}
        for line in final:
            assert line["member_id"] == ids[line["email"]] or "earlier request" in line["detail"]


Begin = Callable[..., Onboarding]


@pytest.fixture
def begin(tmp_path: Path) -> Generator[Begin]:
    """Return a function that prepares to onboard a number of people.

    With the real clock, the fake has a rate limiter, by default with sentry.io's limits.
    """
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


@pytest.mark.slow
def test_loses_no_row_when_killed_ten_times(begin: Begin) -> None:
    seed = time.time_ns()
    moments = random.Random(seed)
    count = 500  # more than can be sent in ten seconds
    onboarding = begin(count)
    fake, settled, repeatable = onboarding.fake, Counter[str](), 0
    for _ in range(10):
        arrived = len(fake.requests)
        entries = max((int(line["entry"]) for line in onboarding.lines), default=0)
        process = onboarding.start()
        wait_until(lambda arrived=arrived: len(fake.requests) > arrived)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, 1))
        process.kill()
        assert -signal.SIGKILL == process.wait(), (
            f"seed {seed}: the command ended before it was killed"
        )
        lines = [line for line in onboarding.lines if int(line["entry"]) > entries]
        latest = {line["email"]: line["outcome"] for line in lines}
        in_flight = [email for email, outcome in latest.items() if outcome == "sending"]
        assert len(in_flight) <= MAX_IN_FLIGHT, f"seed {seed}"
        repeatable += len(in_flight)
        invites = onboarding.invites
        settled |= Counter(
            {e: invites[e] for e, o in onboarding.outcomes().items() if o not in NOT_FINAL}
        )
    code, out, err = onboarding.run()
    assert (0, "") == (code, err), f"seed {seed}: {out}"
    onboarding.check_complete()
    invites = onboarding.invites
    assert settled == Counter({email: invites[email] for email in settled}), f"seed {seed}"
    assert invites.total() - count <= repeatable, f"seed {seed}"


@pytest.mark.slow
def test_stops_at_the_invite_quota_and_goes_on_the_next_day(begin: Begin) -> None:
    clock = Clock()
    onboarding = begin(60, clock)
    onboarding.fake.limit_invites(per_day=35)
    code, out, err = onboarding.run()
    assert 7 == code
    assert err.startswith("stopped\n    429: You are being rate limited for too many invitations.")
    assert "go on tomorrow" in err
    assert "not attempted" in out
    assert {"invited": 35, "not attempted": 25} == Counter(onboarding.outcomes().values())
    assert len(onboarding.fake.requests) <= 35 + MAX_IN_FLIGHT
    today = len(onboarding.fake.requests)
    clock.now += DAY
    assert (0, "") == onboarding.run()[::2]
    assert today + 25 == len(onboarding.fake.requests)
    onboarding.check_complete()


@pytest.mark.slow
def test_repeats_requests_that_fail_or_lose_their_response(begin: Begin) -> None:
    onboarding = begin(300, Clock())
    for fault, every in ((500, 41), (502, 37), (504, 31), ("drop-before", 29), ("drop-after", 23)):
        onboarding.fake.fail_next(fault, every=every, times=5)
    code, out, err = onboarding.run()
    assert (0, []) == (code, without_pauses(err)), out
    onboarding.check_complete()
    invites = onboarding.invites
    assert {1, 2} == set(invites.values())
    assert 300 + 25 == invites.total()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_goes_on_after_an_interruption(number: signal.Signals, begin: Begin) -> None:
    onboarding = begin(100)
    process = onboarding.start()
    wait_until(lambda: len(onboarding.invites) > 30)
    process.send_signal(number)
    code, out, err = onboarding.end(process)
    assert (130, "") == (code, err)
    assert "Run the same command again" in out
    outcomes = onboarding.outcomes()
    assert set(onboarding.emails) == set(outcomes), "every row has an outcome"
    assert "sending" not in outcomes.values()
    invites = onboarding.invites
    final = [email for email, outcome in outcomes.items() if outcome not in NOT_FINAL]
    assert len(final) < 100
    assert {email for email, o in outcomes.items() if o == "outcome unknown"} >= (
        set(invites) - set(final)
    )
    assert (0, "") == onboarding.run()[::2]
    onboarding.check_complete()
    assert [invites[email] for email in final] == [onboarding.invites[email] for email in final]


def without_pauses(err: str) -> list[str]:
    """Return the lines but for those about pauses, which depend on which calls fail together."""
    return [line for line in err.splitlines() if not line.startswith("nothing is sent for ")]


@pytest.mark.slow
def test_waits_for_a_server_that_comes_back(begin: Begin) -> None:
    onboarding = begin(100)
    with onboarding.fake.serve() as onboarding.url:
        port = int(onboarding.url.rpartition(":")[2])
        process = onboarding.start()
        wait_until(lambda: len(onboarding.invites) > 30)
    wait_until(lambda: any("was not sent" in line["detail"] for line in onboarding.lines))
    with onboarding.fake.serve(port):
        code, out, err = onboarding.end(process)
    assert (0, []) == (code, without_pauses(err)), out
    onboarding.check_complete()


@pytest.mark.slow
def test_stops_on_a_full_disk(begin: Begin) -> None:
    """A shell's limit for the size of files, in blocks of 512 bytes, stands in for the disk."""
    onboarding = begin(100, Clock())
    code, _, err = onboarding.run(shell=("sh", "-c", 'ulimit -f 6; exec "$0" "$@"'))
    assert 8 == code
    assert f"{onboarding.results} can't be written" in err
    assert 2 == len(err.splitlines())
    assert 6 * 512 == onboarding.results.stat().st_size
    announced = {line["email"] for line in onboarding.lines if line["outcome"] == "sending"}
    assert set(onboarding.invites) <= announced, "nothing is sent that is not recorded"
    assert len(announced) < 100
    assert (0, "") == onboarding.run()[::2]
    onboarding.check_complete()


def _cut(file: Path) -> None:
    os.truncate(file, 0)


def _overwrite(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(200)
        opened.write(b'"' * 50)


@pytest.mark.slow
@pytest.mark.parametrize("interfere", [Path.unlink, _cut, _overwrite])
def test_ends_in_a_line_when_its_results_are_changed(
    interfere: Callable[[Path], None], begin: Begin
) -> None:
    onboarding = begin(120)
    process = onboarding.start()
    wait_until(lambda: len(onboarding.lines) > 30)
    interfere(onboarding.results)
    code, out, err = onboarding.end(process)
    assert 8 == code
    assert "Outcome" in out
    [*_, problem] = err.splitlines()
    if interfere is Path.unlink:
        [rescued] = onboarding.results.parent.glob("*.rescued-*.csv")
        assert f"What was recorded is in {rescued}" in problem
        assert f"What came of each row: {rescued}" in out
        rescued.rename(onboarding.results)
        assert (0, "") == onboarding.run()[::2]
        onboarding.check_complete()


@pytest.mark.slow
def test_sums_up_though_the_folder_of_its_results_is_gone(begin: Begin) -> None:
    onboarding = begin(120)
    rows = onboarding.people.read_text().splitlines()
    rows[::4] = [row.replace(",backend", ",nowhere") for row in rows[::4]]
    onboarding.people.write_text("\n".join(rows))
    store = onboarding.results.with_name("store")
    store.mkdir()
    onboarding.results = store / "results.csv"
    process = onboarding.start("--results", str(onboarding.results))
    wait_until(lambda: len(onboarding.lines) > 30)
    store.rename(store.with_name("moved"))
    code, out, err = onboarding.end(process)
    assert 8 == code
    assert "refused" in out
    [rescued] = re.findall("What was recorded is in ([^:]*)", err)
    assert f"What came of each row: {rescued}" in out
    Path(rescued).unlink()


@pytest.mark.slow
def test_an_interruption_comes_first_though_the_results_are_gone(begin: Begin) -> None:
    onboarding = begin(120)
    process = onboarding.start("--json")
    wait_until(lambda: len(onboarding.lines) > 30)
    process.send_signal(signal.SIGSTOP)
    onboarding.results.unlink()
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    code, out, _ = onboarding.end(process)
    [rescued] = onboarding.results.parent.glob("*.rescued-*.csv")
    total = json.loads(out.splitlines()[-1])
    assert (130, 130, str(rescued)) == (code, total["exit_code"], total["results_file"])


@pytest.mark.slow
def test_rejects_a_second_command_on_the_same_file(begin: Begin) -> None:
    onboarding = begin(60)
    first = onboarding.start()
    wait_until(lambda: onboarding.invites)
    first.send_signal(signal.SIGSTOP)
    code, out, err = onboarding.run()
    first.send_signal(signal.SIGCONT)
    assert (8, "") == (code, out)
    assert f"{onboarding.results} is in use" in err
    assert 2 == len(err.splitlines())
    assert (0, "") == onboarding.end(first)[::2]
    onboarding.check_complete()
    assert 60 == onboarding.invites.total()


@pytest.mark.parametrize("path", [".", "nowhere/results.csv", "x" * 300])
def test_reports_results_that_cannot_be_written(path: str, begin: Begin) -> None:
    onboarding = begin(3)
    code, out, err = onboarding.run("--results", path)
    assert (8, "") == (code, out)
    assert f"{path} can't be written" in err
    assert 2 == len(err.splitlines())
    assert () == onboarding.fake.requests
