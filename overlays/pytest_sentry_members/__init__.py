"""The pytest fixture that comes with the package: a fake Sentry, ready-made."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sentry_members_testing import FakeSentry


@pytest.fixture
def fake_sentry() -> "FakeSentry":
    """A fresh `FakeSentry.example()`, with the organizations `acme` and `closed`."""
    # Imported here, so that test runs without the fixture don't pay for it.
    from sentry_members_testing import FakeSentry

    return FakeSentry.example()
