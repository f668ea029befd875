from tests.support.fixtures import caller, elsewhere, waits

__all__ = ["caller", "elsewhere", "waits"]
