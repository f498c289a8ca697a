"""`import course` is cheap, knows its rooms, and says what it does not have."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import course

HEAVY = (
    "torch",
    "torchvision",
    "IPython",
    "jupyter_client",
    "ipywidgets",
    "matplotlib",
    "numpy",
    "nbgrader",
    "sklearn",
)

MEASURE = """
import json, sys, time
started = time.process_time()
{code}
seconds = time.process_time() - started
print(json.dumps([seconds, sorted(name for name in sys.modules if "." not in name)]))
"""


def measured(code: str) -> tuple[float, set[str]]:
    """Seconds of processor time (best of three), and the top-level modules in memory afterwards."""
    runs = []
    for _ in range(3):
        command = [sys.executable, "-c", MEASURE.format(code=code)]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        runs.append(json.loads(run.stdout))
    return min(seconds for seconds, _ in runs), set(runs[0][1])


@pytest.mark.parametrize(("code", "limit"), [("import course", 0.2), ("import course.cli", 0.4)])
def test_importing_is_cheap(code: str, limit: float) -> None:
    seconds, modules = measured(code)
    assert not modules & set(HEAVY)
    assert seconds < limit


def test_the_rooms_are_there() -> None:
    assert {"check", "exercises", "descent", "effects", "widgets", "data", "grading"} <= set(dir(course))
    assert course.exercises.get("descent.gd_step").function == "gd_step"
    assert callable(course.check.check)


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = course.nonsense
    assert not hasattr(course, "torch")


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert course.__version__ == version("cv-course")
