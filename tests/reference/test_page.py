"""The forms of the reference page, in a real browser and through the real nginx."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sentry_members_testing import FakeSentry

from tests.support import gateway
from tests.support.browser import INVITE, JOIN, Visit
from tests.support.new_member import REQUIRED

ACME = {"organization_id_or_slug": "acme"}


@pytest.fixture
def ready(visit: Visit, served: gateway.Gateway) -> Visit:
    visit.configure(served.url, served.key)
    return visit


def test_sends_what_is_filled_in(ready: Visit, fake: FakeSentry) -> None:
    invite = ready.operation(INVITE)
    invite.get_by_label("orgRole").select_option("member")
    invite.get_by_label("sendInvite").select_option("false")
    for slug in ("backend", "gone", "frontend"):
        invite.get_by_role("button", name="Add to teamRoles").click()
        invite.get_by_label("teamSlug").last.fill(slug)
    invite.get_by_label("role", exact=True).first.select_option("admin")
    invite.get_by_role("button", name="Remove").nth(1).click()
    result = ready.send(INVITE, **ACME, email="arrives@example.com")
    assert "Sentry responded with 201: The member has been added, and invited if" in result
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
    expect(invite.get_by_label("Response body")).to_contain_text('"pending": true')


def test_does_not_send_what_is_left_empty(ready: Visit, fake: FakeSentry) -> None:
    assert "Sentry responded with 201" in ready.send(INVITE, **ACME, email="alone@example.com")
    assert REQUIRED.keys() == fake.requests[-1].body.keys()


def test_shows_what_a_response_means_and_what_to_do(ready: Visit, fake: FakeSentry) -> None:
    def join(organization: str, member: str, team: str) -> tuple[str, str | None, str]:
        result = ready.send(
            JOIN,
            organization_id_or_slug=organization,
            member_id=fake.member_id(organization, member),
            team_id_or_slug=team,
        )
        response = ready.operation(JOIN).locator(".response")
        advice = response.locator(".advice").inner_text()
        outcome = response.get_attribute("data-outcome")
        return result.replace("Sentry responded with ", ""), outcome, advice

    assert ("201: The member has been added to the team.", "done", "") == join(
        "acme", "target", "backend"
    )
    assert ("204: The member is already on the team.", "done", "") == join(
        "acme", "target", "backend"
    )
    result, outcome, advice = join("closed", "target", "backend")
    assert "202: The member needs permission to join the team" in result
    assert "Nobody has been added yet." in result
    assert ("requested", "") == (outcome, advice)
    meaning = ready.operation(JOIN).locator(".response .meaning")
    expect(meaning).to_have_text("")
    # Screen readers announce it.
    expect(ready.operation(JOIN).locator(".result")).to_have_role("status")
    result, outcome, advice = join("acme", "target", "idp-team")
    assert "403: This team is managed through your organization's identity provider." == result
    # The contract's text is below it.
    expect(meaning).to_contain_text("The token lacks a scope or belongs to another organization")
    assert ("failed", "Add the person to the team in the identity provider.") == (outcome, advice)
    result, outcome, advice = join("acme", "target", "nowhere")
    assert "404: The requested resource does not exist" == result
    expect(meaning).to_contain_text("There is no such organization, member or team")
    assert "Check the slugs and the IDs" in advice


def test_shows_the_body_of_an_error_response(ready: Visit) -> None:
    assert "Sentry responded with 201" in ready.send(INVITE, **ACME, email="twice@example.com")
    result = ready.send(INVITE, **ACME, email="twice@example.com")
    message = "The user twice@example.com has already been invited"
    assert f"Sentry responded with 400: email: {message}" == result
    response = ready.operation(INVITE).locator(".response")
    expect(response).to_contain_text('"The user twice@example.com has already been invited"')
    expect(response).to_contain_text("The invite is pending; this operation can't send it again.")


def test_shows_the_id_that_the_gateway_logs(ready: Visit, served: gateway.Gateway) -> None:
    ready.send(INVITE, **ACME, email="twice@example.com")
    shown = ready.operation(INVITE).locator(".id").inner_text()
    assert f"Request ID: {served.log()[-1]['request_id']}" == shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"detail": {"code": "x", "message": "Two factors.", "extra": {}}}', "Two factors."),
        ('["A list.", "A list."]', "A list."),
        ('"A text."', "A text."),
        ('{"a": ["One.", "Two."], "b": "Three."}', "a: One. a: Two. b: Three."),
        ('{"detail": "Internal Error", "errorId": "1f"}', "Internal Error"),
        ('{"detail": null}', "Sentry, or a proxy in front of it, failed."),
        ("null", "Sentry, or a proxy in front of it, failed."),
        ("", "Sentry, or a proxy in front of it, failed."),
    ],
)
def test_the_headline_is_sentrys_own_message(body: str, message: str, ready: Visit) -> None:
    ready.page.route(re.compile("/api/0/"), lambda route: route.fulfill(status=500, body=body))
    result = ready.send(INVITE, **ACME, email="ada@example.com")
    assert result.startswith(f"Sentry responded with 500: {message}")


def test_the_schema_of_each_response_is_shown(visit: Visit) -> None:
    for name in (INVITE, JOIN):
        responses = visit.operation(name).locator("dl > div")
        for response in responses.all():
            links = response.locator("a[href^='#s-']")
            status = response.get_attribute("data-status")
            assert (status in ("202", "204")) == (links.count() == 0), status
    for target in visit.page.locator("a[href^='#s-']").all():
        name = (target.get_attribute("href") or "").removeprefix("#")
        expect(visit.page.locator(f"[id='{name}']")).to_have_count(1)
    schemas = visit.page.locator("main > section").last
    for text in ("memberCount", "inviterName", "list of string", "any other key"):
        expect(schemas).to_contain_text(text)


def test_shows_a_body_of_html_as_text(ready: Visit, fake: FakeSentry) -> None:
    fake.fail_next(520)
    assert "Sentry responded with 520: Sentry, or a proxy" in ready.send(
        INVITE, **ACME, email="x@y.example"
    )
    body = ready.operation(INVITE).get_by_label("Response body")
    assert "<h1>Error 520</h1>" in body.inner_text()
    expect(ready.operation(INVITE).locator(".advice")).to_contain_text("Repeating it is safe")


def test_says_that_a_response_is_the_gateways_own(
    visit: Visit, served: gateway.Gateway, fake: FakeSentry
) -> None:
    before = len(fake.requests)
    visit.configure(served.url, "another-key-0123456789")
    result = visit.send(INVITE, **ACME, email="ada@example.com")
    assert result.startswith("The gateway responded with 403: The gateway's key")
    visit.configure(served.url, "")
    assert "The gateway responded with 403" in visit.send(INVITE, **ACME, email="ada@example.com")
    assert before == len(fake.requests)


def test_shows_that_the_gateway_got_no_response(ready: Visit, fake: FakeSentry) -> None:
    fake.fail_next("drop-before")
    assert "The gateway responded with 504" in ready.send(INVITE, **ACME, email="ada@example.com")
    expect(ready.operation(INVITE).locator(".advice")).to_contain_text("Repeating it is safe")


def test_shows_that_the_gateway_cannot_be_reached(
    ready: Visit, served: gateway.Gateway, tmp_path: Path
) -> None:
    with gateway.gateway(tmp_path, sentry_url=served.url) as down:
        ready.configure(down.url, down.key)
    result = ready.send(INVITE, **ACME, email="ada@example.com")
    assert f"No response: {down.url} can't be reached." == result
    advice = ready.operation(INVITE).locator(".advice")
    expect(advice).to_contain_text(
        "Either no gateway is there, or it does not allow this page to call"
    )
    expect(advice).to_contain_text(f"GATEWAY_ALLOW_ORIGIN={served.url}")
    assert down.url in ready.requests.pop().url


@pytest.mark.parametrize("allowed", [True, False])
def test_calls_a_gateway_of_another_origin_that_allows_it(
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
        result = ready.send(INVITE, **ACME, email="other@example.com")
    assert (
        "Sentry responded with 201" if allowed else f"No response: {other.url} can't be"
    ) in result
    assert before + allowed == len(fake.requests)
    ready.requests[:] = [request for request in ready.requests if other.url not in request.url]
    ready.console[:] = [line for line in ready.console if "CORS policy" not in line]


def test_send_is_disabled_without_a_valid_url(visit: Visit, served: gateway.Gateway) -> None:
    send = visit.operation(INVITE).get_by_role("button", name="Send")
    hint = visit.operation(INVITE).get_by_text("Enter a gateway URL above to enable sending.")
    for text in ("", "gateway", "ftp://gateway.example", "http://:p@gateway.example", "http://a/?"):
        visit.configure(text, "")
        expect(send).to_be_disabled()
        expect(hint).to_be_visible()
    visit.configure("", "")
    # Without one that is stored, the gateway that serves the page is filled in.
    visit.reload()
    expect(visit.page.get_by_label("Gateway URL")).to_have_value(served.url)
    expect(send).to_be_enabled()
    expect(hint).to_be_hidden()
    assert served.url == visit.page.get_by_label("Gateway URL").input_value()


def test_stores_the_url_in_the_browser_and_the_key_in_the_tab(
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
def test_does_not_store_a_token_entered_as_the_url(url: str, visit: Visit, token: str) -> None:
    visit.page.get_by_label("Gateway URL").fill(url.format(token))
    expect(visit.page.get_by_text("This contains a Sentry token")).to_be_visible()
    assert token not in visit.page.evaluate("JSON.stringify(localStorage)")
    assert token not in "".join(visit.page.locator("pre").all_text_contents())
    visit.page.get_by_label("Gateway URL").fill("")


def test_removes_a_token_entered_as_the_key(visit: Visit, token: str) -> None:
    visit.page.get_by_label("Gateway key").fill(token)
    expect(visit.page.get_by_text("That was a Sentry token")).to_be_visible()
    assert "" == visit.page.get_by_label("Gateway key").input_value()


def test_shows_invalid_input_and_sends_nothing(ready: Visit, served: gateway.Gateway) -> None:
    before, invite = len(ready.requests), ready.operation(INVITE)
    send = invite.get_by_role("button", name="Send")
    ready.fill_required()
    for name, text, error in (
        ("organization_id_or_slug", "", "organization_id_or_slug is required."),
        (
            "organization_id_or_slug",
            "..",
            "This is not a valid organization_id_or_slug: it must match",
        ),
        ("organization_id_or_slug", "a/b", "it must match"),
        ("organization_id_or_slug", "acme", ""),
        ("email", "", "email is required."),
        ("email", "ä" * 76, "At most 75 characters are allowed, not 76."),
        ("email", "ada@example.com", ""),
    ):
        field = invite.get_by_label(name, exact=True)
        field.fill(text)
        if text:
            expect(field).not_to_have_attribute("aria-invalid", "true")
        if error:
            send.click()
            expect(field).to_be_focused()
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(field).to_have_accessible_description(re.compile(re.escape(error)))
    ready.configure(served.url, "a key")
    send.click()
    expect(ready.page.get_by_label("Gateway key")).to_be_focused()
    assert before == len(ready.requests)


def test_a_double_click_sends_one_request(ready: Visit, fake: FakeSentry) -> None:
    before = len(fake.requests)
    fake.fail_next("slow", seconds=0.3)
    button = ready.operation(INVITE).get_by_role("button", name="Send")
    ready.operation(INVITE).get_by_label("organization_id_or_slug").fill("acme")
    ready.operation(INVITE).get_by_label("email", exact=True).fill("once@example.com")
    ready.fill_required()
    button.dblclick()
    assert "Sentry responded with 201" in ready.result(INVITE)
    assert before + 1 == len(fake.requests)


def test_copies_the_code(ready: Visit) -> None:
    ready.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for name, code in zip(("Python", "curl"), ready.code(INVITE), strict=True):
        ready.operation(INVITE).get_by_role("button", name=f"Copy {name}").click()
        copied = ready.operation(INVITE).get_by_text("Copied.")
        expect(copied).to_be_visible()
        expect(copied).to_have_role("status")
        assert code == ready.page.evaluate("navigator.clipboard.readText()")


def test_selects_the_code_if_the_clipboard_is_not_available(visit: Visit) -> None:
    """As on a page that another machine serves without TLS."""
    visit.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    visit.operation(INVITE).get_by_role("button", name="Copy curl").click()
    expect(visit.operation(INVITE).get_by_text("Selected: copy it")).to_be_visible()
    assert visit.code(INVITE)[1] == visit.page.evaluate("String(getSelection())")


def test_works_with_the_keyboard_alone(
    visit: Visit, served: gateway.Gateway, fake: FakeSentry
) -> None:
    keyboard = visit.page.keyboard

    def tab_to(label: str, operation: str = INVITE) -> None:
        """Press Tab until a control has the focus, and check that it shows so."""
        for _ in range(100):
            keyboard.press("Tab")
            focused = visit.page.locator(":focus-visible")
            name = focused.evaluate("e => e.labels?.[0]?.textContent ?? e.textContent")
            place = focused.evaluate("e => e.closest('article')?.id ?? ''")
            if (label, operation) == (name.strip(), place):
                assert "none" != focused.evaluate("e => getComputedStyle(e).outlineStyle")
                return
        raise AssertionError(f"{label} can't be reached")

    tab_to("Gateway URL", "")
    keyboard.type(served.url)
    tab_to("Gateway key", "")
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
    assert "Sentry responded with 201" in visit.result(INVITE)
    sent = fake.requests[-1].body
    assert ("manager", [{"teamSlug": "frontend", "role": None}]) == (
        sent["orgRole"],
        sent["teamRoles"],
    )


def test_works_in_a_browser_that_stores_nothing(browser: Browser, served: gateway.Gateway) -> None:
    with browser.new_context(base_url=served.url, reduced_motion="reduce") as context:
        context.add_init_script(
            "for (const area of ['localStorage', 'sessionStorage'])"
            " Object.defineProperty(window, area, {get() { throw new DOMException('denied'); }})"
        )
        visit = Visit(context)
        visit.configure(served.url, served.key)
        assert "Sentry responded with 201" in visit.send(INVITE, **ACME, email="unkept@example.com")
