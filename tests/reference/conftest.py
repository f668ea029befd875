"""The page in a browser, the real nginx that serves it, and the fake Sentry behind that."""

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
    """The page as `make reference` makes it."""
    folder = tmp_path_factory.mktemp("reference") / "site"
    render(ROOT / "openapi.yaml", folder)
    return folder


# Of a module: while the browser runs, no other test of its thread can use asyncio.
@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def fake() -> FakeSentry:
    """The example, and a manager of `acme` who is but a member of `closed`."""
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
    """The gateway, with the page at its root."""
    folder = tmp_path_factory.mktemp("gateway")
    with (
        fake.serve() as url,
        gateway.gateway(folder, sentry_url=url, token=token, page=site) as running,
    ):
        yield running


@pytest.fixture
def visit(browser: Browser, served: gateway.Gateway, token: str) -> Generator[Visit]:
    """A visit of the page, which asks no other host and breaks no rule; nor is a token there."""
    with browser.new_context(base_url=served.url, reduced_motion="reduce") as context:
        visit = Visit(context)
        yield visit
        hosts = {urlsplit(request.url).netloc for request in visit.requests}
        traces = visit.traces()
    assert {urlsplit(served.url).netloc} == hosts
    assert token not in traces
    # The browser says of an answer that is an error that it is one.
    assert [] == [said for said in visit.said if "Failed to load resource" not in said]
