"""The commands: their arguments, their options and their help.

What a command does is in a module that is imported when the command runs, so that the others, and
the help, start fast.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import typer

from .exits import MEANINGS, Exit

_EXIT_CODES = "\n".join(f"  {exit_.value:>3}  {meaning}" for exit_, meaning in MEANINGS.items())

app = typer.Typer(
    help="Bring people into a Sentry organization and onto its teams.",
    epilog=f"\b\nExit codes:\n{_EXIT_CODES}",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Organization = Annotated[
    str | None,
    typer.Option(
        "--org",
        metavar="ORGANIZATION",
        help="The organization's ID or slug. Default: SENTRY_ORG, then .sentryclirc.",
        show_default=False,
    ),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="A file with the token; - is standard input. Default: SENTRY_AUTH_TOKEN, then "
        ".sentryclirc; none is needed with a gateway.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print each request.")]
NoEmail = Annotated[bool, typer.Option("--no-email", help="Let Sentry send no e-mail.")]


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  sentry-members {line}" for line in lines)


def _operations() -> list[str]:
    from .scopes import names

    return names()


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"sentry-members {version('sentry-members')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version, and exit."
        ),
    ] = False,
) -> None:
    """Accept the options before a command."""


@app.command(
    short_help="Invite many people, or add many members to teams.",
    epilog=_examples(
        "onboard people.csv --org acme --dry-run", "onboard people.csv --org acme --no-email"
    ),
)
def onboard(
    people: Annotated[
        str, typer.Argument(metavar="PEOPLE", help="A CSV file or .xlsx; - is standard input.")
    ],
    org: Organization = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FILE",
            help="Where to record the outcome of each row.",
            show_default="PEOPLE.results.csv or stdin.results.csv",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, and show what would be sent.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Send without the question on a terminal.")
    ] = False,
    no_email: NoEmail = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Skip bad rows.")] = False,
    retry_refused: Annotated[
        bool, typer.Option("--retry-refused", help="Retry rows that were refused before.")
    ] = False,
    same_sentry: Annotated[
        bool,
        typer.Option(
            "--same-sentry",
            help="Skip rows that are done by another address: it leads to the same Sentry.",
        ),
    ] = False,
    token_file: TokenFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print each request, and each row that is bad.")
    ] = False,
) -> None:
    """Invite many people, or add many members to teams: one for each row of a file.

    The first line names the columns: email, org_role, teams, member_id; usual names such as "Email
    Address" do as well, and other columns are ignored. A row has either an email, to invite a
    person, or a member_id, to add a member to the teams. Teams are slugs separated by blanks,
    commas or semicolons; in an invite each may be followed by a team role, as in backend:admin.

    The outcome of each row is recorded immediately. After an interruption, or on the day after the
    invite quota was used up, run the same command again: it continues where it stopped.
    """
    from .onboard import Settings, onboard

    onboard(
        Settings(
            people=people,
            org=org,
            results=results,
            dry_run=dry_run,
            yes=yes,
            no_email=no_email,
            skip_bad=skip_bad,
            retry_refused=retry_refused,
            same_sentry=same_sentry,
            token_file=token_file,
            as_json=as_json,
            quiet=quiet,
            verbose=verbose,
        )
    )


@app.command(
    short_help="Add or invite a member to an organization.",
    epilog=_examples(
        "invite ada@example.com --org acme --role member --team backend --team frontend:admin"
    ),
)
def invite(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The e-mail address to invite.")],
    org: Organization = None,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="The organization role, such as manager.",
            show_default="Sentry's: member",
        ),
    ] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(
            "--team",
            metavar="TEAM[:ROLE]",
            help="A team's slug, and the role on the team. May be repeated.",
        ),
    ] = None,
    no_email: NoEmail = False,
    token_file: TokenFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Add or invite a member to an organization."""
    from . import calls, output

    output.set_verbosity(quiet=quiet, verbose=verbose)
    row = calls.invite_of(email, role, team or [])
    calls.invite(row, org, token_file, as_json=as_json, send_invite=not no_email)


@app.command(
    short_help="Add an organization member to a team.",
    epilog=_examples("add-to-team 6 backend --org acme"),
)
def add_to_team(
    member_id: Annotated[
        str, typer.Argument(metavar="MEMBER_ID", help="The member's ID, which is not a user's.")
    ],
    team: Annotated[str, typer.Argument(metavar="TEAM", help="The team's slug or ID.")],
    org: Organization = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Add an organization member to a team."""
    from . import calls, output

    output.set_verbosity(quiet=quiet, verbose=verbose)
    row = calls.addition_of(member_id, team)
    calls.add_to_team(row, org, token_file, as_json=as_json)


@app.command(
    short_help="Show which token would be sent where.",
    epilog=_examples("whoami", "whoami --token-file token.txt --json"),
)
def whoami(org: Organization = None, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """Show which token would be sent where, and from which place it is. Sentry is asked nothing."""
    from .whoami import whoami

    whoami(org, token_file, as_json=as_json)


@app.command(
    short_help="Show which scopes a token needs.",
    epilog=_examples("scopes", "scopes add-to-team --token-kind user"),
)
def scopes(
    operation: Annotated[
        str | None,
        typer.Argument(
            metavar="[OPERATION]",
            help="Only this operation, by the name of its command or its method.",
            autocompletion=_operations,
        ),
    ] = None,
    token_kind: Annotated[
        Literal["user", "internal-integration"] | None,
        typer.Option(help="Only this token kind."),
    ] = None,
    open_membership: Annotated[
        Literal["on", "off"] | None, typer.Option(help="Only this setting of Open Membership.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show which scopes a token needs: all scopes of any one of the sets."""
    from .scopes import print_scopes

    print_scopes(operation, token_kind, open_membership, as_json=as_json)


@app.command(
    short_help="Serve the operations as tools for an agent.", epilog=_examples("mcp --org acme")
)
def mcp(org: Organization = None, token_file: TokenFile = None) -> None:
    """Serve the operations as tools for an agent, over standard input and output (MCP).

    With an organization, the tools act on it unless their arguments name another.
    """
    try:
        from .mcp import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("jsonschema", "mcp"):
            raise
        typer.echo("sentry-members: mcp needs sentry-members[mcp], from your index", err=True)
        raise typer.Exit(Exit.CONFIGURATION) from error
    serve(org, token_file)


@app.command(
    short_help="Serve a fake Sentry, to try things out.",
    epilog=_examples("fake", "fake --port 0 --rate 40 --invite-quota 100"),
)
def fake(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="Or 0 for any free one.")
    ] = 8000,
    rate: Annotated[
        int | None,
        typer.Option("--rate", min=1, metavar="NUMBER", help="The requests to allow in a second."),
    ] = None,
    invite_quota: Annotated[
        int | None,
        typer.Option(
            "--invite-quota", min=0, metavar="NUMBER", help="The invites to allow in a day."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a fake Sentry on loopback until Ctrl-C, to try things out.

    It has the organizations acme, with Open Membership on, and closed, with it off; each has the
    teams backend, frontend and idp-team.
    """
    from .fake import serve

    serve(port, rate, invite_quota, as_json=as_json)
