"""Wrong usages: each message names the option and the remedy, and nothing is sent."""

import os
import shlex
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.cli_shell import Shell, shell

__all__ = ["shell"]


class Wrong(NamedTuple):
    """A wrong usage: the command line, texts of its message, and the exit code."""

    command: str
    messages: tuple[str, ...]
    code: int = 2


FILES = {
    "people.csv": "email\nada@example.com\n",
    "mistyped.csv": "email,taem\nada@example.com,backend\n",
    "twice.csv": "email,E-Mail\nada@example.com,\n",
    "no-header.csv": "ada@example.com\n",
    "no-person.csv": "teams,role\nbackend,member\n",
    "roles.csv": "email,role\nada@example.com,membr\n",
    "teams.csv": "email,teams\nada@example.com,back/end\n",
    "both.csv": "email,member_id\nada@example.com,6\n",
    "no-team.csv": "member_id,teams\n6,\n",
    "quoted.csv": 'email,teams\n"ada@example.com,\n',
    "comment.csv": "email\n#ada@example.com\n",
    "roles-differ.csv": "email,role\nada@example.com,member\nada@example.com,owner\n",
    "notes.txt": "These are not results.\n",
}

WRONG = [
    Wrong("invite", ("Missing argument", "EMAIL")),
    Wrong("onbord people.csv", ("No such command 'onbord'", "Did you mean 'onboard'?")),
    Wrong("invite ada@example.com --rol member", ("No such option", "--rol", "--role")),
    Wrong("invite ada", ("EMAIL", "'ada' is not an e-mail address")),
    Wrong("invite 6", ("EMAIL", "a member is added to a team by add-to-team")),
    Wrong(f"invite {'a' * 70}@example.com", ("EMAIL", "more than 75 characters")),
    Wrong("invite ada@example.com --role membr", ("--role", "did you mean member?")),
    Wrong("invite ada@example.com --team a/b", ("--team", "'a/b' is not a slug")),
    Wrong("invite ada@example.com --team web:admn", ("--team", "did you mean admin?")),
    Wrong("invite ada@example.com --team web --team web", ("--team", "'web' is named twice")),
    Wrong("invite ada@example.com --org a/b", ("--org", "'a/b' is not the slug or ID")),
    Wrong("invite ada@example.com --org https://acme.sentry.io", ("--org", "such as acme in")),
    Wrong("invite ada@example.com --token-file none", ("--token-file none can't be read",), 8),
    Wrong("invite ada@example.com --token-file people.csv", ("--token-file", "no token has"), 8),
    Wrong("invite ada@example.com --token x", ("No such option", "--token", "--token-file")),
    Wrong("invite ada@example.com --quiet --verbose", ("--quiet and --verbose", "not both")),
    Wrong("add-to-team 6", ("Missing argument", "TEAM")),
    Wrong("add-to-team ada@example.com web", ("MEMBER_ID", "invite --team")),
    Wrong("add-to-team web 6", ("MEMBER_ID", "the member's ID comes first, then the team")),
    Wrong("add-to-team . web", ("MEMBER_ID", "'.' is not a number")),
    Wrong("add-to-team 6 we/b", ("TEAM", "'we/b' is not the slug or ID of a team")),
    Wrong("onboard none.csv", ("none.csv can't be read", "No such file")),
    Wrong("onboard - --token-file -", ("--token-file", "only one of PEOPLE and --token-file")),
    Wrong("onboard mistyped.csv", ("'taem': did you mean teams?", "Rename it, or remove it")),
    Wrong("onboard twice.csv", ("two columns for email", "Remove or rename one")),
    Wrong("onboard no-header.csv", ("Its first line must name the columns",)),
    Wrong("onboard no-person.csv", ("no column email or member_id",)),
    Wrong("onboard roles.csv", ("line 2", "did you mean member?", "--skip-bad")),
    Wrong("onboard teams.csv", ("line 2", "'back/end' is not a slug", "--skip-bad")),
    Wrong("onboard both.csv", ("line 2", "give either an email")),
    Wrong("onboard no-team.csv", ("line 2", "name the teams that member 6 is to be added to")),
    Wrong("onboard quoted.csv", ("line 2 of the people file is not CSV",)),
    Wrong("onboard comment.csv", ("line 2", "take out the row, or the mark")),
    Wrong("onboard roles-differ.csv", ("lines 2 and 3", "give it the same one")),
    Wrong("onboard people.csv --results notes.txt", ("notes.txt", "move the file away"), 8),
    Wrong("onboard people.csv --results no/where.csv", ("no/where.csv can't be written",), 8),
    Wrong("onboard people.csv --org 'a b'", ("--org", "'a b' is not the slug or ID")),
    Wrong("scopes nothing", ("'nothing' is not one of", "add-to-team")),
    Wrong("scopes --token-kind owner", ("--token-kind", "internal-integration")),
    Wrong("fake --port 65536", ("--port", "65535")),
    Wrong("fake --rate 0", ("--rate", "1")),
]


@pytest.fixture(autouse=True)
def files(elsewhere: Path) -> None:
    for name, content in FILES.items():
        (elsewhere / name).write_text(content)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.command[:60])
def test_names_the_option_and_the_remedy(wrong: Wrong, shell: Shell, elsewhere: Path) -> None:
    ran = shell(*shlex.split(wrong.command))
    assert (wrong.code, "") == (ran.code, ran.out)
    message = " ".join(ran.err.split())
    assert [] == [text for text in wrong.messages if text not in message], message
    for name in ("organization_id_or_slug", "team_id_or_slug", "member_id is", "the argument"):
        assert name not in message, "a name of Python"
    assert [] == shell.bodies
    assert not (elsewhere / "people.results.csv").exists()


@pytest.mark.parametrize("org", [" acme ", "'acme'", '"acme"', ' " acme " '])
def test_takes_blanks_and_quotes_off_the_organization(org: str, shell: Shell) -> None:
    shell.set(SENTRY_ORG=None)
    assert 0 == shell("invite", "ada@example.com", "--org", org).code


def test_takes_a_role_in_any_letter_case(shell: Shell) -> None:
    assert 0 == shell("invite", "ada@example.com", "--role", "Manager").code
    assert "manager" == shell.bodies[0]["orgRole"]


def test_names_the_option_that_a_pipe_needs(shell: Shell, elsewhere: Path) -> None:
    os.mkfifo(elsewhere / "pipe")
    writer = threading.Thread(
        target=lambda: (elsewhere / "pipe").write_text(FILES["people.csv"]), daemon=True
    )
    writer.start()
    ran = shell("onboard", "pipe")
    assert (2, "") == (ran.code, ran.out)
    assert "--results" in ran.err
    assert "name a file for the outcomes" in " ".join(ran.err.split())
    assert [] == shell.bodies
