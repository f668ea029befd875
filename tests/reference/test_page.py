"""The reference page: filled in and sent in a real browser, through the real nginx."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sentry_members_testing import FakeSentry

from tests.support import gateway
from tests.support.browser import Visit

INVITE, JOIN = 0, 1
ACME = {"organization_id_or_slug": "acme"}


@pytest.fixture
def ready(visit: Visit, served: gateway.Gateway) -> Visit:
    visit.configure(served.url, served.key)
    return visit


def test_what_is_filled_in_arrives(ready: Visit, fake: FakeSentry) -> None:
    invite = ready.operation(INVITE)
    invite.get_by_label("orgRole").select_option("member")
    invite.get_by_label("sendInvite").select_option("false")
    for slug in ("backend", "gone", "frontend"):
        invite.get_by_role("button", name="Add to teamRoles").click()
        invite.get_by_label("teamSlug").last.fill(slug)
    invite.get_by_label("role", exact=True).first.select_option("admin")
    invite.get_by_role("button", name="Remove").nth(1).click()
    said = ready.send(INVITE, **ACME, email="arrives@example.com")
    assert "Sentry says 201: The member has been added, and invited if" in said
    sent = fake.requests[-1]
    assert ("POST", "/api/0/organizations/acme/members/") == (sent.method, sent.path)
    assert {
        "email": "arrives@example.com",
        "orgRole": "member",
        "teamRoles": [
            {"teamSlug": "backend", "role": "admin"},
            {"teamSlug": "frontend", "role": None},
        ],
        "sendInvite": False,
    } == sent.body
    expect(invite.get_by_label("Body of the answer")).to_contain_text('"pending": true')


def test_what_is_left_out_is_not_sent(ready: Visit, fake: FakeSentry) -> None:
    assert "Sentry says 201" in ready.send(INVITE, **ACME, email="alone@example.com")
    assert {"email": "alone@example.com"} == fake.requests[-1].body


def test_an_answer_is_told_in_words(ready: Visit, fake: FakeSentry) -> None:
    def join(organization: str, member: str, team: str) -> tuple[str, str | None, str]:
        said = ready.send(
            JOIN,
            organization_id_or_slug=organization,
            member_id=fake.member_id(organization, member),
            team_id_or_slug=team,
        )
        answer = ready.operation(JOIN).locator(".answer")
        advice = answer.locator(".advice").inner_text()
        return said.replace("Sentry says ", ""), answer.get_attribute("data-outcome"), advice

    assert ("201: The member has been added to the team.", "done", "") == join(
        "acme", "target", "backend"
    )
    assert ("204: The member is already on the team.", "done", "") == join(
        "acme", "target", "backend"
    )
    said, outcome, advice = join("closed", "target", "backend")
    assert "202: The member needs permission to join the team" in said
    assert "Nobody has been added yet." in said
    assert ("asked", "") == (outcome, advice)
    # Those who don't see it hear of it.
    expect(ready.operation(JOIN).locator(".said")).to_have_role("status")
    said, outcome, advice = join("acme", "target", "idp-team")
    assert "403: The token lacks a scope or" in said
    assert ("failed", "Add the person to the team in the identity provider.") == (outcome, advice)
    said, outcome, advice = join("acme", "target", "nowhere")
    assert "404: There is no such organization, member or team" in said
    assert "Check the slugs and the IDs" in advice


def test_a_refusal_shows_what_sentry_says_and_what_to_do(ready: Visit) -> None:
    assert "Sentry says 201" in ready.send(INVITE, **ACME, email="twice@example.com")
    assert "Sentry says 400" in ready.send(INVITE, **ACME, email="twice@example.com")
    answer = ready.operation(INVITE).locator(".answer")
    expect(answer).to_contain_text('"The user twice@example.com has already been invited"')
    expect(answer).to_contain_text("The invite is pending; this operation can't send it again.")


def test_a_page_of_html_shows_as_text(ready: Visit, fake: FakeSentry) -> None:
    fake.fail_next(520)
    assert "Sentry says 520: Sentry, or a proxy" in ready.send(INVITE, **ACME, email="x@y.example")
    body = ready.operation(INVITE).get_by_label("Body of the answer")
    assert "<html><body><h1>Error 520</h1></body></html>" == body.inner_text()
    expect(ready.operation(INVITE).locator(".advice")).to_contain_text("Repeating it is safe")


def test_the_gateways_own_answers_are_told_from_sentrys(
    visit: Visit, served: gateway.Gateway, fake: FakeSentry
) -> None:
    before = len(fake.requests)
    visit.configure(served.url, "another-key-0123456789")
    said = visit.send(INVITE, **ACME, email="ada@example.com")
    assert said.startswith("The gateway says 403: The gateway's key")
    visit.configure(served.url, "")
    assert "The gateway says 403" in visit.send(INVITE, **ACME, email="ada@example.com")
    assert before == len(fake.requests)


def test_a_gateway_that_gets_no_answer_says_so(ready: Visit, fake: FakeSentry) -> None:
    fake.fail_next("drop-before")
    assert "The gateway says 504" in ready.send(INVITE, **ACME, email="ada@example.com")
    expect(ready.operation(INVITE).locator(".advice")).to_contain_text("Repeating it is safe")


def test_a_gateway_that_is_down(ready: Visit, served: gateway.Gateway, tmp_path: Path) -> None:
    with gateway.gateway(tmp_path, sentry_url=served.url) as down:
        ready.configure(down.url, down.key)
    said = ready.send(INVITE, **ACME, email="ada@example.com")
    assert f"No answer: {down.url} can't be reached." == said
    advice = ready.operation(INVITE).locator(".advice")
    expect(advice).to_contain_text("Either no gateway is there, or it does not let this page call")
    expect(advice).to_contain_text(f"GATEWAY_ALLOW_ORIGIN={served.url}")
    assert down.url in ready.requests.pop().url


@pytest.mark.parametrize("allowed", [True, False])
def test_a_gateway_of_another_origin(
    allowed: bool,
    ready: Visit,
    served: gateway.Gateway,
    fake: FakeSentry,
    token: str,
    tmp_path: Path,
) -> None:
    before = len(fake.requests)
    origin = served.url if allowed else "https://example.com"
    with (
        fake.serve() as url,
        gateway.gateway(tmp_path, sentry_url=url, token=token, allow_origin=origin) as other,
    ):
        ready.configure(other.url, other.key)
        said = ready.send(INVITE, **ACME, email="other@example.com")
    assert ("Sentry says 201" if allowed else f"No answer: {other.url} can't be reached.") in said
    assert before + allowed == len(fake.requests)
    ready.requests[:] = [request for request in ready.requests if other.url not in request.url]
    ready.said[:] = [said for said in ready.said if "CORS policy" not in said]


def test_send_waits_for_the_url_of_a_gateway(visit: Visit, served: gateway.Gateway) -> None:
    send = visit.operation(INVITE).get_by_role("button", name="Send")
    hint = visit.operation(INVITE).get_by_text("Enter a gateway URL above to enable sending.")
    for text in ("", "gateway", "ftp://gateway.example", "http://:p@gateway.example", "http://a/?"):
        visit.configure(text, "")
        expect(send).to_be_disabled()
        expect(hint).to_be_visible()
    visit.configure("", "")
    visit.page.get_by_role("button", name=f"Use {served.url}").click()
    expect(send).to_be_enabled()
    expect(hint).to_be_hidden()
    assert served.url == visit.page.get_by_label("Gateway URL").input_value()


def test_the_url_is_kept_and_the_key_goes_with_the_tab(
    ready: Visit, served: gateway.Gateway
) -> None:
    ready.reload()
    assert served.url == ready.page.get_by_label("Gateway URL").input_value()
    assert served.key == ready.page.get_by_label("Gateway key").input_value()
    assert served.key not in ready.page.evaluate("JSON.stringify(localStorage)")
    tab = ready.page.context.new_page()
    tab.goto("/")
    assert served.url == tab.get_by_label("Gateway URL").input_value()
    assert "" == tab.get_by_label("Gateway key").input_value()


@pytest.mark.parametrize("url", ["{}", "https://me:{}@gateway.example", "https://x.example/{}"])
def test_a_token_in_the_place_of_the_url_is_not_kept(url: str, visit: Visit, token: str) -> None:
    visit.page.get_by_label("Gateway URL").fill(url.format(token))
    expect(visit.page.get_by_text("This holds a Sentry token")).to_be_visible()
    assert token not in visit.page.evaluate("JSON.stringify(localStorage)")
    assert token not in "".join(visit.page.locator("pre").all_text_contents())
    visit.page.get_by_label("Gateway URL").fill("")


def test_a_token_in_the_place_of_the_key_is_refused(visit: Visit, token: str) -> None:
    visit.page.get_by_label("Gateway key").fill(token)
    expect(visit.page.get_by_text("That was a Sentry token")).to_be_visible()
    assert "" == visit.page.get_by_label("Gateway key").input_value()


def test_what_can_not_be_sent_is_refused_by_the_page(ready: Visit, served: gateway.Gateway) -> None:
    before, invite = len(ready.requests), ready.operation(INVITE)
    send = invite.get_by_role("button", name="Send")
    for name, text, fault in (
        ("organization_id_or_slug", "", "organization_id_or_slug is required."),
        ("organization_id_or_slug", "..", "This is no organization_id_or_slug: it must match"),
        ("organization_id_or_slug", "a/b", "it must match"),
        ("organization_id_or_slug", "acme", ""),
        ("email", "", "email is required."),
        ("email", "ä" * 76, "At most 75 characters are taken, not 76."),
        ("email", "ada@example.com", ""),
    ):
        field = invite.get_by_label(name, exact=True)
        field.fill(text)
        if text:
            expect(field).not_to_have_attribute("aria-invalid", "true")
        if fault:
            send.click()
            expect(field).to_be_focused()
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(field).to_have_accessible_description(re.compile(re.escape(fault)))
    ready.configure(served.url, "a key")
    send.click()
    expect(ready.page.get_by_label("Gateway key")).to_be_focused()
    assert before == len(ready.requests)


def test_a_second_click_sends_nothing_twice(ready: Visit, fake: FakeSentry) -> None:
    before = len(fake.requests)
    fake.fail_next("slow", seconds=0.3)
    button = ready.operation(INVITE).get_by_role("button", name="Send")
    ready.operation(INVITE).get_by_label("organization_id_or_slug").fill("acme")
    ready.operation(INVITE).get_by_label("email").fill("once@example.com")
    button.dblclick()
    assert "Sentry says 201" in ready.answer(INVITE)
    assert before + 1 == len(fake.requests)


def test_the_code_is_copied(ready: Visit) -> None:
    ready.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for name, code in zip(("Python", "curl"), ready.code(INVITE), strict=True):
        ready.operation(INVITE).get_by_role("button", name=f"Copy {name}").click()
        copied = ready.operation(INVITE).get_by_text("Copied.")
        expect(copied).to_be_visible()
        expect(copied).to_have_role("status")
        assert code == ready.page.evaluate("navigator.clipboard.readText()")


def test_where_the_clipboard_is_not_the_pages_the_code_is_selected(visit: Visit) -> None:
    """As over plain HTTP from another machine."""
    visit.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    visit.operation(INVITE).get_by_role("button", name="Copy curl").click()
    expect(visit.operation(INVITE).get_by_text("Selected: copy it")).to_be_visible()
    assert visit.code(INVITE)[1] == visit.page.evaluate("String(getSelection())")


def test_the_keyboard_does_it_all(visit: Visit, served: gateway.Gateway, fake: FakeSentry) -> None:
    keyboard = visit.page.keyboard

    def tab_to(label: str) -> None:
        """Tab on to a control; it shows that it has the focus."""
        for _ in range(40):
            keyboard.press("Tab")
            focused = visit.page.locator(":focus-visible")
            name = focused.evaluate("e => e.labels?.[0]?.textContent ?? e.textContent")
            if name.strip() == label:
                assert "none" != focused.evaluate("e => getComputedStyle(e).outlineStyle")
                return
        raise AssertionError(f"no {label} can be reached")

    tab_to("Gateway URL")
    keyboard.type(served.url)
    tab_to("Gateway key")
    keyboard.type(served.key)
    tab_to("organization_id_or_slug")
    keyboard.type("acme")
    tab_to("email")
    keyboard.type("keys@example.com")
    tab_to("orgRole")
    keyboard.type("man")
    tab_to("Add to teamRoles")
    keyboard.press("Enter")
    keyboard.type("backend")
    tab_to("Remove")
    keyboard.press("Enter")
    keyboard.press("Enter")
    keyboard.type("frontend")
    tab_to("Send")
    keyboard.press("Enter")
    assert "Sentry says 201" in visit.answer(INVITE)
    sent = fake.requests[-1].body
    assert ("manager", [{"teamSlug": "frontend", "role": None}]) == (
        sent["orgRole"],
        sent["teamRoles"],
    )


def test_a_browser_that_keeps_nothing_is_no_hindrance(
    browser: Browser, served: gateway.Gateway
) -> None:
    with browser.new_context(base_url=served.url, reduced_motion="reduce") as context:
        context.add_init_script(
            "for (const area of ['localStorage', 'sessionStorage'])"
            " Object.defineProperty(window, area, {get() { throw new DOMException('denied'); }})"
        )
        visit = Visit(context)
        visit.configure(served.url, served.key)
        assert "Sentry says 201" in visit.send(INVITE, **ACME, email="unkept@example.com")
