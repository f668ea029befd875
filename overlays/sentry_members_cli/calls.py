"""The commands `invite` and `add-to-team`."""

from collections.abc import Callable
from typing import TypeVar

import typer
from sentry_members.client import SentryMembers
from sentry_members.errors import REPEATING_IS_SAFE, SentryMembersError
from sentry_members.results import Outcome
from sentry_members_api.models import Member, NewMember
from sentry_members_api.types import UNSET
from sentry_members_onboarding import Addition, Invite, Result, Row, RowOutcome, read_teams
from sentry_members_onboarding.people import (
    SLUG,
    check_email,
    check_member_id,
    read_organization_role,
)

from .exits import Exit
from .options import find_organization, make_client
from .outcomes import exit_of
from .output import as_fields, as_line, err, out, print_error, print_json

T = TypeVar("T")


def invite_of(email: str, role: str | None, teams: list[str]) -> Invite:
    """Return the invite that the arguments ask for.

    Raises:
        typer.BadParameter: An argument can't be sent.
    """
    email = email.strip()
    hint = ": a member is added to a team by add-to-team" if email.isdecimal() else ""
    _check("EMAIL", check_email, email, hint)
    given = _check("--role", read_organization_role, role) if role else None
    return Invite(email, given, _check("--team", read_teams, " ".join(teams)))


def addition_of(member_id: str, team: str) -> Addition:
    """Return the addition that the arguments ask for.

    Raises:
        typer.BadParameter: An argument can't be sent.
    """
    hint = ""
    if "@" in member_id:
        hint = ", but an e-mail address: invite it, and put it on the team by invite --team"
    elif team.isdecimal() and SLUG.fullmatch(member_id):
        hint = ": the member's ID comes first, then the team"
    _check("MEMBER_ID", check_member_id, member_id, hint)
    if not SLUG.fullmatch(team):
        raise typer.BadParameter(
            f"{team!r} is not the slug or ID of a team: letters, digits, - and _",
            param_hint="TEAM",
        )
    return Addition(member_id, team)


def _check(name: str, read: Callable[[str], T], text: str, hint: str = "") -> T:
    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(f"{error}{hint}", param_hint=name) from error


def invite(
    row: Invite, org: str | None, token_file: str | None, *, as_json: bool, send_invite: bool
) -> None:
    """Send an invite, print its result, and exit."""
    body = NewMember(
        email=row.email,
        org_role=row.org_role or UNSET,
        team_roles=list(row.team_roles) or UNSET,
        send_invite=UNSET if send_invite else False,
    )

    def call(sentry: SentryMembers, organization: str) -> Member:
        return sentry.add_a_member_to_an_organization(organization, body)

    _call_and_exit(row, call, org, token_file, as_json=as_json)


def add_to_team(row: Addition, org: str | None, token_file: str | None, *, as_json: bool) -> None:
    """Add a member to a team, print the result, and exit."""

    def call(sentry: SentryMembers, organization: str) -> Outcome:
        return sentry.add_an_organization_member_to_a_team(organization, row.member_id, row.team)

    _call_and_exit(row, call, org, token_file, as_json=as_json)


def _call_and_exit(
    row: Row,
    call: Callable[[SentryMembers, str], Member | Outcome],
    org: str | None,
    token_file: str | None,
    *,
    as_json: bool,
) -> None:
    result, exit_ = Result(row, RowOutcome.NOT_ATTEMPTED, detail="interrupted"), None
    try:
        organization = find_organization(org)
        with make_client(SentryMembers, token_file) as sentry:
            detail = f"interrupted. {REPEATING_IS_SAFE}"
            result = Result(row, RowOutcome.OUTCOME_UNKNOWN, detail=detail)
            result = Result.of(row, call(sentry, organization))
    except SentryMembersError as error:
        result = Result.of(row, error)
    except KeyboardInterrupt:
        exit_ = Exit.INTERRUPTED
    exit_ = exit_ or exit_of(result.outcome, result.error)
    if as_json:
        print_json(as_fields(result))
    elif result.error and exit_ is not Exit.NOTHING_TO_DO:
        print_error(as_line(Result(row, result.outcome)).plain, result.error, as_json=False)
    else:
        console = err if exit_ is Exit.INTERRUPTED else out
        console.print(as_line(result), soft_wrap=True)
    raise typer.Exit(exit_)
