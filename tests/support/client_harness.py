"""The clients, sync and async, behind one way of calling them."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from sentry_members import AsyncSentryMembers, NewMember, SentryMembers

USER_TOKEN = "sntryu_" + "0123456789abcdef" * 4

Handler = Callable[[httpx.Request], httpx.Response]


class Caller:
    """Calls an operation of a client whose requests a handler answers; keeps the requests.

    Attributes:
        mode: `"sync"` or `"async"`.
    """

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.requests: list[httpx.Request] = []

    def transport(self, handler: Handler) -> Any:
        def kept(request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            return handler(request)

        return httpx.MockTransport(kept)

    def call(self, handler: Handler, operation: str, *arguments: Any, options: Any = None) -> Any:
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
        body = NewMember(email=email, **fields)
        return self.call(handler, operation, "acme", body, options=options)

    def join(self, handler: Handler, team: str = "backend", options: Any = None) -> Any:
        operation = "add_an_organization_member_to_a_team"
        return self.call(handler, operation, "acme", "8", team, options=options)


def answering(*answers: httpx.Response | Exception) -> Handler:
    """A handler that gives these answers one after the other, the last one for ever."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, Exception):
            raise given
        return httpx.Response(
            given.status_code, headers=given.headers, stream=httpx.ByteStream(given.content)
        )

    return answer
