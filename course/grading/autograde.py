"""nbgrader's `Autograde`, for submissions as they come: a file that cannot be graded earns 0 and an explanation."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader import preprocessors as stock
from nbgrader import utils
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, NbGraderException
from nbgrader.converters.base import BaseConverter
from traitlets import Integer, Unicode

from course.grading.cells import is_check, released_cells
from course.grading.handed_in import MEGABYTE, Unreadable, collect, handed_in_at, read_submission
from course.grading.places import Missing, own_files
from course.grading.remarks import error_output
from course.grading.verdict.seeds import beside


class Autograder(Autograde):
    """Grades submissions of one assignment.

    What cannot be read (no file, no notebook, too large) is replaced by a short notebook that says so: it goes
    through nbgrader like any other, so the gradebook, formgrader and the feedback page all tell the same story.
    """

    max_bytes = Integer(20 * MEGABYTE, help="Largest file of a submission that is looked at").tag(config=True)
    refusal = Unicode(help="Grade nothing, and give this reason")
    _too_much = ""

    def init_notebooks(self) -> None:
        """The notebooks that the assignment has, whether they were handed in or not.

        Raises:
            NbGraderException: none was, or the assignment's own files cannot be read.
        """
        self.coursedir.get_existing_timestamp = lambda folder: handed_in_at(Path(folder))
        assignment, student = self.coursedir.assignment_id, self.coursedir.student_id
        folders = sorted(glob.glob(self._format_source(assignment, student)))
        if self.coursedir.notebook_id != "*" or not folders:
            super().init_notebooks()  # it says what is missing
            return
        self._own_files(assignment)  # now: later, what was graded before is gone
        names = self._notebooks(assignment)
        self.assignments = {folder: [os.path.join(folder, f"{name}.ipynb") for name in names] for folder in folders}

    def _notebooks(self, assignment: str) -> list[str]:
        try:
            with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
                return [notebook.name for notebook in gradebook.find_assignment(assignment).notebooks]
        except MissingEntry:
            return []  # nbgrader says so, submission by submission

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Enter the submission into the gradebook and copy its other files, over which the assignment's go.

        Raises:
            OutOfReach: the submission cannot be read.
            NbGraderException: the assignment's own files cannot.
        """
        own = self._own_files(assignment_id)
        fixed = [*own, *(f"{name}.ipynb" for name in self._notebooks(assignment_id))]
        home = Path(self._format_source(assignment_id, student_id))
        files, self._too_much = collect(home, self.max_bytes, fixed)
        self.beside = {name: beside(files, f"{name}.ipynb") for name in self._notebooks(assignment_id)}
        before = self.coursedir.ignore
        self.coursedir.ignore = ["*"]  # nbgrader would copy whatever it finds, pipes and devices too
        try:
            with writing(self.coursedir.db_url):
                super().init_assignment(assignment_id, student_id)
        finally:
            self.coursedir.ignore = before
        others = {name: content for name, content in files.items() if not name.endswith(".ipynb")}
        for name, content in {**others, **own}.items():
            place = Path(self._format_dest(assignment_id, student_id), name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def _own_files(self, assignment: str) -> dict[str, bytes]:
        try:
            return own_files(self.coursedir, assignment, self.exclude_overwriting.get(assignment, []))
        except Missing as error:
            self.log.error(str(error))
            raise NbGraderException(str(error)) from error

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Sanitise, execute, score; or explain why not."""
        resources = self.init_single_notebook_resources(notebook_filename)
        self._sanitizing = True
        self._init_preprocessors()
        try:
            if refusal := self.refusal or self._too_much:
                raise Unreadable(refusal)
            submitted = read_submission(Path(notebook_filename), self.max_bytes)
        except Unreadable as reason:
            self._refuse(str(reason), resources)
            return
        self._convert(submitted, resources)
        clean = os.path.join(self.writer.build_directory, os.path.basename(notebook_filename))
        self._sanitizing = False
        self._init_preprocessors()
        try:
            with utils.setenv(NBGRADER_EXECUTION="autograde"):
                BaseConverter.convert_single_notebook(self, clean)
        finally:
            self._sanitizing = True

    def _refuse(self, reason: str, resources: ResourcesDict) -> None:
        """Score 0, and say why in the notebook and in the comments."""
        released = released_cells(resources)
        self.exporter._preprocessors = []
        for step in self.autograde_preprocessors:
            if not issubclass(step, stock.Execute):
                self.exporter.register_preprocessor(step)
        self._convert(explanation(reason, released), resources)
        about = resources["nbgrader"]
        with writing(self.coursedir.db_url), Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            for name, cell in released.items():
                if cell["nbgrader"]["solution"]:
                    at = (name, about["notebook"], about["assignment"], about["student"])
                    gradebook.find_comment(*at).auto_comment = reason
            gradebook.db.commit()

    def _convert(self, notebook: NotebookNode, resources: ResourcesDict) -> None:
        output, done = self.exporter.from_notebook_node(notebook, resources)
        self.write_single_notebook(output, done)


class SaveAutoGrades(stock.SaveAutoGrades):
    """nbgrader's, one process at a time."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        """Write the scores."""
        with writing(resources["nbgrader"]["db_url"]):
            return super().preprocess(nb, resources)


@contextmanager
def writing(db_url: str) -> Iterator[None]:
    """Be the only one of our processes that writes to this gradebook."""
    place = db_url.removeprefix("sqlite:///") if db_url.startswith("sqlite:///") else None
    if place is None:
        yield  # a database server sees to this itself
        return
    with FileLock(f"{place}.lock"):
        yield


def explanation(reason: str, released: dict[str, dict[str, Any]]) -> NotebookNode:
    """The notebook that stands in for one that cannot be graded: the reason, and the graded cells, all with 0."""
    text = (
        f"# This submission could not be graded\n\n{reason}\n\nIts score is 0. Hand in again, or ask your instructor."
    )
    cells = [new_markdown_cell(text)]
    for cell in released.values():
        about = cell["nbgrader"]
        if not about["grade"]:
            continue
        new = new_code_cell if about["cell_type"] == "code" else new_markdown_cell
        cells.append(new(cell["source"], metadata={"nbgrader": about}))
        if is_check(cells[-1]):
            cells[-1].outputs = [error_output("NotRun", f"Not graded: {reason}")]
    return new_notebook(cells=cells)
