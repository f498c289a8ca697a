"""What went wrong, in words: read from the outputs of the locked test cells of an autograded notebook."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nbformat import NotebookNode

from course.grading.cells import VERDICT_MIME, checked_exercise, grade_id, is_check
from course.grading.clean import one_line

STATUSES = ("passed", "partial", "failed", "unwritten")


@dataclass(frozen=True)
class Finding:
    """What the test of one exercise found.

    `status` is the check's (passed, partial, failed, unwritten), or "not run" where it came to no verdict; `score` is
    what a challenge measured, the share of right answers.
    """

    exercise: str
    status: str
    points: float
    max_points: float
    misconception: str | None = None
    sentence: str = ""
    score: float | None = None

    def with_points(self, scores: Mapping[str, float]) -> Finding:
        """With the gradebook's points (by cell), whatever an output says."""
        return replace(self, points=scores.get(f"check-{self.exercise.split('.')[-1]}", 0.0))


def findings(notebook: NotebookNode) -> list[Finding]:
    """One finding for each test cell of an autograded notebook, in its order."""
    sources = {grade_id(cell): cell.source for cell in notebook.cells if cell.cell_type == "code"}
    return [_finding(cell, sources.get(checked_exercise(cell))) for cell in notebook.cells if is_check(cell)]


def endings(notebook: NotebookNode) -> Iterator[str]:
    """Cells that ended the process of an autograded notebook, in sentences; of tests, `findings` tells it."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and not is_check(cell):
            for output in cell.outputs:
                if output.output_type == "error" and output.ename == "KernelDied":
                    yield one_line(output.evalue)[:300]


def changes(submitted: NotebookNode, released: NotebookNode) -> Iterator[str]:
    """What a submission did to the assignment's own cells, in sentences; grading has put all of it right."""
    there = Counter(grade_id(cell) for cell in submitted.cells)
    released_points = {grade_id(c): c.metadata.nbgrader.get("points") for c in released.cells if grade_id(c)}
    for cell in released.cells:
        name = grade_id(cell)
        if name is not None and not there[name]:
            effect = " and was put back" if cell.metadata.nbgrader.get("grade") else ""
            yield f"{_called(name)} was deleted{effect}."
        elif name is not None and there[name] > 1:
            yield f"{_called(name)} is there {there[name]} times; the last one counts."
    richer = [
        name
        for cell in submitted.cells
        if (name := grade_id(cell)) in released_points and cell.metadata.nbgrader.get("points") != released_points[name]
    ]
    if richer:
        yield f"Points were changed and were set back ({', '.join(str(name) for name in richer)})."
    if (kernel := one_line(_kernel(submitted))[:100]) != _kernel(released):
        yield f"Its kernel, {kernel or 'none'}, was replaced by the course's."


def _called(name: str) -> str:
    if name.startswith("check-"):
        return f"The test of {name.removeprefix('check-')}"
    return f"The question {name.removeprefix('question-')}" if name.startswith("question-") else f"The cell {name}"


def _kernel(notebook: NotebookNode) -> str:
    spec = notebook.metadata.get("kernelspec")
    return str(spec.get("name", "")) if isinstance(spec, dict) else ""


def _finding(cell: NotebookNode, solution: str | None) -> Finding:
    exercise, maximum = _exercise(cell), float(cell.metadata.nbgrader.points)
    error = next((o for o in cell.outputs if o.output_type == "error" and o.ename != "CheckFailed"), None)
    if error is not None:
        return Finding(exercise, "not run", 0.0, maximum, None, _explain(error, checked_exercise(cell), solution))
    for output in reversed(cell.outputs):
        said = output.get("data", {}).get(VERDICT_MIME)
        if isinstance(said, dict) and said.get("exercise") == exercise and said.get("status") in STATUSES:
            named, points = said.get("misconception"), said.get("points")
            earned = float(points) if isinstance(points, int | float) and 0 <= points <= maximum else 0.0
            score: Any = said.get("score")
            measured = float(score) if type(score) in (int, float) and 0 <= score <= 1 else None
            sentence = str(said.get("sentence", ""))
            return Finding(exercise, said["status"], earned, maximum, str(named) if named else None, sentence, measured)
    return Finding(exercise, "not run", 0.0, maximum, None, "The check came to no result.")


def _exercise(cell: NotebookNode) -> str:
    """The exercise's full name, as it stands in the (locked) call of check."""
    function = checked_exercise(cell)
    found = re.search(rf"""check\(\s*["']([\w.]+\.{re.escape(function)})["']""", cell.source)
    return found[1] if found else function


def _explain(error: NotebookNode, function: str, solution: str | None) -> str:
    missing = re.fullmatch(r"name '(\w+)' is not defined", error.evalue) if error.ename == "NameError" else None
    if missing is None:
        return error.evalue if error.ename in ("KernelDied", "NotRun", "NoVerdict") else _message(error)
    if missing[1] != function:
        return _message(error)
    if solution is None:
        return f"{function} is not defined: its cell was deleted."
    if broken := _unreadable(solution):
        return f"{function} is not defined: {broken}."
    return f"{function} is not defined: its cell defines something else, or stopped with an error."


def _message(error: NotebookNode) -> str:
    if error.ename == "CellTimeoutError":
        return " ".join(error.traceback)
    return f"{error.ename}: {error.evalue}".rstrip(": ")


def _unreadable(source: str) -> str | None:
    """What Python says about a cell that it cannot read, judged from the text alone."""
    from course.grading.review.reading import parse  # only where it is needed: it imports torch

    tree, problem = parse(source)
    return None if tree else f"Python cannot read its cell: {problem}"
