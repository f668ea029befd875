"""A plugin of pytest that runs each test with one case for each client, sync and async."""

import pytest


@pytest.hookimpl(trylast=True)  # after those marked `slow` were left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    first: dict[tuple[str, bool], pytest.Item] = {}
    for item in items:
        test, _, case = item.nodeid.partition("[")
        first.setdefault((test, "async" in case), item)
    kept = {*first.values()}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = first.values()
