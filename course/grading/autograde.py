"""nbgrader's `Autograde`, for submissions as they come: a file that cannot be graded earns 0 and an explanation."""

from __future__ import annotations

import glob
import json
import os
import re
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from filelock import FileLock
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader import preprocessors as stock
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter
from traitlets import Integer, Unicode

from course.grading.cells import is_check, released_cells
from course.grading.clean import clean_attachments
from course.grading.remarks import error_output

MEGABYTE = 1_000_000


class Unreadable(ValueError):
    """A submitted file that cannot be graded; the message is a sentence for the student."""


class Autograder(Autograde):
    """Grades one student's submission of one assignment.

    What cannot be read (no file, no notebook, too large) is replaced by a short notebook that says so: it goes
    through nbgrader like any other, so the gradebook, formgrader and the feedback page all tell the same story.
    """

    max_bytes = Integer(20 * MEGABYTE, help="Largest file of a submission that is looked at").tag(config=True)
    refusal = Unicode(help="Grade nothing, and give this reason")

    def init_notebooks(self) -> None:
        """The notebooks that the assignment has, whether they were handed in or not."""
        assignment, student = self.coursedir.assignment_id, self.coursedir.student_id
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            names = [notebook.name for notebook in gradebook.find_assignment(assignment).notebooks]
        folder = self._format_source(assignment, student)
        self.assignments = {folder: [os.path.join(folder, f"{name}.ipynb") for name in names]}

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        """Enter the submission into the gradebook and copy its other files, except huge ones and links."""
        folder = Path(self._format_source(assignment_id, student_id))
        unwanted = [p.name for p in folder.rglob("*") if p.is_symlink() or p.lstat().st_size > self.max_bytes]
        before = self.coursedir.ignore
        self.coursedir.ignore = [*before, *map(glob.escape, unwanted)]
        try:
            with writing(self.coursedir.db_url):
                super().init_assignment(assignment_id, student_id)
        finally:
            self.coursedir.ignore = before

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Sanitise, execute, score; or explain why not."""
        resources = self.init_single_notebook_resources(notebook_filename)
        self._sanitizing = True
        self._init_preprocessors()
        try:
            if self.refusal:
                raise Unreadable(self.refusal)
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


def read_submission(path: Path, max_bytes: int = 20 * MEGABYTE) -> NotebookNode:
    """A submitted notebook, mended where it is a little off.

    Raises:
        Unreadable: it is missing, too large, or no notebook.
    """
    return parse_submission(path.name, find_submission(path, max_bytes))


def find_submission(path: Path, max_bytes: int = 20 * MEGABYTE) -> bytes:
    """A submitted file.

    Raises:
        Unreadable: it is missing or too large.
    """
    if path.is_symlink() or not path.is_file():
        others = sorted(p.name for p in path.parent.glob("*") if p.is_file() and p.name != "timestamp.txt")
        there = f"the submission holds {', '.join(others[:5])}" if others else "the submission is empty"
        raise Unreadable(f"There is no file {path.name}; {there}. Hand in the notebook under its own name.")
    size = path.stat().st_size
    if size > max_bytes:
        raise Unreadable(
            f"{path.name} has {size / MEGABYTE:.0f} MB; at most {max_bytes / MEGABYTE:g} MB are graded. "
            "Clear the outputs (Edit → Clear Outputs of All Cells), save, and hand it in again."
        )
    return path.read_bytes()


def parse_submission(name: str, content: bytes) -> NotebookNode:
    """The notebook in a submitted file called `name`.

    Raises:
        Unreadable: it is none.
    """
    try:
        raw = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unreadable(f"{name} is not a Jupyter notebook{_guess(content)}.") from None
    if not isinstance(raw, dict) or not ("cells" in raw or "worksheets" in raw):
        raise Unreadable(f"{name} is not a Jupyter notebook: it is JSON, but has no cells.")
    if isinstance(raw.get("cells"), list):
        raw = _mended(raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old versions of the format have no cell ids
            return nbformat.reads(json.dumps(raw), as_version=4)
    except Exception as error:  # nbformat raises whatever the damage leads to
        raise Unreadable(f"{name} is a damaged notebook ({type(error).__name__}: {error!s:.200}).") from None


def _mended(raw: dict[str, Any]) -> dict[str, Any]:
    """Without outputs, with all fields that later steps rely on; what is no cell is dropped."""
    cells: list[dict[str, Any]] = []
    taken: set[str] = set()
    for i, cell in enumerate(raw["cells"]):
        source = cell.get("source") if isinstance(cell, dict) else None
        text = "".join(source) if isinstance(source, list) and all(isinstance(x, str) for x in source) else source
        if not isinstance(text, str) or cell.get("cell_type") not in ("code", "markdown", "raw"):
            continue
        name, metadata = cell.get("id"), cell.get("metadata")
        known = isinstance(name, str) and re.fullmatch(r"[\w-]{1,64}", name, re.ASCII) and name not in taken
        mended: dict[str, Any] = {
            "cell_type": cell["cell_type"],
            "id": name if known else f"cell-{i}-{uuid.uuid4().hex[:8]}",
            "metadata": metadata if isinstance(metadata, dict) else {},
            "source": text,
        }
        taken.add(str(mended["id"]))
        if cell["cell_type"] == "code":
            mended |= {"outputs": [], "execution_count": None}
        elif pasted := clean_attachments(cell.get("attachments")):
            mended["attachments"] = pasted
        cells.append(mended)
    metadata = raw.get("metadata")
    return {
        "cells": cells,
        "metadata": metadata if isinstance(metadata, dict) else {},
        "nbformat": 4,
        "nbformat_minor": 5,  # the first with ids
    }


def _guess(content: bytes) -> str:
    starts = {
        b"PK": "a zip archive or an office document",
        b"%PDF": "a PDF file",
        b"<": "a web page",
        b"\x89PNG": "a picture",
        b"\xff\xd8": "a picture",
    }
    text = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text:
        return ": it is empty"
    found = next((name for start, name in starts.items() if text.startswith(start)), None)
    if found:
        return f", it looks like {found}"
    return ": it breaks off, or was edited by hand" if text.startswith(b"{") else ""


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
