"""The reference page in a real browser, with the requests and the console output of a visit."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Request, expect, sync_playwright

from tests.support import programs
from tests.support.new_member import BESIDES_EMAIL
from tests.support.repo_copy import ROOT

INVITE, JOIN = "addAMemberToAnOrganization", "addAnOrganizationMemberToATeam"

# Without background services, Chromium sends no requests but the page's.
_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)


def render(source: Path, site: Path) -> None:
    """Write the page of a contract, as `make reference` does."""
    command = [sys.executable, "-m", "overlays.reference.render", str(source), str(site)]
    subprocess.run(command, cwd=ROOT, check=True)


@contextmanager
def chromium() -> Generator[Browser]:
    """Run Debian's Chromium without a window while the context lasts.

    Playwright keeps an event loop in this thread meanwhile, so asyncio can't be used in it.
    """
    path = programs.find("chromium")
    flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


class Visit:
    """The page in a new tab.

    Attributes:
        page: The page.
        requests: All requests since the last reload, including the one for the page.
        console: The messages of the console, such as violations of the Content-Security-Policy.
    """

    def __init__(self, context: BrowserContext, *, has_script: bool = True) -> None:
        self.requests: list[Request] = []
        self.console: list[str] = []
        self._past: list[str] = []
        context.set_default_timeout(5_000)
        context.on("request", lambda request: self.requests.append(request))
        context.on("console", lambda message: self.console.append(message.text))
        context.on("weberror", lambda error: self.console.append(str(error.error)))
        self.page = context.new_page()
        self.page.goto("/")
        if has_script:
            # The page asks whether a gateway serves it.
            expect(self.page.get_by_label("Gateway URL")).not_to_have_value("")

    def reload(self) -> None:
        """Reload the page, keeping the traces of the requests so far."""
        # The browser drops the responses of a page that is left.
        self._past.append(self.traces())
        self.requests.clear()
        self.page.reload()

    def configure(self, url: str, key: str) -> None:
        """Fill in the URL and the key of the gateway."""
        self.page.get_by_label("Gateway URL").fill(url)
        self.page.get_by_label("Gateway key").fill(key)

    def operation(self, name: str) -> Locator:
        """Return the section of an operation."""
        return self.page.locator(f"article#{name}")

    def fill_required(self) -> None:
        """Fill in what an invite requires besides the e-mail address, where it is empty."""
        for name, value in BESIDES_EMAIL.items():
            control = self.operation(INVITE).get_by_label(name, exact=True)
            if not control.input_value():
                fill = control.select_option if control.locator("option").count() else control.fill
                fill(json.dumps(value).strip('"'))

    def send(self, name: str, **fields: str) -> str:
        """Fill in fields of an operation, send it, and return the line on its result."""
        operation = self.operation(name)
        if name == INVITE:
            self.fill_required()
        for label, text in fields.items():
            operation.get_by_label(label, exact=True).fill(text)
        operation.get_by_role("button", name="Send").click()
        return self.result(name)

    def result(self, name: str) -> str:
        """Wait for the line on an operation's result and return it."""
        result = self.operation(name).locator(".result").filter(has_text=": ")
        result.wait_for()
        return result.inner_text()

    def code(self, name: str) -> tuple[str, str]:
        """Return the Python and the curl command that the page shows for an operation."""
        python, curl = self.operation(name).locator("figure pre").all()
        return python.inner_text(), curl.inner_text()

    def traces(self) -> str:
        """Return everything that the page shows, stores, has sent and has received."""
        state: str = self.page.evaluate(
            """() => [
                document.documentElement.outerHTML,
                ...[...document.querySelectorAll("input, select")].map((input) => input.value),
                ...Object.values({ ...localStorage, ...sessionStorage }),
                document.cookie,
            ].join("\\n")"""
        )
        return "\n".join([*self._past, state, *map(_trace, self.requests)])


def _trace(request: Request) -> str:
    parts: list[Any] = [request.url, request.all_headers(), request.post_data]
    response = request.response()
    if response and response.status != HTTPStatus.NOT_MODIFIED:
        parts += [response.all_headers(), response.body()]
    return " ".join(map(str, parts))
