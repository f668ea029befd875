"""The page is accessible: by axe, on narrow screens, on paper, without JavaScript."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from overlays.reference.contract import load
from tests.support import gateway
from tests.support.browser import INVITE, JOIN, Visit
from tests.support.repo_copy import ROOT

SPEC = load((ROOT / "openapi.yaml").read_text("utf-8"))
# Every rule of axe, including those that are off by default.
TAGS = ["wcag2a", "wcag2aa", "wcag2aaa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {
    "runOnly": [*TAGS, "experimental"],
    # This rule only reports that hidden content exists.
    "rules": {"hidden-content": {"enabled": False}},
    "resultTypes": ["violations", "incomplete"],
}


def findings(page: Page) -> list[str]:
    """Return the violations that axe finds, and what it can't decide."""
    found = Axe().run(page, options=RULES).response
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"] + found["incomplete"]
        for node in rule["nodes"]
    ]


def show_everything(visit: Visit, gateway: gateway.Gateway) -> None:
    """Make the page show errors, added rows, a response and the examples."""
    visit.configure(gateway.url, gateway.key)
    visit.operation(INVITE).get_by_role("button", name="Add to teamRoles").click()
    visit.operation(INVITE).get_by_label("teamSlug").fill("long-" * 30)
    visit.send(INVITE, organization_id_or_slug="acme", email="w" * 60 + "@example")
    visit.operation(JOIN).get_by_role("button", name="Send").click()
    visit.page.locator("details").evaluate_all(
        "elements => elements.forEach((element) => element.open = true)"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_axe_finds_no_violation(
    visit: Visit, served: gateway.Gateway, scheme: Any, width: int
) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.set_viewport_size({"width": width, "height": 900})
    background = "getComputedStyle(document.body).backgroundColor"
    assert (scheme == "light") == (visit.page.evaluate(background) == "rgb(255, 255, 255)")
    assert [] == findings(visit.page)
    show_everything(visit, served)
    assert [] == findings(visit.page)
    assert width == visit.page.evaluate("document.documentElement.scrollWidth")


def test_can_be_read_without_javascript(browser: Browser, served: gateway.Gateway) -> None:
    with browser.new_context(base_url=served.url, java_script_enabled=False) as context:
        page = Visit(context, has_script=False).page
        text = page.locator("body").inner_text()
        expect(page.get_by_text("The forms need it.")).to_be_visible()
        expect(page.get_by_role("button", name="Send")).to_have_count(0)
        for control in page.locator("input, select").all():
            expect(control).to_be_disabled()
    shown = _without_markup(text)
    for expected in [*SPEC["paths"], *_descriptions(SPEC["components"]["parameters"])]:
        assert expected in shown
    for schema in ("OrganizationRole", "NewMember", "TeamRoleAssignment"):
        properties = SPEC["components"]["schemas"][schema].get("properties", {})
        for expected in _descriptions(properties):
            assert expected in shown
    assert "owner: has unrestricted access to the organization" in shown
    assert "User auth token org:read org:read (1), org:write, org:read + team:write (2)" in shown


def _descriptions(nodes: dict[str, Any]) -> list[str]:
    return [
        _without_markup(node["description"]) for node in nodes.values() if "description" in node
    ]


def _without_markup(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def test_can_be_printed(visit: Visit) -> None:
    visit.page.emulate_media(media="print")
    for button in ("Send", "Copy Python", "Add to teamRoles"):
        expect(visit.page.get_by_role("button", name=button).first).to_be_hidden()
    expect(visit.page.get_by_text("The email address to send")).to_be_visible()
