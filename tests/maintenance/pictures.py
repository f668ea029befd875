"""Take pictures of the reference page, in light and in dark: `make pictures`.

Run as `python -m tests.maintenance.pictures folder`.
"""

import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Route
from sentry_members_testing import FakeSentry

from tests.support.browser import JOIN, Visit, chromium, render
from tests.support.gateway import gateway
from tests.support.repo_copy import ROOT

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PUBLIC_URL = "https://gateway.example.com"
SIZE = {"width": 1120, "height": 740}
NEW_YEAR = 1_767_225_600.0


def take(
    browser: Browser, scheme: Literal["light", "dark"], url: str, key: str, file: Path
) -> None:
    """Send a call that only requests access to a team, and take a picture of the response."""

    def forward(route: Route) -> None:
        route.fulfill(response=route.fetch(url=route.request.url.replace(PUBLIC_URL, url)))

    with browser.new_context(
        base_url=PUBLIC_URL, color_scheme=scheme, reduced_motion="reduce", viewport=SIZE
    ) as context:
        context.route(f"{PUBLIC_URL}/**", forward)
        visit = Visit(context)
        visit.configure(PUBLIC_URL, key)
        visit.send(
            JOIN, organization_id_or_slug="closed", member_id="12", team_id_or_slug="backend"
        )
        visit.page.evaluate("document.activeElement.blur()")
        visit.operation(JOIN).get_by_role("heading", name="Parameters").evaluate(
            "heading => scrollTo(0, heading.getBoundingClientRect().top + scrollY - 24)"
        )
        visit.page.screenshot(path=file)


def main(folder: Path) -> None:
    fake = FakeSentry.example(clock=lambda: NEW_YEAR)
    token = fake.issue_token("closed", owner="member", scopes=["org:read"])
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, fake.serve() as sentry_url, chromium() as browser:
        site, gateway_folder = Path(name, "site"), Path(name, "gateway")
        gateway_folder.mkdir()
        render(ROOT / "openapi.yaml", site)
        with gateway(gateway_folder, sentry_url=sentry_url, token=token, page=site) as running:
            for scheme in SCHEMES:
                file = folder / f"reference-{scheme}.png"
                take(browser, scheme, running.url, running.key, file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
