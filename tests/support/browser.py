"""The reference page in a real browser, and what the browser asks and says meanwhile."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Request, sync_playwright

from tests.support import programs
from tests.support.repo_copy import ROOT

# Chromium asks nobody for anything but the page.
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
    """Make the page of a contract, as `make reference` does."""
    command = [sys.executable, "-m", "overlays.reference.render", str(source), str(site)]
    subprocess.run(command, cwd=ROOT, check=True)


@contextmanager
def chromium() -> Generator[Browser]:
    """Run Debian's Chromium, unseen.

    While it runs, its thread is taken for one with an event loop: no asyncio beside it.
    """
    path = programs.find("chromium")
    flags = [*_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


class Visit:
    """The page in a tab, and whatever its browser asks and says from the first request on.

    Attributes:
        page: The page.
        requests: What was asked.
        said: What the console showed, such as an offence against the Content-Security-Policy.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[Request] = []
        self.said: list[str] = []
        self._past: list[str] = []
        context.set_default_timeout(5_000)
        context.on("request", lambda request: self.requests.append(request))
        context.on("console", lambda message: self.said.append(message.text))
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        self.page = context.new_page()
        self.page.goto("/")

    def reload(self) -> None:
        # The browser forgets the answers to what was asked before.
        self._past.append(self.traces())
        self.requests.clear()
        self.page.reload()

    def configure(self, url: str, key: str) -> None:
        """Fill in where the gateway is."""
        self.page.get_by_label("Gateway URL").fill(url)
        self.page.get_by_label("Gateway key").fill(key)

    def operation(self, number: int) -> Locator:
        """An operation, by its place in the contract."""
        return self.page.get_by_role("article").nth(number)

    def send(self, number: int, **fields: str) -> str:
        """Fill in an operation's fields, send it, and read what is said of the answer."""
        operation = self.operation(number)
        for name, text in fields.items():
            operation.get_by_label(name, exact=True).fill(text)
        operation.get_by_role("button", name="Send").click()
        return self.answer(number)

    def answer(self, number: int) -> str:
        """What is said of the answer, once it is there."""
        said = self.operation(number).locator(".said").filter(has_text=": ")
        said.wait_for()
        return said.inner_text()

    def code(self, number: int) -> tuple[str, str]:
        """The Python and the shell of an operation, as the browser shows them."""
        python, curl = self.operation(number).locator("figure pre").all()
        return python.inner_text(), curl.inner_text()

    def traces(self) -> str:
        """All that the page holds, keeps and has sent and received."""
        held: str = self.page.evaluate(
            """() => [
                document.documentElement.outerHTML,
                ...[...document.querySelectorAll("input, select")].map((input) => input.value),
                ...Object.values({ ...localStorage, ...sessionStorage }),
                document.cookie,
            ].join("\\n")"""
        )
        return "\n".join([*self._past, held, *map(_trace, self.requests)])


def _trace(request: Request) -> str:
    parts: list[Any] = [request.url, request.all_headers(), request.post_data]
    response = request.response()
    if response and response.status != HTTPStatus.NOT_MODIFIED:
        parts += [response.all_headers(), response.body()]
    return " ".join(map(str, parts))
