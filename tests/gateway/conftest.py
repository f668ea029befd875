"""One gateway for all tests, in front of a server that records the requests it receives."""

from collections.abc import Generator

import pytest

from tests.support.gateway import TOKEN, Gateway, gateway
from tests.support.raw_server import Recorder, recorder


@pytest.fixture(scope="session")
def token() -> str:
    return TOKEN


@pytest.fixture(scope="session")
def shared_upstream() -> Generator[Recorder]:
    with recorder() as server:
        yield server


@pytest.fixture(scope="session")
def gate(shared_upstream: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(folder, sentry_url=shared_upstream.url(), token=TOKEN) as running:
        yield running


@pytest.fixture
def upstream(shared_upstream: Recorder) -> Recorder:
    """A server in Sentry's place, reset: it has no requests yet and responds with 204."""
    shared_upstream.reset()
    return shared_upstream
