"""The page in a real browser, served by the real nginx in front of a fake Sentry."""

from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from sentry_members_testing import FakeSentry

from tests.support import gateway
from tests.support.browser import Visit, chromium, render
from tests.support.repo_copy import ROOT


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, written as `make reference` does."""
    folder = tmp_path_factory.mktemp("reference") / "site"
    render(ROOT / "openapi.yaml", folder)
    return folder


# Not for the whole session: while the browser runs, other tests can't use asyncio.
@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def fake() -> FakeSentry:
    """The example organizations, and a user who is a manager in `acme` and a member in `closed`."""
    fake = FakeSentry.example()
    fake.add_member("acme", "both", role="manager", email="both@example.org")
    fake.add_member("closed", "both", email="both@example.org")
    return fake


@pytest.fixture(scope="module")
def token(fake: FakeSentry) -> str:
    return fake.issue_token("acme", owner="both", scopes=["org:read", "member:invite"])


@pytest.fixture(scope="module")
def served(
    fake: FakeSentry, token: str, site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[gateway.Gateway]:
    """A gateway with the page at its root."""
    folder = tmp_path_factory.mktemp("gateway")
    with (
        fake.serve() as url,
        gateway.gateway(folder, sentry_url=url, token=token, page=site) as running,
    ):
        yield running


@pytest.fixture
def visit(browser: Browser, served: gateway.Gateway, token: str) -> Generator[Visit]:
    """A visit of the page; afterwards checks its requests, its console and that it has no token."""
    with browser.new_context(base_url=served.url, reduced_motion="reduce") as context:
        visit = Visit(context)
        yield visit
        hosts = {urlsplit(request.url).netloc for request in visit.requests}
        traces = visit.traces()
    assert {urlsplit(served.url).netloc} == hosts
    assert token not in traces
    # The console also reports each response with an error status.
    assert [] == [line for line in visit.console if "Failed to load resource" not in line]
