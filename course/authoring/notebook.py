"""From a source to the instructor's notebook: markers become nbgrader metadata, tokens become text."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.authoring.cells import Cell, Registry, Source
from course.authoring.tokens import expand

METADATA = {
    # `python3` is the name every Jupyter knows its own interpreter by; another name blocks JupyterLab on a dialog.
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # Without the interpreter's version, which would change the file from machine to machine.
    "language_info": {
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "pygments_lexer": "ipython3",
    },
}


def instructor_notebook(source: Source, exercises: Registry) -> NotebookNode:
    """The notebook with solutions and nbgrader's metadata; the same source always gives the same notebook."""
    notebook = new_notebook(metadata=METADATA)
    taken: set[str] = set()
    for cell in source.cells:
        text = expand(cell.text, exercises, source.questions) if cell.type == "markdown" else cell.text
        grading = _grading(cell, text, exercises)
        name = grading["grade_id"] if grading else f"{cell.type}-{_digest(cell.type, text)}"
        name = _free(name, taken)
        new = new_code_cell if cell.type == "code" else new_markdown_cell
        metadata = {"nbgrader": grading | {"grade_id": name}} if grading else {}
        notebook.cells.append(new(text, id=name, metadata=metadata))
    nbformat.validate(notebook)
    return notebook


def grade_id(role: str, subject: str) -> str:
    """nbgrader's name of a cell: `gd_step` for the solution, `check-gd_step` for its test, `question-why`."""
    name = subject.rsplit(".", 1)[-1]
    return name if role == "exercise" else f"{role}-{name}"


def text_of(notebook: NotebookNode) -> str:
    """The file's text: stable JSON, one final newline."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def _grading(cell: Cell, text: str, exercises: Registry) -> dict[str, Any]:
    if cell.role is None:
        return {}
    # A locked cell is named by its content: nobody's older version must get a newer one forced upon it.
    given = f"given-{_digest(cell.type, text)}"
    grading: dict[str, Any] = {
        "grade": cell.role in ("check", "question"),
        "grade_id": given if cell.role == "locked" else grade_id(cell.role, cell.subject),
        "locked": cell.role in ("check", "locked"),
        "schema_version": 3,
        "solution": cell.role in ("exercise", "question"),
        "task": False,
    }
    if cell.role == "check":
        grading["points"] = _number(exercises.get(cell.subject).points)
    if cell.role == "question":
        grading["points"] = _number(cell.options["points"])
    return grading


def _number(points: float) -> float:
    return int(points) if float(points).is_integer() else float(points)


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:8]


def _free(name: str, taken: set[str]) -> str:
    candidate, n = name[:60], 2
    while candidate in taken:
        candidate, n = f"{name[:60]}-{n}", n + 1
    taken.add(candidate)
    return candidate
