from tests.support.fixtures import elsewhere, waits

__all__ = ["elsewhere", "waits"]
