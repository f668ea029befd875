"""The command line: what it sends, what it prints, and how it exits."""

import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import typer.main
from sentry_members import SentryMembers, accepted_scopes, asking_scopes
from sentry_members.scopes import Operation
from sentry_members_api.models.organization_role import ORGANIZATION_ROLE_VALUES
from sentry_members_cli import report
from sentry_members_cli.app import app
from sentry_members_cli.exits import MEANINGS, Exit
from sentry_members_cli.onboard import Settings
from sentry_members_cli.options import make_client

from tests.support.cli_process import COMMAND, environment, running, wait_until
from tests.support.cli_shell import Ran, Shell, shell
from tests.support.new_member import REQUIRED

__all__ = ["shell"]

RESULT = {"line", "email", "member_id", "team", "outcome", "detail", "error", "status"}
ERROR = {"outcome", "detail", "error", "status"}
SUMMARY = {"outcomes", "results_file", "exit_code"}
OPERATIONS = get_args(Operation)
SCOPES = {"operation", "token_kind", "open_membership", "accepted", "only_asking"}
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")
INVITE = ("invite", "ada@example.com")


def block(text: str) -> list[str]:
    """Split a block of output into its title and the indented lines below it."""
    title, *lines = text.splitlines()
    assert not title.startswith(" ")
    assert lines
    assert all(line.startswith("    ") for line in lines)
    return [title, *(line.strip() for line in lines)]


# What is sent


def test_sends_only_the_fields_that_are_given(shell: Shell) -> None:
    assert 0 == shell("invite", "ada@example.com").code
    teams = ("--team", "backend", "--team", "frontend:admin")
    assert 0 == shell("invite", "bob@example.com", "--role", "manager", *teams, "--no-email").code
    first, second = shell.bodies
    assert REQUIRED.keys() == first.keys()
    roles = second.pop("teamRoles")
    given = {"email": "bob@example.com", "orgRole": "manager", "sendInvite": False}
    assert {**REQUIRED, **given} == second
    assert [("backend", None), ("frontend", "admin")] == [
        (role["teamSlug"], role.get("role")) for role in roles
    ]


def test_adds_to_a_team(shell: Shell) -> None:
    target = shell.fake.member_id("acme", "target")
    assert Ran(0, f"added: member {target}, backend\n", "") == shell(
        "add-to-team", target, "backend"
    )
    [member] = [member for member in shell.fake.members if member.id == target]
    assert {"backend"} == set(member.teams)


# Where the organization comes from


def test_takes_the_organization_from_the_nearest_source(shell: Shell, elsewhere: Path) -> None:
    def organization() -> str:
        shell(*INVITE)
        return shell.fake.requests[-1].path.split("/")[4]

    home, above = elsewhere.parents[1] / ".sentryclirc", elsewhere.parent / ".sentryclirc"
    home.write_text("[defaults]\norg = of-home\n")
    above.write_text("[defaults]\norg = of-project\n")
    shell(*INVITE, "--org", "of-option")
    assert "/of-option/" in shell.fake.requests[-1].path
    assert "acme" == organization()
    shell.set(SENTRY_ORG=None)
    assert "of-project" == organization()
    above.write_text("[defaults]\nurl = https://sentry.io\n")
    assert "of-home" == organization()
    home.unlink()
    count = len(shell.fake.requests)
    ran = shell(*INVITE)
    assert (8, "") == (ran.code, ran.out)
    message = block(ran.err)[-1]
    assert "set SENTRY_ORG" in message
    assert ".sentryclirc" in message
    assert count == len(shell.fake.requests)


# Exit codes and messages


def test_documents_distinct_exit_codes() -> None:
    assert list(Exit) == list(MEANINGS)
    assert len(Exit) == len({exit_.value for exit_ in Exit}) == len(set(MEANINGS.values()))
    ran = subprocess.run(
        [*COMMAND, "--help"],
        env=environment(COLUMNS="1000"),
        capture_output=True,
        text=True,
        check=True,
    )
    for exit_, meaning in MEANINGS.items():
        assert f"{exit_.value:>3}  {meaning}\n" in ran.stdout


def test_exits_with_0_after_an_invite(shell: Shell) -> None:
    ran = shell(*INVITE)
    member = shell.fake.member_id("acme", "ada@example.com")
    assert Ran(0, f"invited: ada@example.com, member {member}\n", "") == ran


def test_exits_with_3_if_there_was_nothing_to_do(shell: Shell) -> None:
    shell(*INVITE)
    target = shell.fake.member_id("acme", "target")
    shell("add-to-team", target, "backend")
    for command, expected in (
        (INVITE, "already invited: ada@example.com"),
        (("invite", "owner@acme.example"), "already member: owner@acme.example"),
        (("add-to-team", target, "backend"), f"already on team: member {target}, backend"),
    ):
        ran = shell(*command)
        assert (3, "") == (ran.code, ran.err)
        assert ran.out.startswith(expected)


def test_exits_with_4_after_an_access_request(shell: Shell) -> None:
    shell.use_token("closed", "member", "org:read")
    target = shell.fake.member_id("closed", "target")
    ran = shell("add-to-team", target, "backend", "--org", "closed")
    assert (4, "") == (ran.code, ran.err)
    assert ran.out.startswith(f"access requested: member {target}, backend: Nobody was added yet")


def test_exits_with_5_after_a_refusal(shell: Shell) -> None:
    ran = shell(*INVITE, "--team", "nowhere")
    assert (5, "") == (ran.code, ran.out)
    assert [
        "refused: ada@example.com",
        "400: teamRoles: Invalid teams.",
        "Is each team there? Name it once, by its slug, not by its ID.",
    ] == block(ran.err)
    shell.use_token("acme", "member", "org:read")
    ran = shell(*INVITE)
    assert 5 == ran.code
    assert "member:invite" in block(ran.err)[-1], "the scopes that are needed"


@pytest.mark.parametrize("fault", [500, 504, "drop-before", "drop-after"])
def test_exits_with_6_if_the_outcome_is_unknown(fault: Any, shell: Shell) -> None:
    shell.fake.fail_next(fault)
    ran = shell(*INVITE)
    assert (6, "") == (ran.code, ran.out)
    title, *_, advice = block(ran.err)
    assert "outcome unknown: ada@example.com" == title
    assert "Repeating it is safe" in advice


def test_exits_with_6_if_no_connection_is_made(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    shell.set(SENTRY_URL=f"http://127.0.0.1:{port}")
    sleeps: list[float] = []
    shell.monkeypatch.setattr("time.sleep", sleeps.append)
    ran = shell(*INVITE)
    assert 6 == ran.code
    title, message = block(ran.err)
    assert "not attempted: ada@example.com" == title
    assert "The request was not sent." in message


def test_exits_with_7_at_the_invite_quota(shell: Shell) -> None:
    shell.fake.limit_invites(per_day=0)
    ran = shell(*INVITE)
    assert (7, "") == (ran.code, ran.out)
    assert "go on tomorrow" in block(ran.err)[-1]


def test_exits_with_8_without_a_token(shell: Shell) -> None:
    shell.set(SENTRY_AUTH_TOKEN=None)
    ran = shell(*INVITE)
    assert (8, "") == (ran.code, ran.out)
    assert "SENTRY_AUTH_TOKEN in the environment" in block(ran.err)[-1]
    assert [] == shell.bodies


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
def test_an_interruption_says_that_the_request_may_have_arrived(
    options: tuple[str, ...], shell: Shell
) -> None:
    shell.fake.fail_next("slow", seconds=60)
    variables = {"SENTRY_URL": os.environ["SENTRY_URL"], "SENTRY_AUTH_TOKEN": shell.token}
    with running(*INVITE, *options, SENTRY_ORG="acme", **variables) as process:
        wait_until(lambda: shell.fake.requests)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert 130 == process.returncode
    said = json.loads(out)["detail"] if options else err
    assert "outcome unknown" in (out or err)
    assert "interrupted. Sentry may have acted on it all the same. Repeating it is safe" in said


# JSON


@pytest.mark.slow
def test_an_interruption_before_the_request_says_that_nothing_was_sent(
    shell: Shell, elsewhere: Path
) -> None:
    os.mkfifo(elsewhere / "token")
    variables = {"SENTRY_URL": os.environ["SENTRY_URL"], "SENTRY_ORG": "acme"}
    with (
        running(*INVITE, "--token-file", "token", **variables) as process,
        open(elsewhere / "token", "wb"),  # Opens when the command opens it.
    ):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert 130 == process.returncode
    assert err.endswith("not attempted: ada@example.com: interrupted\n")


def test_prints_a_result_as_json(shell: Shell) -> None:
    target = shell.fake.member_id("acme", "target")
    shell.fake.limit_invites(per_day=1)
    for command, expected in (
        (INVITE, {"outcome": "invited", "email": "ada@example.com", "error": None}),
        (INVITE, {"outcome": "already invited", "error": "AlreadyInvitedError", "status": 400}),
        (("add-to-team", target, "backend"), {"outcome": "added", "member_id": target}),
        (("invite", "bob@example.com"), {"error": "InviteQuotaError", "status": 429}),
        ((*INVITE, "--token-file", "none"), {"error": "ConfigurationError", "status": None}),
    ):
        [value] = shell(*command, "--json").values
        assert RESULT == set(value)
        assert expected == {key: value[key] for key in expected}


@pytest.mark.slow
def test_prints_characters_that_the_encoding_lacks_by_their_codes(elsewhere: Path) -> None:
    """Pipes on Windows have such an encoding."""
    (elsewhere / "people.csv").write_text("email\nada@é.example\n", "utf-8")
    command = [*COMMAND, "onboard", "people.csv", "--org", "acme", "--dry-run"]
    outputs: list[str] = []
    for option in ((), ("--json",)):
        ran = subprocess.run(
            [*command, *option],
            env=environment(PYTHONIOENCODING="ascii", SENTRY_AUTH_TOKEN="sntryu_x"),
            capture_output=True,
            check=False,
        )
        assert (0, b"") == (ran.returncode, ran.stderr)
        outputs.append(ran.stdout.decode("ascii"))
    text, value = outputs
    assert "ada@\\xe9.example" in text
    assert "ada@é.example" == json.loads(value.splitlines()[0])["email"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_reports_that_the_output_cannot_be_written(unbuffered: str) -> None:
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [*COMMAND, "scopes"],
            env=environment(PYTHONUNBUFFERED=unbuffered),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    message = (
        "sentry-members: the output can't be written (No space left on device); the command may "
        "have done its work\n"
    )
    assert (Exit.CONFIGURATION, message) == (ran.returncode, ran.stderr)


# Credentials


def test_no_option_takes_a_token(shell: Shell) -> None:
    commands: Iterable[Any] = typer.main.get_group(app).commands.values()
    options = {name for command in commands for each in command.params for name in each.opts}
    assert {name for name in options if "token" in name} == {"--token-file", "--token-kind"}
    ran = shell(*INVITE, f"--token={shell.token}")
    assert 2 == ran.code
    assert "--token-file" in ran.err


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"  "], ids=["bare", "BOM", "blanks"])
@pytest.mark.parametrize("name", ["token.txt", "-"])
def test_reads_the_token_from_a_file(
    name: str, start: bytes, shell: Shell, elsewhere: Path
) -> None:
    shell.set(SENTRY_AUTH_TOKEN="0" * 64)
    content = start + shell.token.encode() + b"\r\n"
    (elsewhere / "token.txt").write_bytes(content)
    assert 0 == shell(*INVITE, "--token-file", name, stdin=content).code


def test_hides_the_token_of_a_file(elsewhere: Path) -> None:
    """A traceback may show the variables of a command."""
    token = "sntryu_" + "0123456789abcdef" * 4
    (elsewhere / "token.txt").write_text(token)
    with make_client(SentryMembers, "token.txt") as sentry:
        assert token not in repr(sentry.credentials)
        assert f"Bearer {token}" == sentry.credentials.secret.reveal()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", b"", "--token-file missing can't be read: No such file or directory"),
        (".", b"", "--token-file . can't be read: Is a directory"),
        ("-", "x".encode("utf-16"), "--token-file - can't be read: it is not UTF-8"),
        ("-", b"", "is empty"),
        ("-", b"two words", "a character that no token has"),
    ],
)
def test_rejects_a_bad_token_file(name: str, content: bytes, message: str, shell: Shell) -> None:
    ran = shell(*INVITE, "--token-file", name, stdin=content)
    assert (8, "") == (ran.code, ran.out)
    assert message in block(ran.err)[-1]
    assert [] == shell.bodies


def test_sends_the_key_of_a_gateway_and_no_token(shell: Shell) -> None:
    shell.set(SENTRY_GATEWAY_URL=os.environ["SENTRY_URL"], SENTRY_GATEWAY_KEY="key-of-mine")
    shell(*INVITE)
    [request] = shell.fake.requests
    assert "key-of-mine" == request.headers["X-Gateway-Key"]
    assert 401 == request.status, "the fake received no token"


# The other commands


def test_prints_the_version(shell: Shell) -> None:
    assert Ran(0, f"sentry-members {version('sentry-members')}\n", "") == shell("--version")


def test_prints_the_help_without_arguments(shell: Shell) -> None:
    ran = shell()
    for command in ("invite", "add-to-team", "whoami", "scopes", "fake", "onboard", "--version"):
        assert command in ran.out + ran.err


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), 4 * len(OPERATIONS)),
        (("invite",), 4),
        (("add_an_organization_member_to_a_team",), 4),
        (("--token-kind", "internal-integration"), 2 * len(OPERATIONS)),
        (("--open-membership", "off"), 2 * len(OPERATIONS)),
        (("add-to-team", "--token-kind", "user", "--open-membership", "off"), 1),
    ],
)
def test_prints_the_scopes(arguments: tuple[str, ...], count: int, shell: Shell) -> None:
    values = shell("scopes", *arguments, "--json").values[0]
    assert count == len(values)
    table = shell("scopes", *arguments).out
    for value in values:
        assert SCOPES == set(value)
        row = value["operation"], value["token_kind"]
        is_open = value["open_membership"]
        accepted = accepted_scopes(*row, open_membership=is_open)
        assert list(map(sorted, accepted)) == value["accepted"]
        asking = asking_scopes(*row, open_membership=is_open)
        assert list(map(sorted, asking)) == value["only_asking"]
        assert all(scope in table for scopes in accepted for scope in scopes)


def test_says_that_any_one_set_of_scopes_is_enough(shell: Shell) -> None:
    # In a narrow terminal, the words stand one below the other.
    table = shell("scopes").out
    assert all(words in table for words in ("Accepted:", "any", "one of"))


def test_the_client_does_not_import_the_command_line() -> None:
    # httpx imports rich for a command of its own where click is installed, too.
    script = "import sys; sys.modules['click'] = None; "
    script += "import sentry_members, sentry_members_onboarding; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert "sentry_members" in loaded
    assert set() == loaded & {"rich", "typer"}
    assert "sentry_members_cli" not in ran.stdout.split()


# The fake, as a process


FAKE = ("fake", "--port", "0")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_a_fake_until_it_gets_a_signal(number: signal.Signals) -> None:
    """A shell can run the lines that it prints as they are."""
    with running(*FAKE, "--invite-quota", "1", "--rate", "30") as fake:
        assert fake.stdout
        exports = "".join(fake.stdout.readline() for _ in range(4))
        [member] = re.findall(r"^# member (\d+)", exports, re.MULTILINE)
        commands = f"""
            {exports}
            sentry-members invite ada@example.com; echo $?
            sentry-members add-to-team {member} backend; echo $?
            sentry-members invite bob@example.com; echo $?
        """
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        ran = subprocess.run(
            ["bash"],
            input=commands,
            env=environment(PATH=path),
            capture_output=True,
            text=True,
            check=True,
        )
        printed = [line.partition(":")[0] for line in ran.stdout.splitlines()]
        assert ["invited", "0", "added", "0", "7"] == printed
        assert "too many invitations" in ran.stderr
        fake.send_signal(number)
        out, err = fake.communicate(timeout=60)
        assert (0, "", "") == (fake.returncode, out, err)


def test_limits_the_requests_of_the_fake() -> None:
    with (
        running(*FAKE, "--rate", "30", "--json") as limited,
        running(*FAKE, "--json") as free,
    ):
        limits: list[str | None] = []
        for process in (limited, free):
            assert process.stdout
            variables = json.loads(process.stdout.readline())
            assert {"SENTRY_URL", "SENTRY_AUTH_TOKEN", "SENTRY_ORG"} == set(variables)
            response = httpx.post(
                f"{variables['SENTRY_URL']}/api/0/organizations/acme/members/",
                headers={"Authorization": f"Bearer {variables['SENTRY_AUTH_TOKEN']}"},
                json=REQUIRED,
                trust_env=False,
            )
            assert 201 == response.status_code
            limits.append(response.headers.get("X-Sentry-Rate-Limit-Limit"))
            process.terminate()
        assert ["30", None] == limits


def test_reports_a_port_in_use(shell: Shell) -> None:
    port = os.environ["SENTRY_URL"].rpartition(":")[2]
    ran = shell("fake", "--port", port)
    assert (8, "") == (ran.code, ran.out)
    title, message = block(ran.err)
    assert "not served" == title
    assert re.fullmatch(rf"port {port} can't be served \(.+\): name another with --port", message)
    [value] = shell("fake", "--port", port, "--json").values
    assert ERROR == set(value)


# Many people


def people(elsewhere: Path, content: str, name: str = "people.csv") -> None:
    (elsewhere / name).write_bytes(content.encode())


def test_onboard_prints_each_result_and_a_summary(shell: Shell, elsewhere: Path) -> None:
    target = shell.fake.member_id("acme", "target")
    people(
        elsewhere,
        "\N{BYTE ORDER MARK}Teams;member_id;EMAIL;org_role\r\n"
        "backend frontend:admin;;ada@example.com;manager\r\n"
        "\r\n"
        f"backend idp-team;{target};;\r\n",
    )
    ran = shell("onboard", "people.csv")
    assert 5 == ran.code
    rows = [line for line in ran.out.splitlines() if line.startswith("line")]
    ada = shell.fake.member_id("acme", "ada@example.com")
    added, invited, refused = sorted(rows, key=lambda row: row.split(": ")[1])
    assert f"line 2: invited: ada@example.com, member {ada}" == invited
    assert f"line 4: added: member {target}, backend" == added
    assert refused.startswith(f"line 4: refused: member {target}, idp-team: 403: This team is ")
    counts = re.findall(r"^ +([a-z ]+?) +(\d+) *$", ran.out, re.MULTILINE)
    assert [("invited", "1"), ("added", "1"), ("refused", "1")] == counts
    assert "What came of each row: people.results.csv\nCorrect the refused rows" in ran.out
    title, why = block(ran.err)
    assert "refused: 1" == title
    assert why.startswith(f"line 4: refused: member {target}, idp-team: 403: This team is ")
    [invite] = [body for body in shell.bodies if body]
    assert "manager" == invite["orgRole"]
    sent = len(shell.fake.requests)
    again = shell("onboard", "people.csv")
    assert (5, ran.err) == (again.code, again.err), "the refused row is named again"
    assert "line 4" not in again.out, "no row is left"
    assert sent == len(shell.fake.requests)


def test_onboard_prints_json(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email\nada@example.com\nowner@acme.example\nnot-an-address\n")
    # A bad row stops the run, unless --skip-bad leaves it out.
    *bad, stopped, summary = shell("onboard", "people.csv", "--json").values
    assert {"outcomes": {}, "results_file": "people.results.csv", "exit_code": 2} == summary
    assert [RESULT] == [set(value) for value in bad]
    assert (ERROR, "stopped", "PeopleError") == (
        set(stopped),
        stopped["outcome"],
        stopped["error"],
    )
    bad_row, *results, summary = shell("onboard", "people.csv", "--json", "--skip-bad").values
    assert (4, "not attempted") == (bad_row["line"], bad_row["outcome"])
    assert {2: "invited", 3: "already member"} == {r["line"]: r["outcome"] for r in results}
    assert all(RESULT == set(result) for result in results)
    assert SUMMARY == set(summary)
    assert {
        "outcomes": {"invited": 1, "already member": 1, "not attempted": 1},
        "results_file": "people.results.csv",
        "exit_code": 2,
    } == summary


def test_onboard_exits_with_the_code_of_its_worst_row(shell: Shell, elsewhere: Path) -> None:
    for name, line, code in (
        ("good", "ada@example.com,", 0),
        ("there", "owner@acme.example,", 3),
        ("refused", "bob@example.com,nowhere", 5),
    ):
        people(elsewhere, f"email,teams\n{line}\n", f"{name}.csv")
        assert code == shell("onboard", f"{name}.csv").code
    people(elsewhere, "email,teams\nc@example.com,\nowner@acme.example,\nd@example.com,no\n")
    assert 5 == shell("onboard", "people.csv").code
    shell.fake.limit_invites(per_day=0)
    people(elsewhere, "email,teams\nc@example.com,\ne@example.com,\n")
    ran = shell("onboard", "people.csv")
    assert 7 == ran.code
    assert "stopped" == block(ran.err)[0]
    assert "go on tomorrow" in block(ran.err)[-1]
    assert ran.out.endswith(
        "Run the same command again tomorrow, when Sentry takes more invites.\n"
    )


BAD = """email,org_role,teams,member_id
ada@example.com,Boss,,
bob@example.com,Chief,,
mary@example.com,,,
carl@example.com,Lead,,
nobody,,,
"""


def test_onboard_sums_bad_rows_up_and_sends_nothing(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, BAD)
    roles = f"the organization role {{}}is not one of {', '.join(sorted(ORGANIZATION_ROLE_VALUES))}"
    ran = shell("onboard", "people.csv")
    assert (2, "") == (ran.code, ran.out)
    assert [
        "bad rows: 3",
        f"    lines 2-3, 5: {roles.format('')}",
        "bad rows: 1",
        "    line 6: 'nobody' is not an e-mail address",
        "--verbose lists each bad row.",
        "stopped",
        "    bad rows: 4. Nothing was sent: correct them, or skip them with --skip-bad",
    ] == ran.err.splitlines()
    verbose = shell("onboard", "people.csv", "--verbose").err.splitlines()
    chief = roles.format("'Chief' ")
    assert f"    line 3: {chief}" in verbose
    assert [] == shell.bodies
    assert ["people.csv"] == os.listdir(elsewhere)
    ran = shell("onboard", "people.csv", "--skip-bad")
    assert 2 == ran.code
    assert "Correct the bad rows" in ran.out
    assert ["mary@example.com"] == [body["email"] for body in shell.bodies]


def test_onboard_names_the_columns_that_it_ignores(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "Name,E-Mail,Office\nAda,ada@example.com,Berlin\n")
    ran = shell("onboard", "people.csv")
    assert (0, "Ignored columns: Name, Office\n") == (ran.code, ran.err)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no column email or member_id"),
        (b"name\nada\n", "it names 'name'"),
        (b"email,email\n", "two columns for email"),
        (b"PK\3\4", "is not a workbook that can be read"),
        (b'email\n"ada', "line 2 of the people file is not CSV"),
        (None, "people.csv can't be read: No such file or directory"),
    ],
)
def test_onboard_rejects_a_file_that_is_not_a_people_file(
    content: bytes | None, message: str, shell: Shell, elsewhere: Path
) -> None:
    if content is not None:
        (elsewhere / "people.csv").write_bytes(content)
    ran = shell("onboard", "people.csv")
    assert (2, "") == (ran.code, ran.out)
    assert message in block(ran.err)[-1]
    assert not (elsewhere / "people.results.csv").exists()


@pytest.mark.parametrize("number", [1, 2], ids=["before the first request", "at the end"])
def test_sums_up_when_it_is_interrupted_while_it_writes_the_results_file(
    number: int, shell: Shell, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(elsewhere, "email\nada@example.com\n")
    assert 0 == shell("onboard", "people.csv").code
    people(elsewhere, "email\nbob@example.com\nbad\n")
    replace, replaced = os.replace, list[object]()

    def interrupted(*paths: str) -> None:
        replaced.append(paths)
        if len(replaced) == number:
            signal.raise_signal(signal.SIGINT)
        replace(*paths)

    monkeypatch.setattr(os, "replace", interrupted)
    ran = shell("onboard", "people.csv", "--skip-bad", "--json")
    *_, summary = ran.values
    assert (130, 130, "") == (ran.code, summary["exit_code"], ran.err)
    assert number - 1 == summary["outcomes"].get("invited", 0)


def test_a_dry_run_sends_and_records_nothing(shell: Shell, elsewhere: Path) -> None:
    people(
        elsewhere,
        "email,teams\nada@example.com,backend frontend:admin\nbob@example.com,\n"
        "ada@example.com,backend\n",
    )
    url = os.environ["SENTRY_URL"]
    assert Ran(
        0,
        "line 2, 4: invite ada@example.com onto backend frontend:admin\n"
        "line 3: invite bob@example.com\n"
        "Invites: 2. Additions to teams: 0. Rows done: 0.\n"
        f"Organization: acme, at {url}/\n"
        "Credential: user token from SENTRY_AUTH_TOKEN in the environment\n"
        "Nothing was sent: this is a dry run.\n",
        "",
    ) == shell("onboard", "people.csv", "--dry-run")
    assert ["people.csv"] == os.listdir(elsewhere)
    assert [] == shell.bodies
    *values, summary = shell("onboard", "people.csv", "--dry-run", "--json").values
    assert [(RESULT, None)] * 3 == [(set(value), value["outcome"]) for value in values]
    assert SUMMARY == set(summary)


@pytest.mark.parametrize("missing", ["SENTRY_AUTH_TOKEN", "SENTRY_ORG"])
def test_a_dry_run_needs_what_a_run_needs(missing: str, shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email\nada@example.com\n")
    shell.set(**{missing: None})
    ran = shell("onboard", "people.csv", "--dry-run")
    assert (8, "") == (ran.code, ran.out)
    assert missing in block(ran.err)[-1]


def test_a_dry_run_shows_the_rows_that_are_done(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email\nada@example.com\n")
    assert 0 == shell("onboard", "people.csv").code
    people(elsewhere, "email,teams\nbob@example.com,\nada@example.com,\nada@example.com,backend\n")
    before = (elsewhere / "people.results.csv").read_bytes()
    ran = shell("onboard", "people.csv", "--dry-run")
    assert [
        "line 2: invite bob@example.com",
        "line 3: skip: invite ada@example.com: invited",
        "line 4: invite ada@example.com onto backend",
        "Invites: 2. Additions to teams: 0. Rows done: 1.",
    ] == ran.out.splitlines()[:4]
    assert before == (elsewhere / "people.results.csv").read_bytes()


def test_onboard_retries_refused_rows_on_request(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email,teams\nada@example.com,new\nbob@example.com,\n")
    assert 5 == shell("onboard", "people.csv").code
    shell.fake.add_team("acme", "new")
    assert 5 == shell("onboard", "people.csv").code
    assert 2 == len(shell.fake.requests)
    dry = shell("onboard", "people.csv", "--retry-refused", "--dry-run").out
    assert "line 2: invite ada@example.com onto new\n" in dry
    assert 0 == shell("onboard", "people.csv", "--retry-refused").code
    assert 3 == len(shell.fake.requests)


def test_onboard_prints_each_error_that_ended_the_run(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email,member_id,teams\nada@example.com,,\n,6,backend\n")
    shell.use_token("acme", "owner", "member:invite")
    shell.fake.limit_invites(per_day=0)
    ran = shell("onboard", "people.csv")
    assert Exit.QUOTA == ran.code
    assert 2 == ran.err.count("stopped")
    assert "go on tomorrow" in ran.err
    assert "The token lacks a scope" in ran.err


def test_onboard_stops_at_the_first_missing_scope(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email\nada@example.com\nbob@example.com\n")
    shell.use_token("acme", "owner", "org:read")
    ran = shell("onboard", "people.csv")
    assert Exit.REFUSED == ran.code
    assert "The token lacks a scope" in block(ran.err)[-1]
    assert 1 == len(shell.fake.requests)


def test_a_dry_run_shows_the_latest_outcome(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email\nada@example.com\nbob@example.com\n")
    shell.fake.limit_invites(per_day=1)
    assert Exit.QUOTA == shell("onboard", "people.csv").code
    *values, _ = shell("onboard", "people.csv", "--dry-run", "--json").values
    assert ["invited", None] == [value["outcome"] for value in values]


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_onboard_rejects_a_folder(name: str, shell: Shell) -> None:
    ran = shell("onboard", name)
    assert (2, "") == (ran.code, ran.out)
    assert "can't be read: Is a directory" in block(ran.err)[-1]


def test_onboard_rejects_an_organization_that_cannot_be_sent(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email\nada@example.com\n")
    ran = shell("onboard", "people.csv", "--org", "a/b")
    assert (2, "") == (ran.code, ran.out)
    assert "Invalid value for --org: 'a/b' is not the slug or ID" in ran.err
    assert ["people.csv"] == os.listdir(elsewhere)


def test_onboard_reads_standard_input(shell: Shell, elsewhere: Path) -> None:
    assert 0 == shell("onboard", "-", stdin=b"email\nada@example.com\n").code
    assert (elsewhere / "stdin.results.csv").exists()
    (elsewhere / "logs").mkdir()
    path = os.path.join("logs", "monday.csv")
    assert 0 == shell("onboard", "-", "--results", path, stdin=b"email\nbob@example.com\n").code
    assert (elsewhere / "logs" / "monday.csv").exists()


def on_a_terminal(
    shell: Shell,
    folder: Path,
    *arguments: str,
    typed: bytes = b"",
    code: int = 5,
    **variables: str,
) -> str:
    """Run the command on a terminal; return what it shows."""
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "onboard", "people.csv", *arguments],
        cwd=folder,
        env=environment(
            SENTRY_URL=os.environ["SENTRY_URL"],
            SENTRY_ORG="acme",
            SENTRY_AUTH_TOKEN=shell.token,
            TERM="xterm-256color",
            COLUMNS="120",
            **variables,
        ),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    os.write(main, typed)
    stop = threading.Timer(60, process.kill)
    stop.start()
    shown = b""
    with process, suppress(OSError):  # On Linux, reading a closed terminal raises.
        while part := os.read(main, 65536):
            shown += part
    stop.cancel()
    os.close(main)
    assert code == process.returncode
    return shown.decode()


@pytest.mark.slow
def test_a_terminal_shows_a_bar_and_only_the_failures(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email,teams\nada@example.com,\nbob@example.com,nowhere\n")
    shown = on_a_terminal(shell, elsewhere, "--yes")
    assert COLOUR.search(shown)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "Send?" not in text
    assert re.search(r"2/2 +[0-9.]+/s .*1 invited, 1 refused|2/2 .*1 refused, 1 invited", text)
    assert 1 == text.count("line 3: refused: bob@example.com: 400: teamRoles: Invalid teams.")
    assert "line 2" not in text
    (elsewhere / "people.results.csv").unlink()
    assert not COLOUR.search(on_a_terminal(shell, elsewhere, "--yes", NO_COLOR="1"))


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"n\n", 130), (b"\n", 130)])
def test_a_terminal_asks_before_anything_is_sent(
    typed: bytes, code: int, shell: Shell, elsewhere: Path
) -> None:
    people(elsewhere, "email,member_id,teams\nada@example.com,,\n,6,backend\n")
    shown = on_a_terminal(shell, elsewhere, typed=typed, code=code, NO_COLOR="1")
    assert "Invites: 1. Additions to teams: 1. Rows done: 0." in shown
    assert f"Organization: acme, at {os.environ['SENTRY_URL']}/" in shown
    assert "Credential: user token from SENTRY_AUTH_TOKEN in the environment" in shown
    assert "Send? [y/N]" in shown
    assert (2 if code == 0 else 0) == len(shell.fake.requests)
    assert ("Nothing was sent." in shown) == (code != 0)
    if code == 0:
        again = on_a_terminal(shell, elsewhere, code=0, NO_COLOR="1")
        assert "Send?" not in again, "nothing is left to send"


def test_sends_where_it_said_whatever_changes_after_the_question(
    shell: Shell, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(elsewhere, "email\nada@example.com\n")

    def change(_: str) -> bool:
        shell.set(SENTRY_URL="http://127.0.0.1:9", SENTRY_AUTH_TOKEN=None)
        return True

    monkeypatch.setattr(Settings, "asks", True)
    monkeypatch.setattr(report, "confirm", change)
    assert 0 == shell("onboard", "people.csv").code
    assert 1 == len(shell.fake.requests)


def test_names_the_results_of_a_file_that_goes_at_the_end(
    shell: Shell, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(elsewhere, "email\nada@example.com\n")
    run = asyncio.run

    def run_and_take_away(work: Coroutine[Any, Any, None]) -> None:
        run(work)
        (elsewhere / "people.results.csv").unlink()

    monkeypatch.setattr(asyncio, "run", run_and_take_away)
    ran = shell("onboard", "people.csv", "--json")
    assert 8 == ran.code
    [rescued] = elsewhere.glob("people.results.rescued-*.csv")
    *_, stopped, total = ran.values
    assert str(rescued) == total["results_file"]
    assert str(rescued) in stopped["detail"]


@pytest.mark.slow
def test_onboard_asks_whether_another_address_is_the_same_sentry(
    shell: Shell, elsewhere: Path
) -> None:
    people(elsewhere, "email\nada@example.com\n")
    url = os.environ["SENTRY_URL"]
    assert 0 == shell("onboard", "people.csv").code
    other = url.replace("127.0.0.1", "localhost")
    shell.set(SENTRY_URL=other)
    ran = shell("onboard", "people.csv")
    assert (8, "") == (ran.code, ran.out)
    message = block(ran.err)[-1]
    assert f"outcomes of acme at {url}/, and this run is for {other}/" in message
    assert "--same-sentry" in message
    assert "--results" in message
    shown = on_a_terminal(shell, elsewhere, typed=b"n\n", code=8)
    assert "Is it the same Sentry? [y/N]" in shown
    shown = on_a_terminal(shell, elsewhere, typed=b"y\n", code=0)
    assert 0 == shell("onboard", "people.csv", "--same-sentry").code
    assert 1 == len(shell.fake.requests)


def test_onboard_lists_at_most_twenty_refused_rows(shell: Shell, elsewhere: Path) -> None:
    rows = "".join(f"p{number}@example.com,nowhere\n" for number in range(25))
    people(elsewhere, f"email,teams\n{rows}")
    ran = shell("onboard", "people.csv")
    title, *refused, more = block(ran.err)
    assert ("refused: 25", 20) == (title, len(refused))
    assert "and 5 more, in people.results.csv" == more
    assert "--retry-refused" in ran.out


def test_onboard_says_who_got_no_teams(shell: Shell, elsewhere: Path) -> None:
    hint = "Who was there already got no teams"
    people(elsewhere, "email\nowner@acme.example\n")
    assert hint not in shell("onboard", "people.csv").out
    people(elsewhere, "email,teams\nowner@acme.example,backend\n")
    for _ in "first run", "nothing left to send":
        assert hint in shell("onboard", "people.csv").out


def test_onboard_lets_sentry_send_no_e_mail(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email\nada@example.com\n")
    assert 0 == shell("onboard", "people.csv", "--no-email").code
    assert [False] == [body["sendInvite"] for body in shell.bodies]


def test_lists_the_refused_rows_of_a_person_together(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email,teams\nzed@example.com,nope\nyan@example.com,nope\nzed@example.com,\n")
    ran = shell("onboard", "people.csv")
    title, *lines = block(ran.err)
    assert ("refused: 3", 2) == (title, len(lines))
    assert lines[0].startswith("line 2, 4: refused: zed@example.com: 400: ")


def test_onboard_prints_a_result_for_each_row_of_a_person(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email,teams\nada@example.com,backend\nada@example.com,frontend\n")
    *results, summary = shell("onboard", "people.csv", "--json").values
    assert [(2, "backend frontend"), (3, "backend frontend")] == [
        (result["line"], result["team"]) for result in results
    ]
    assert {"invited": 2} == summary["outcomes"]
    assert 1 == len(shell.fake.requests)


def test_quiet_prints_only_errors(shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email,name\nada@example.com,Ada\n")
    assert Ran(0, "", "") == shell("onboard", "people.csv", "--quiet")
    assert Ran(0, "", "") == shell("invite", "bob@example.com", "-q")
    ran = shell("invite", "carl@example.com", "--team", "nowhere", "-q")
    assert (5, "") == (ran.code, ran.out)
    assert "Invalid teams" in ran.err


# Output that can't be written


@pytest.mark.parametrize("command", ["scopes", "--help", "--version", "onboard people.csv"])
def test_reports_a_reader_that_has_gone(command: str, shell: Shell, elsewhere: Path) -> None:
    rows = "".join(f"p{number}@example.com\n" for number in range(200))
    people(elsewhere, f"email\n{rows}")
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [*COMMAND, *command.split()],
        env=environment(**sentry_of(shell)),
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(write)
    assert 8 == ran.returncode
    assert ran.stderr.startswith("sentry-members: the output can't be written (Broken pipe)")
    if "people" in command:
        outcomes = (elsewhere / "people.results.csv").read_text("utf-8")
        assert 200 == len(outcomes.splitlines()) - 1, "every row has its line"
        assert "sending" not in outcomes


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_goes_on_without_a_standard_stream(closed: str, shell: Shell, elsewhere: Path) -> None:
    people(elsewhere, "email\nada@example.com\n")
    command = " ".join([*COMMAND, "onboard", "people.csv", closed])
    ran = subprocess.run(
        ["sh", "-c", command],
        env=environment(**sentry_of(shell)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (0, "") == (ran.returncode, ran.stderr)
    assert ",invited," in (elsewhere / "people.results.csv").read_text("utf-8")


def sentry_of(shell: Shell) -> dict[str, str]:
    """Return the variables that lead to the fake."""
    return {
        "SENTRY_URL": os.environ["SENTRY_URL"],
        "SENTRY_ORG": "acme",
        "SENTRY_AUTH_TOKEN": shell.token,
    }


# Who am I


def test_whoami_says_what_would_be_sent_where(shell: Shell) -> None:
    url = os.environ["SENTRY_URL"]
    assert Ran(
        0,
        "Credential: user token from SENTRY_AUTH_TOKEN in the environment\n"
        f"Sentry: {url}/\n"
        "Organization: acme\n"
        "Sent with each request: Authorization (not shown)\n",
        "",
    ) == shell("whoami")
    [value] = shell("whoami", "--json", "--token-file", "-", stdin=b"sntryi_x").values
    assert {
        "url": f"{url}/",
        "organization": "acme",
        "credential": "internal integration token from the token of --token-file",
        "token_kind": "internal integration",
        "headers": ["Authorization"],
    } == value
    assert () == shell.fake.requests


def test_whoami_says_what_is_missing(shell: Shell) -> None:
    shell.set(SENTRY_ORG=None, SENTRY_URL=None)
    ran = shell("whoami")
    assert 0 == ran.code
    assert "Sentry: https://sentry.io/, the default" in ran.out
    assert "Organization: no organization: give --org" in ran.out
    shell.set(SENTRY_AUTH_TOKEN=None)
    ran = shell("whoami")
    assert (8, "") == (ran.code, ran.out)
    assert "no token found" in block(ran.err)[-1]


# Help


@pytest.mark.parametrize(
    "command", ["", "invite", "add-to-team", "onboard", "whoami", "scopes", "fake"]
)
def test_help_is_whole_on_a_narrow_terminal(command: str, shell: Shell) -> None:
    shell.set(COLUMNS="50")
    text = shell(*command.split(), "-h").out
    assert "…" not in text
    assert "..." not in text.replace("[ARGS]...", "")
    assert "<bool>" not in text
    assert not command or f"  sentry-members {command}" in text, "there is an example"


def test_only_the_help_of_onboard_speaks_of_bad_rows(shell: Shell) -> None:
    for command in ("invite", "add-to-team"):
        text = shell(command, "-h").out
        assert "Print each request." in text
        assert "bad" not in text
    assert "each row that is bad" in shell("onboard", "-h").out


def test_a_table_folds_on_a_narrow_terminal(shell: Shell) -> None:
    shell.set(COLUMNS="50")
    assert "…" not in shell("scopes").out


@pytest.mark.parametrize("command", ["--version", "--help", "onboard --help"])
def test_help_starts_without_the_client(command: str) -> None:
    script = f"""
import sys
from sentry_members_cli.app import app
try:
    app({command.split()!r})
except SystemExit:
    print(*sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert {"httpx", "sentry_members", "rich.console"}.isdisjoint(
        ran.stdout.splitlines()[-1].split()
    )
