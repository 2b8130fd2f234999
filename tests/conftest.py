"""The order of the files: those with slow tests first, so that all workers end at the same time."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist: it begins with many tests,
        config.option.loadscopereorder = False  # and would leave a file of one long test to the end


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
