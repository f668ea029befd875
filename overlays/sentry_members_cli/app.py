"""The commands."""

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated, Literal, get_args

import anyio
import typer
from rich.table import Table
from sentry_members.client import SentryMembers
from sentry_members.errors import ConfigurationError, SentryMembersError
from sentry_members.results import Outcome
from sentry_members.scopes import Operation, Scopes, TokenKind, accepted_scopes, asking_scopes
from sentry_members_api.models import Member, NewMember, OrganizationRole
from sentry_members_api.types import UNSET
from sentry_members_onboarding import Addition, Invite, Result, Row, read_teams

from .exits import MEANINGS, Exit, exit_of
from .onboard import onboard
from .options import AsJson, Organization, TokenFile, credentials, organization
from .output import as_fields, as_line, out, print_error, print_json

app = typer.Typer(
    help="Bring people into a Sentry organization and onto its teams.",
    epilog="Exit codes: "
    + "; ".join(f"{exit_.value}: {meaning}" for exit_, meaning in MEANINGS.items())
    + ".",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
app.command()(onboard)

OperationName = Literal["invite", "add-to-team", Operation]
_OPERATIONS: dict[str, Operation] = {
    "invite": "add_a_member_to_an_organization",
    "add-to-team": "add_an_organization_member_to_a_team",
}


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


@app.command()
def invite(
    email: Annotated[str, typer.Argument(help="The e-mail address to invite.")],
    org: Organization = None,
    role: Annotated[
        OrganizationRole | None,
        typer.Option(help="The organization role.", show_default="Sentry's: member"),
    ] = None,
    team: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEAM[:ROLE]", help="A team's slug, and the role on the team. May be repeated."
        ),
    ] = None,
    no_email: Annotated[bool, typer.Option("--no-email", help="Send no e-mail.")] = False,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Add or invite a member to an organization."""
    try:
        teams = read_teams(" ".join(team or ()))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--team") from error
    row = Invite(email, role, teams)

    def call() -> Member:
        with SentryMembers(**credentials(token_file)) as sentry:
            return sentry.add_a_member_to_an_organization(
                organization(org),
                NewMember(
                    email=email,
                    org_role=role or UNSET,
                    team_roles=list(teams) or UNSET,
                    send_invite=False if no_email else UNSET,
                ),
            )

    _call_and_exit(row, call, as_json)


@app.command()
def add_to_team(
    member_id: Annotated[str, typer.Argument(help="The member's ID, which is not a user's.")],
    team: Annotated[str, typer.Argument(help="The team's slug or ID.")],
    org: Organization = None,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Add an organization member to a team."""
    row = Addition(member_id, team)

    def call() -> Outcome:
        with SentryMembers(**credentials(token_file)) as sentry:
            return sentry.add_an_organization_member_to_a_team(organization(org), member_id, team)

    _call_and_exit(row, call, as_json)


def _call_and_exit(row: Row, call: Callable[[], Member | Outcome], as_json: bool) -> None:
    """Make a call, print its result, and exit with the code of its outcome."""
    try:
        result = Result.of(row, call())
    except SentryMembersError as error:
        result = Result.of(row, error)
    exit_ = exit_of(result.outcome, result.error)
    if as_json:
        print_json(as_fields(result))
    elif result.error and exit_ is not Exit.NOTHING_TO_DO:
        print_error(as_line(Result(row, result.outcome)).plain, result.error, as_json=False)
    else:
        out.print(as_line(result), soft_wrap=True)
    raise typer.Exit(exit_)


@app.command()
def scopes(
    operation: Annotated[
        OperationName | None,
        typer.Argument(help="Only this operation, by the name of its command or its method."),
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
    rows: list[tuple[str, Operation, TokenKind, bool]] = [
        (command, name, caller, setting == "on")
        for command, name in _OPERATIONS.items()
        for caller in get_args(TokenKind)
        for setting in ("on", "off")
        if operation in (None, command, name)
        if token_kind in (None, caller.replace(" ", "-"))
        if open_membership in (None, setting)
    ]
    table = Table("Operation", "Token", "Open Membership", "Accepted scopes", "Access request only")
    values: list[dict[str, object]] = []
    for command, name, caller, is_open in rows:
        accepted = accepted_scopes(name, caller, open_membership=is_open)
        asking = asking_scopes(name, caller, open_membership=is_open)
        values.append(
            {
                "operation": name,
                "token_kind": caller,
                "open_membership": is_open,
                "accepted": list(map(sorted, accepted)),
                "only_asking": list(map(sorted, asking)),
            }
        )
        table.add_row(command, caller, "on" if is_open else "off", _cell(accepted), _cell(asking))
    if as_json:
        print_json(values)
    else:
        out.print(table)


def _cell(sets: tuple[Scopes, ...]) -> str:
    return "\n".join(" + ".join(sorted(scopes)) for scopes in sets)


@app.command()
def mcp(org: Organization = None, token_file: TokenFile = None) -> None:
    """Serve the operations as tools for an agent, over standard input and output (MCP)."""
    try:
        from .mcp import serve  # so that the other commands start faster, and without the extra

        default = ""
        with suppress(ConfigurationError):
            default = organization(org)
        anyio.run(serve, default, credentials(token_file))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("jsonschema", "mcp"):
            raise
        problem = ConfigurationError('it needs more: pip install "sentry-members[mcp]"')
        print_error("not served", problem, as_json=False)
        raise typer.Exit(Exit.CONFIGURATION) from error
    except ConfigurationError as error:
        print_error("not served", error, as_json=False)
        raise typer.Exit(Exit.CONFIGURATION) from error


@app.command()
def fake(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Or 0 for any free one.")] = 8000,
    rate: Annotated[
        int | None, typer.Option(min=1, help="The requests to allow in a second.")
    ] = None,
    invite_quota: Annotated[
        int | None, typer.Option(min=0, help="The invites to allow in a day.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Serve a fake Sentry on loopback until Ctrl-C, to try things out.

    It has the organizations `acme`, with Open Membership on, and `closed`, with it off; each has
    the teams `backend`, `frontend` and `idp-team`.
    """
    from sentry_members_testing import FakeSentry  # so that the other commands start faster

    fake = FakeSentry.example()
    if rate is not None:
        fake.limit_requests(per_second=rate)
    if invite_quota is not None:
        fake.limit_invites(per_day=invite_quota)
    token = fake.issue_token("acme", owner="owner", scopes=["member:admin", "org:read"])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with fake.serve(port) as url:
            variables = {"SENTRY_URL": url, "SENTRY_AUTH_TOKEN": token, "SENTRY_ORG": "acme"}
            if as_json:
                print_json(variables)
            else:
                for name, value in variables.items():
                    print(f"export {name}={value}")
                print(f"# member {fake.member_id('acme', 'target')} is on no team yet", flush=True)
            threading.Event().wait()
    except OSError as error:
        problem = f"port {port} can't be served ({error.strerror}): name another with --port"
        print_error("not served", ConfigurationError(problem), as_json=as_json)
        raise typer.Exit(Exit.CONFIGURATION) from error
    except KeyboardInterrupt:
        pass
