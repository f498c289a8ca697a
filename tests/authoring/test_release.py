"""What a class's settings do to the student version: a graded class gets no hints."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from course.authoring import build
from course.grading.settings import configure
from course.study.settings import hints_on


def released(checkout: Path, folder: str, **student_version: object) -> list[nbformat.NotebookNode]:
    """The cells that nbgrader's own converter releases with a class's settings."""
    config = Config()
    configure(config)
    config.StudentVersion.update(student_version)
    config.CourseDirectory.update(
        root=str(checkout),
        source_directory="build/instructor",
        release_directory=folder,
        assignment_id="01_slopes",
    )
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()
    return nbformat.read(checkout / folder / "01_slopes" / "slopes.ipynb", as_version=4).cells


def test_a_graded_class_gets_a_locked_cell_that_switches_hints_off(checkout, registry, monkeypatch):
    build(checkout, exercises=registry)
    plain, graded = released(checkout, "plain"), released(checkout, "graded", hints=False)
    at = next(i for i, cell in enumerate(plain) if cell.cell_type == "code") + 1
    added = graded.pop(at)
    assert [(c.id, c.source) for c in graded] == [(c.id, c.source) for c in plain], "nothing else changes"
    marks = added.metadata.nbgrader
    assert (marks.locked, marks.grade, marks.solution) == (True, False, False)
    assert marks.checksum, "nbgrader restores it before grading"
    assert (added.metadata.editable, added.metadata.deletable) == (False, False)
    assert "graded class" in added.source.splitlines()[0]

    monkeypatch.setenv("COURSE_HINTS", "")
    assert hints_on()
    exec(added.source, {})
    assert os.environ["COURSE_HINTS"] == "off"
    assert not hints_on()
