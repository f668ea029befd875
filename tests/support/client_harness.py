"""Calls the sync and the async client in one way, with prepared responses."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from sentry_members import AsyncSentryMembers, SentryMembers

from tests.support.new_member import new_member

USER_TOKEN = "sntryu_" + "0123456789abcdef" * 4

Handler = Callable[[httpx.Request], httpx.Response]


class Caller:
    """Calls the operations of a client whose requests a handler responds to.

    Attributes:
        mode: `"sync"` or `"async"`.
        requests: The requests that the client has sent.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.requests: list[httpx.Request] = []

    def transport(self, handler: Handler) -> Any:
        """Return an httpx transport that records each request and passes it to the handler."""

        def record(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return handler(request)

        return httpx.MockTransport(record)

    def call(self, handler: Handler, operation: str, *arguments: Any, options: Any = None) -> Any:
        """Call an operation of a new client, which is made with these options."""
        options = {"token": USER_TOKEN, "transport": self.transport(handler), **(options or {})}
        if self.mode == "sync":
            with SentryMembers(**options) as client:
                return getattr(client, operation)(*arguments)

        async def call() -> Any:
            async with AsyncSentryMembers(**options) as client:
                return await getattr(client, operation)(*arguments)

        return asyncio.run(call())

    def invite(
        self,
        handler: Handler,
        email: str = "ada@example.com",
        options: Any = None,
        **fields: Any,
    ) -> Any:
        operation = "add_a_member_to_an_organization"
        body = new_member(email=email, **fields)
        return self.call(handler, operation, "acme", body, options=options)

    def join(self, handler: Handler, team: str = "backend", options: Any = None) -> Any:
        operation = "add_an_organization_member_to_a_team"
        return self.call(handler, operation, "acme", "8", team, options=options)


def responding(*responses: httpx.Response | Exception) -> Handler:
    """Return a handler that gives these responses in turn, and the last one from then on.

    An exception is raised in place of a response.
    """
    remaining = list(responses)

    def respond(request: httpx.Request) -> httpx.Response:
        response = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if isinstance(response, Exception):
            raise response
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx.ByteStream(response.content),
        )

    return respond
