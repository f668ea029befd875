"""The command `fake`."""

import signal
import threading

import typer
from sentry_members.errors import ConfigurationError
from sentry_members_testing import FakeSentry

from .exits import Exit
from .output import print_error, print_json


def serve(port: int, rate: int | None, invite_quota: int | None, *, as_json: bool) -> None:
    """Serve a fake Sentry until a signal ends it."""
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
