"""Before a submission runs: its graded cells become the assignment's again, whatever happened to them."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

Resources = dict[str, Any]
# As in course.check.report, spelt out: importing that would import torch into every process that grades.
VERDICT_MIME = "application/vnd.cv-course.verdict+json"
PUT_BACK = "*This cell was missing from the submission. It has been put back for grading.*"


def grade_id(cell: NotebookNode) -> str | None:
    """nbgrader's name of a cell; None if it has none, or if the metadata are damaged."""
    about = cell.metadata.get("nbgrader")
    name = about.get("grade_id") if isinstance(about, dict) else None
    return name if isinstance(name, str) else None


def is_check(cell: NotebookNode) -> bool:
    """Whether a (restored) cell is the locked test of an exercise."""
    about = cell.metadata.get("nbgrader") or {}
    graded = cell.cell_type == "code" and about.get("grade") and not about.get("solution")
    return bool(graded) and str(about.get("grade_id")).startswith("check-")


def checked_exercise(cell: NotebookNode) -> str:
    """The function's name that a test cell is about: `gd_step` for the cell `check-gd_step`."""
    return str(cell.metadata.nbgrader.grade_id).removeprefix("check-")


class RestoreMetadata(NbGraderPreprocessor):
    """Gives every cell of the assignment the metadata it was released with, and takes nbgrader's from all others.

    Points, flags, locks and tags (a `skip-execution` on a test, say) come from the gradebook, never from the file.
    Where a cell is there several times the last one counts, as in nbgrader's DeduplicateIds, whose own way of
    marking the others makes a later step of nbgrader's stumble.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """See the class."""
        left = released_cells(resources)
        for cell in reversed(nb.cells):
            released = left.pop(grade_id(cell) or "", None)
            if released:
                cell.metadata = NotebookNode(nbgrader=released["nbgrader"])
            else:
                cell.metadata.pop("nbgrader", None)
        return nb, resources


class PutBackMissing(NbGraderPreprocessor):
    """Puts graded cells that were deleted back, each after the nearest cell that stood above it.

    nbgrader's own `add_missing_cells` stumbles when the cell above is missing as well.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """See the class."""
        after = -1
        for name, released in released_cells(resources).items():
            here = next((i for i, cell in enumerate(nb.cells) if grade_id(cell) == name), None)
            if here is not None:
                after = here
            elif released["nbgrader"]["grade"]:
                new = new_code_cell if released["nbgrader"]["cell_type"] == "code" else new_markdown_cell
                cell = new(released["source"], metadata={"nbgrader": released["nbgrader"]})
                nb.cells[after + 1 : after + 1] = [new_markdown_cell(PUT_BACK), cell]
                after += 2
        return nb, resources


def released_cells(resources: Resources) -> dict[str, dict[str, Any]]:
    """All cells that nbgrader knows of this notebook, in its order: source text and nbgrader metadata by name."""
    about = resources["nbgrader"]
    with Gradebook(about["db_url"]) as gradebook:
        notebook = gradebook.find_notebook(about["notebook"], about["assignment"])
        points = {cell.name: cell.max_score for cell in (*notebook.grade_cells, *notebook.task_cells)}
        grades, tasks, solutions = (
            {cell.name for cell in cells}
            for cells in (notebook.grade_cells, notebook.task_cells, notebook.solution_cells)
        )
        return {
            cell.name: {
                "source": cell.source,
                "nbgrader": NotebookNode(
                    cell_type=cell.cell_type,
                    checksum=cell.checksum,
                    grade=cell.name in grades,
                    grade_id=cell.name,
                    locked=bool(cell.locked),
                    schema_version=3,
                    solution=cell.name in solutions,
                    task=cell.name in tasks,
                    **({"points": points[cell.name]} if cell.name in points else {}),
                ),
            }
            for cell in notebook.source_cells
        }
