"""Calls are visible to sentry_sdk and to OpenTelemetry."""

import json
from collections.abc import Iterator

import httpx
import pytest
import sentry_sdk
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sentry_members import SentryMembers

from tests.support.client_harness import USER_TOKEN
from tests.support.endings import MemoryTransport
from tests.support.raw_server import Recorder, recorder
from tests.support.readme import Readme
from tests.support.repo_copy import ROOT

ARGUMENTS = ("acme", "8", "backend")


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as server:
        yield server


def test_opentelemetry_makes_a_span_of_each_request(server: Recorder) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    try:
        with SentryMembers(token=USER_TOKEN, url=server.url()) as sentry:
            sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
    finally:
        HTTPXClientInstrumentor().uninstrument()
    [span] = spans.get_finished_spans()
    assert "POST" == span.name
    assert USER_TOKEN[7:] not in span.to_json()


class Counted(httpx.BaseTransport):
    """Knows how many were made and closed."""

    made = closed = 0

    def __len__(self) -> int:
        return 0  # A transport may be empty, and counts as one all the same.

    def __init__(self, own: httpx.BaseTransport) -> None:
        Counted.made += 1
        self._own = own

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    def close(self) -> None:
        Counted.closed += 1
        self._own.close()


@pytest.mark.parametrize("is_given", [False, True])
def test_closing_makes_no_connections(is_given: bool, server: Recorder) -> None:
    """An interrupted call drops the client's own, and leaves those of the caller."""
    Counted.made = Counted.closed = 0
    transport = Counted(httpx.HTTPTransport()) if is_given else Counted
    with (
        SentryMembers(token=USER_TOKEN, url=server.url(), transport=transport) as sentry,
        pytest.raises(KeyboardInterrupt),
    ):
        sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
    assert (1, is_given) == (Counted.made, Counted.closed)


def test_the_transport_of_the_readme_makes_a_span_for_sentry_sdk(server: Recorder) -> None:
    [code] = [
        code
        for code in Readme(ROOT / "overlays/sentry_members/README.md").python
        if "start_span" in code
    ]
    names: dict[str, type[httpx.BaseTransport]] = {}
    exec(code.partition("\n\nwith ")[0], names)  # noqa: S102 - the README's own
    transport = MemoryTransport()
    sentry_sdk.init(
        "https://key@sentry.example/1",
        transport=transport,
        traces_sample_rate=1.0,
        auto_enabling_integrations=False,  # Some import what this Python warns of.
    )
    with (
        SentryMembers(token=USER_TOKEN, url=server.url(), transport=names["Traced"]) as sentry,
        sentry_sdk.start_transaction(name="test"),
    ):
        sentry.add_an_organization_member_to_a_team(*ARGUMENTS)
    sentry_sdk.flush()
    events = b"".join(transport.events).decode()
    transaction = next(json.loads(line) for line in events.splitlines() if '"spans"' in line)
    [span] = transaction["spans"]
    assert ("http.client", "204") == (span["op"], str(span["data"]["http.response.status_code"]))
    assert USER_TOKEN[7:] not in events
