"""Every test starts from the same surroundings: one thread, and none of the variables that change a verdict."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import pytest

from course import lean  # noqa: F401  (before a test imports nbformat)

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: more threads only wait for each other

_PROGRESS = tempfile.TemporaryDirectory(prefix="cv-course-progress-")
os.environ["COURSE_HOME"] = _PROGRESS.name  # what a test passes is nobody's progress

# Long files whose tests need no common fixture, so that any process may take any of them …
EACH_ALONE = ("test_notebooks.py", "test_mutants.py")
# … or any of their cases, with all tests of it: these share what is computed for that case.
CASE_BY_CASE = ("test_every_effect.py",)

# … while these are one, because each would grade the same class again.
TOGETHER = ("grading/test_class.py", "grading/batch/test_both_ways.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several processes, tests of one file stay together, for the sake of their fixtures; long files do not."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            if file.endswith(CASE_BY_CASE):
                return f"{file}{test.partition('[')[2].rpartition('-')[2]}"
            if file.endswith(TOGETHER):
                return TOGETHER[0]
            return nodeid if file.endswith(EACH_ALONE) else file

    return ByFile(config, log)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NBGRADER_EXECUTION", "COURSE_SEED", "COURSE_HINTS"):
        monkeypatch.delenv(name, raising=False)
