"""The notebooks of this repository: current, and complete."""

from __future__ import annotations

import re
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


def cells(section: str) -> list[nbformat.NotebookNode]:
    path = next((ROOT / "notebooks").glob(f"*_{section}/{section}.ipynb"))
    return nbformat.read(path, as_version=4).cells


@pytest.mark.parametrize("section", exercises.sections())
def test_minutes_points_and_difficulty_add_up(section):
    """What a student reads in the overview, against the exercises and against its own last line."""
    text = "\n".join(c.source for c in cells(section) if c.cell_type == "markdown")
    rows = re.findall(r"^\| (\d+) \| (.+?) \| ([\d.]+) \| (\d+) \| (\S+) \|$", text, re.MULTILINE)
    ((points, minutes),) = re.findall(
        r"^\| \| \*\*Together\*\* \| \*\*([\d.]+)\*\* \| \*\*(\d+)\*\* \|", text, re.MULTILINE
    )
    assert [int(n) for n, *_ in rows] == list(range(1, len(rows) + 1))
    assert sum(float(row[2]) for row in rows) == float(points)
    assert sum(int(row[3]) for row in rows) == int(minutes)
    told = {title: (float(p), int(m), dots) for _, title, p, m, dots in rows}
    for e in exercises.of_section(section):
        dots = "●" * e.difficulty + "○" * (3 - e.difficulty)
        assert told.pop(e.title) == (e.points, e.minutes, dots)
        card = f"about {e.minutes} minute{'s' * (e.minutes != 1)} · difficulty {dots}"
        assert card in text.split(f"### `{e.function}")[1].split("###")[0]
    assert all(dots == "written" or "challenge" in title.lower() for title, (_, _, dots) in told.items())


@pytest.mark.parametrize("section", exercises.sections())
def test_each_notebook_helps_asks_and_shows_progress(section):
    code = [c.source for c in cells(section) if c.cell_type == "code"]
    (helped,) = [c.source for c in cells(section) if "## Help — I get …" in c.source]
    assert helped.count("<details>") == helped.count("</details>") >= 2
    assert code[-1] == f'progress("{section}")'
    asked = [i for i, source in enumerate(code) if source.startswith(f'guess = predict("{section}.')]
    assert asked or section == "tour"
    assert all(code[i + 1] == "guess.show()" for i in asked), "the next cell runs the experiment and compares"
