"""The command `whoami`."""

import typer
from sentry_members.client import SentryMembers
from sentry_members.errors import ConfigurationError
from sentry_members_onboarding import RowOutcome

from .options import find_organization, make_client
from .outcomes import exit_of
from .output import in_terms_of_options, out, print_error, print_json


def whoami(org: str | None, token_file: str | None, *, as_json: bool) -> None:
    """Print what would be sent where; nothing of it is secret."""
    try:
        with make_client(SentryMembers, token_file) as sentry:
            credentials = sentry.credentials
    except ConfigurationError as error:
        print_error("no credentials", error, as_json=as_json)
        raise typer.Exit(exit_of(RowOutcome.NOT_ATTEMPTED, error)) from error
    try:
        organization, missing = find_organization(org), ""
    except ConfigurationError as error:
        organization, missing = None, str(error)
    credential = in_terms_of_options(credentials.description)
    headers = [credentials.header, *credentials.headers]
    if as_json:
        print_json(
            {
                "url": str(credentials.url),
                "organization": organization,
                "credential": credential,
                "token_kind": credentials.token_kind,
                "headers": headers,
            }
        )
        return
    default = ", the default" if credentials.is_default_url else ""
    for name, value in (
        ("Credential", credential),
        ("Sentry", f"{credentials.url}{default}"),
        ("Organization", organization or missing),
        ("Sent with each request", f"{', '.join(headers)} (not shown)"),
    ):
        out.print(f"{name}: {value}", soft_wrap=True)
