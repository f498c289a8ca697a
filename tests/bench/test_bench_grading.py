"""The bench of grading: what it says of its numbers, and that it refuses to compare different scores."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from course.bench import grading

ROWS = [
    {"way": "nbgrader autograde", "submissions": 10, "seconds": 120.0, "each": 12.0},
    {"way": "course autograde", "submissions": 100, "seconds": 40.0, "each": 0.4, "beyond_own_code": 0.21},
]


def test_it_says_what_was_timed_and_on_how_many() -> None:
    said = grading.sentence(ROWS)
    for words in ("100 submissions in 40 s", "30 times as fast", "timed on 10", "takes 0.21 s"):
        assert words in said


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    grading._plot(ROWS, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert grading._table(ROWS).row_count == 2


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="sh -c echo lost; exit 3 failed: lost"):
        grading.timed(["sh", "-c", "echo lost; exit 3"], tmp_path)


def test_different_scores_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts") + os.pathsep + os.environ["PATH"])  # for alembic
    (tmp_path / "source" / "03_descent").mkdir(parents=True)
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        gradebook.add_assignment("03_descent")
        gradebook.add_notebook("descent", "03_descent")
        gradebook.add_grade_cell("check-gd_step", "descent", "03_descent", max_score=1, cell_type="code")
        gradebook.add_student("ada")
        gradebook.add_submission("03_descent", "ada")
        gradebook.find_grade("check-gd_step", "descent", "03_descent", "ada").auto_score = 1.0
        gradebook.db.commit()
    grading._compare([tmp_path], {"ada": 1.0})
    with pytest.raises(RuntimeError, match=r"ada has 1.0 points from nbgrader and 0.5 from us"):
        grading._compare([tmp_path], {"ada": 0.5})


def test_a_class_has_the_solved_notebook_and_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course.grading.classroom.Classroom.release", lambda _: None)
    monkeypatch.setattr("course.grading.classroom.Classroom.notebook", lambda self: _blank(self.folder))
    folder, names = grading._class(tmp_path / "class", 12)
    assert names[0] == "student000"
    assert grading._assignment(folder) == "03_descent"
    texts = {(folder / "submitted" / name / "03_descent/descent.ipynb").read_text() for name in names}
    assert len(texts) == 12


def _blank(folder: Path) -> object:
    import nbformat

    return nbformat.read(Path(grading.__file__).parents[2] / "notebooks/03_descent/descent.ipynb", as_version=4)
