"""One gateway for all tests, before a server that keeps what arrives."""

from collections.abc import Generator

import pytest

from tests.support.gateway import Gateway, gateway
from tests.support.raw_server import Recorder, recorder

TOKEN = "sntryu_" + "0123456789abcdef" * 4


@pytest.fixture(scope="session")
def token() -> str:
    return TOKEN


@pytest.fixture(scope="session")
def one_upstream() -> Generator[Recorder]:
    with recorder() as server:
        yield server


@pytest.fixture(scope="session")
def gate(one_upstream: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway(folder, sentry_url=one_upstream.url(), token=TOKEN) as running:
        yield running


@pytest.fixture
def upstream(one_upstream: Recorder) -> Recorder:
    """What stands where Sentry does; it has received nothing, and answers 204."""
    one_upstream.reset()
    return one_upstream
