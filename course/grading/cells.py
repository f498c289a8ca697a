"""Before a submission runs: its graded cells become the assignment's again, whatever happened to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook, Notebook
from nbgrader.preprocessors import NbGraderPreprocessor

Resources = dict[str, Any]
# Of each cell of an assignment, by its name: "source" and "nbgrader", both plain data.
Released = dict[str, dict[str, Any]]
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
    """As the first of nbgrader's steps: `restore_metadata`."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """See the class."""
        restore_metadata(nb, released_cells(resources))
        return nb, resources


class PutBackMissing(NbGraderPreprocessor):
    """As the last of nbgrader's steps: `put_back_missing` and `number_cells`.

    nbgrader's own `add_missing_cells` stumbles when the cell above is missing as well.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """See the class."""
        put_back_missing(nb, released_cells(resources))
        number_cells(nb)
        return nb, resources


def restored(nb: NotebookNode, released: Released, kernelspec: Mapping[str, Any]) -> NotebookNode:
    """A submitted notebook as it is to run: all that nbgrader's steps do to it, without a gradebook.

    Args:
        nb: as `read_submission` gives it; it is changed.
        released: the assignment's cells, see `released_cells`.
        kernelspec: the assignment's.
    """
    restore_metadata(nb, released)
    for cell in nb.cells:
        original = released.get(grade_id(cell) or "")
        if original is None:
            continue
        if cell.cell_type != original["nbgrader"]["cell_type"]:
            _change_type(cell, original["nbgrader"]["cell_type"])
        if original["nbgrader"]["locked"]:
            cell.source = original["source"]
    put_back_missing(nb, released)
    number_cells(nb)
    nb.metadata["kernelspec"] = NotebookNode(kernelspec)
    return nb


def restore_metadata(nb: NotebookNode, released: Released) -> None:
    """Give every cell of the assignment the metadata it was released with, and take all metadata from the others.

    Points, flags, locks and tags (a `skip-execution` on a test, say) come from the gradebook, never from the file; a
    notebook's title or a cell's tags would also find their way, as they are, into pages that instructors open.
    Where a cell is there several times the last one counts, as in nbgrader's DeduplicateIds, whose own way of
    marking the others makes a later step of nbgrader's stumble.
    """
    left = dict(released)
    nb.metadata = NotebookNode()  # nbgrader's next step gives it the assignment's kernel
    for cell in reversed(nb.cells):
        original = left.pop(grade_id(cell) or "", None)
        cell.metadata = NotebookNode(nbgrader=NotebookNode(original["nbgrader"])) if original else NotebookNode()


def put_back_missing(nb: NotebookNode, released: Released) -> None:
    """Put graded cells that were deleted back, each after the nearest cell that stood above it, and tests last.

    Where none of the assignment's cells is left (a notebook put together from copied text), they come at the end; and
    a test that stands above the answer it is about (one of them was moved, or merged into another) comes behind it.
    """
    kept = any(grade_id(cell) in released for cell in nb.cells)
    after = -1 if kept else len(nb.cells) - 1
    for name, original in released.items():
        here = next((i for i, cell in enumerate(nb.cells) if grade_id(cell) == name), None)
        if here is not None:
            after = here
        elif original["nbgrader"]["grade"]:
            new = new_code_cell if original["nbgrader"]["cell_type"] == "code" else new_markdown_cell
            cell = new(original["source"], metadata={"nbgrader": NotebookNode(original["nbgrader"])})
            nb.cells[after + 1 : after + 1] = [new_markdown_cell(PUT_BACK), cell]
            after += 2
    for test in [cell for cell in nb.cells if is_check(cell)]:
        own = next(i for i, cell in enumerate(nb.cells) if cell is test)
        answer = _answer_to(test, nb)
        if answer is not None and answer > own:
            nb.cells.insert(answer, nb.cells.pop(own))


def number_cells(nb: NotebookNode) -> None:
    """Give each cell its place for an id: a notebook can read its ids in its own file, and they are not in the seed."""
    for number, cell in enumerate(nb.cells):
        cell["id"] = f"cell-{number}"


def _answer_to(test: NotebookNode, nb: NotebookNode) -> int | None:
    """Where the answer is: in its own cell; where that is gone (merged into another), in the last that defines it."""
    name = checked_exercise(test)
    if own := [i for i, cell in enumerate(nb.cells) if grade_id(cell) == name]:
        return own[0]
    defines = re.compile(rf"^(?:(?:def|class)\s+{re.escape(name)}\b|{re.escape(name)}\s*=[^=])", re.MULTILINE)
    found = [i for i, cell in enumerate(nb.cells) if cell.cell_type == "code" and defines.search(cell.source)]
    return found[-1] if found else None


def _change_type(cell: NotebookNode, kind: str) -> None:
    cell.cell_type = kind
    if kind == "code":
        cell.outputs, cell.execution_count = [], None
        cell.pop("attachments", None)
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def released_cells(resources: Resources) -> Released:
    """All cells that nbgrader knows of this notebook, in its order: source text and nbgrader metadata by name."""
    about = resources["nbgrader"]
    with Gradebook(about["db_url"]) as gradebook:
        return cells_of(gradebook.find_notebook(about["notebook"], about["assignment"]))


def cells_of(notebook: Notebook) -> Released:
    """The same, from the gradebook's notebook."""
    points = {cell.name: cell.max_score for cell in (*notebook.grade_cells, *notebook.task_cells)}
    grades, tasks, solutions = (
        {cell.name for cell in cells} for cells in (notebook.grade_cells, notebook.task_cells, notebook.solution_cells)
    )
    return {
        cell.name: {
            "source": cell.source,
            "nbgrader": {
                "cell_type": cell.cell_type,
                "checksum": cell.checksum,
                "grade": cell.name in grades,
                "grade_id": cell.name,
                "locked": bool(cell.locked),
                "schema_version": 3,
                "solution": cell.name in solutions,
                "task": cell.name in tasks,
                **({"points": points[cell.name]} if cell.name in points else {}),
            },
        }
        for cell in notebook.source_cells
    }
