"""The notebooks of this repository: current, and complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from course import exercises
from course.authoring import build, solutions, solved
from course.check import verdict

ROOT = Path(__file__).parents[2]


def test_the_committed_notebooks_are_what_the_sources_give():
    assert [b.advice() for b in build(ROOT, check=True) if not b.ok] == []


@pytest.mark.parametrize("section", exercises.sections())
def test_every_exercise_can_be_solved_in_its_notebook(section):
    notebook = {c.id: c for c in solved(section, ROOT).cells}
    answers = solutions(section, ROOT)
    for exercise in exercises.of_section(section):
        assert notebook[exercise.function].source == answers[exercise.function]
        assert answers[exercise.function].startswith((f"def {exercise.function}(", f"class {exercise.function}"))
        check = notebook[f"check-{exercise.function}"]
        assert check.metadata.nbgrader.points == exercise.points
        assert check.source.endswith(f'check("{exercise.name}", {exercise.function})')


@pytest.mark.parametrize("exercise", exercises.every(), ids=lambda e: e.name)
def test_what_students_start_from_is_called_unwritten_not_wrong(exercise):
    """The stub and the check agree; code that is handed out to be repaired is wrong from the start."""
    path = next((ROOT / "notebooks").glob(f"*_{exercise.section}/{exercise.section}.ipynb"))
    cells = {c.id: c.source for c in nbformat.read(path, as_version=4).cells}
    imports = "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n"
    namespace: dict[str, Any] = {}
    exec(imports + cells[exercise.function], namespace)
    found = verdict(exercise, namespace[exercise.function], seed=1)
    assert (found.status, found.points) == ("failed" if exercise.given else "unwritten", 0)
