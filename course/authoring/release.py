"""nbgrader makes the student version, the same way here, in `nbgrader generate_assignment` and in formgrader."""

from __future__ import annotations

import logging
import os
import re
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.converters import GenerateAssignment, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearSolutions
from traitlets import Bool, Dict, Unicode
from traitlets.config import Config

from course.authoring.cells import AuthoringError
from course.authoring.regions import CODE_STUB, TEXT_STUB, student_text

SOURCE_DIRECTORY, RELEASE_DIRECTORY = "build/instructor", "notebooks"
GRADED_CLASS = """\
# This notebook is part of a graded class: hints are switched off.
from course.study import hints_off

hints_off()"""


class StudentVersion(ClearSolutions):
    """nbgrader's `ClearSolutions`, which also knows `### STUDENT` parts and lets no line of a solution through.

    `c.StudentVersion.hints = False` in a class's nbgrader_config.py is for a graded class: the notebook gets a locked
    cell that switches hints off.
    """

    code_stub = Dict({"python": CODE_STUB}, help="What students get in place of code").tag(config=True)
    text_stub = Unicode(TEXT_STUB, help="What students get in place of a written answer").tag(config=True)
    hints = Bool(True, help="Whether students are offered hints; False for a graded class").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """The student version; for a graded class with its locked cell, below the imports."""
        nb, resources = super().preprocess(nb, resources)
        if not self.hints:
            imports = next(i for i, cell in enumerate(nb.cells) if cell.cell_type == "code")
            nb.cells.insert(imports + 1, _graded_class())
        return nb, resources

    def _replace_solution_region(self, cell: Any, language: str) -> bool:
        student = student_text(cell.source, cell.cell_type, self.code_stub[language], self.text_stub)
        replaced, cell.source = student != cell.source, student
        return replaced


def _graded_class() -> NotebookNode:
    marks = {"grade": False, "grade_id": "graded-class", "locked": True, "solution": False, "task": False}
    metadata = {"nbgrader": {**marks, "schema_version": 3}, "deletable": False, "editable": False}
    return new_code_cell(GRADED_CLASS, id="graded-class", metadata=metadata)


def release_preprocessors() -> list[type]:
    """nbgrader's own list for `generate_assignment`, with our way of taking solutions out."""
    default = GenerateAssignment.class_traits()["preprocessors"].default()
    return [StudentVersion if p is ClearSolutions else p for p in default]


def generate(course: Path, assignment: str) -> Path:
    """Let nbgrader make `notebooks/<assignment>` of `build/instructor/<assignment>`, both below `course`.

    The gradebook is left out of it: it would not change the notebooks, and setting one up takes nbgrader
    several seconds. `nbgrader generate_assignment` enters the assignment when there is a class to grade.

    Raises:
        AuthoringError: nbgrader failed; with what it said.
    """
    config = Config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.source_directory = SOURCE_DIRECTORY
    config.CourseDirectory.release_directory = RELEASE_DIRECTORY
    config.CourseDirectory.assignment_id = assignment
    config.GenerateAssignment.preprocessors = release_preprocessors()
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    log, said = _listening_log()
    directory = CourseDirectory(config=config, log=log)
    try:
        GenerateAssignment(coursedir=directory, config=config, log=log).start()
    except (NbGraderException, OSError) as e:
        raise AuthoringError(f"nbgrader could not make {assignment}: {e}\n" + "\n".join(said)) from e
    return course / RELEASE_DIRECTORY / assignment


@contextmanager
def scripts_on_path() -> Iterator[None]:
    """Put this environment's scripts on PATH: nbgrader calls `alembic`, and a venv need not be activated."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join(p for p in (sysconfig.get_path("scripts"), before) if p)
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _listening_log() -> tuple[logging.Logger, list[str]]:
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(re.sub(r"\x1b\[[\d;]*m", "", record.getMessage()).strip())

    log = logging.Logger("course.authoring.nbgrader", logging.WARNING)
    log.addHandler(Listener())
    return log, said
