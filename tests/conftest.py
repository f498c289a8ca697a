"""Every test starts from the same surroundings: one thread, and none of the variables that change a verdict."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: more threads only wait for each other

EACH_ALONE = ("test_notebooks.py", "test_mutants.py")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in this same hook, and must find them
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes, tests of one file stay together, for the sake of their fixtures; long files do not."""
    for item in items:
        if item.path.name not in EACH_ALONE:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NBGRADER_EXECUTION", "COURSE_SEED"):
        monkeypatch.delenv(name, raising=False)
