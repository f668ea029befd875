"""Requests and responses, as they pass through the fake."""

import json
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
from sentry_members.scopes import Operation


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request that reached the fake.

    Attributes:
        method: The method.
        path: The path as it was sent, with the query.
        headers: The headers, without `Authorization`.
        body: The parsed body if it is JSON, otherwise text; None if it is empty.
        operation: The operation; None if the path belongs to none.
        status: The status code of the response, even if the response was dropped; None if the
            connection was dropped before the request took effect.
    """

    method: str
    path: str
    headers: httpx.Headers
    body: Any
    operation: Operation | None
    status: int | None


class Request:
    """A request; the operation and the path arguments that it is for are found later."""

    def __init__(self, method: str, target: str, headers: httpx.Headers, body: bytes) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        # The server routes by the decoded path, in which an encoded slash is a slash.
        self.path = unquote(target.partition("?")[0])
        self.operation: Operation | None = None
        self.arguments: tuple[str, ...] = ()

    def received(self, status: int) -> ReceivedRequest:
        """Return the record of the request that the fake keeps, with the response's status code."""
        headers = self.headers.copy()
        headers.pop("Authorization", None)
        body: Any = self.body.decode(errors="replace") or None
        with suppress(ValueError, RecursionError):
            body = json.loads(self.body)
        return ReceivedRequest(
            self.method, self.target, headers, body, self.operation, status or None
        )


@dataclass(slots=True)
class Response:
    """A response that comes `seconds` late, or is `lost` by a fault; status 0 means no response."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    seconds: float = 0.0
    lost: str | None = None


class Refused(Exception):
    """A request failed a check; holds the response."""

    def __init__(
        self, status: int, value: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        self.response = Response(status) if value is None else json_response(status, value)
        self.response.headers |= headers or {}


def json_response(status: int, value: Any) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response(status, body, {"Content-Type": "application/json"})


def html_response(status: int, text: str = "") -> Response:
    return Response(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


def coded_detail(code: str, message: str, **extra: str) -> dict[str, Any]:
    """Build the body of an error that has a code for programs."""
    return {"detail": {"code": code, "message": message, "extra": extra}}


def internal_error() -> dict[str, str]:
    """Build the body of a 500."""
    return {"detail": "Internal Error", "errorId": uuid.uuid4().hex}
