"""Call both operations against a fake Sentry on loopback, and print the results: `make demo`."""

from collections.abc import Callable

from sentry_members import AccessRequested, Added, AlreadyOnTeam, Member, SentryMembers
from sentry_members.errors import ApiError
from sentry_members_testing import FakeSentry

from tests.support.new_member import new_member


def show(description: str, call: Callable[[], object]) -> None:
    """Print what a call returns, or the error that it raises."""
    try:
        result = call()
    except ApiError as error:
        outcome = f"{error.status}  {type(error).__name__}: {' '.join(error.messages)}"
    else:
        match result:
            case Member(id=member_id, pending=pending):
                outcome = f"201  Member: id {member_id}, {'invited' if pending else 'added'}"
            case Added(team=team):
                outcome = f"201  Added: now on {team.slug}"
            case AccessRequested():
                outcome = "202  AccessRequested: nobody was added yet"
            case AlreadyOnTeam():
                outcome = "204  AlreadyOnTeam"
            case _:
                outcome = f"?  {result!r}"
    print(f"{description}\n    {outcome}")


def main() -> None:
    fake = FakeSentry.example()
    scopes = ["member:invite", "org:read"]
    target, member = fake.member_id("acme", "target"), fake.member_id("closed", "target")
    with fake.serve() as url:
        open_token = fake.issue_token("acme", owner="manager", scopes=scopes)
        closed_token = fake.issue_token("closed", owner="member", scopes=scopes)
        with (
            SentryMembers(url=url, token=open_token) as acme,
            SentryMembers(url=url, token=closed_token) as closed,
        ):
            print(f"A fake Sentry is served at {url.rpartition(':')[0]}, on a port of its own.\n")
            invite = acme.add_a_member_to_an_organization
            join = acme.add_an_organization_member_to_a_team
            request = closed.add_an_organization_member_to_a_team
            ada = new_member(email="ada@example.com")
            show("invite ada@example.com", lambda: invite("acme", ada))
            show("invite her again", lambda: invite("acme", ada))
            show("add a member to backend", lambda: join("acme", target, "backend"))
            show("add them again", lambda: join("acme", target, "backend"))
            show("add them to idp-team", lambda: join("acme", target, "idp-team"))
            show("add to a closed team", lambda: request("closed", member, "backend"))


if __name__ == "__main__":
    main()
