"""The pytest fixture `fake_sentry`."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sentry_members_testing import FakeSentry


@pytest.fixture
def fake_sentry() -> "FakeSentry":
    """Return a new `FakeSentry.example()`, with the organizations `acme` and `closed`."""
    # Imported here so that test runs without the fixture don't import httpx and the client.
    from sentry_members_testing import FakeSentry

    return FakeSentry.example()
