"""From the outputs of test cells to sentences."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.grading.cells import VERDICT_MIME
from course.grading.classroom import Outcome
from course.grading.diagnosis import Finding, changes, findings

SOLVED = "def gd_step(w, grad, lr):\n    return w - lr * grad"


def about(name: str, grade: bool, solution: bool, points: float | None = None) -> dict[str, Any]:
    flags = {"grade_id": name, "grade": grade, "solution": solution, "locked": grade and not solution}
    return {"nbgrader": flags | ({} if points is None else {"points": points})}


def graded(*outputs: NotebookNode, solution: str | None = SOLVED) -> Finding:
    cells = [new_code_cell(solution, metadata=about("gd_step", False, True))] if solution is not None else []
    test = new_code_cell('check("descent.gd_step", gd_step)', metadata=about("check-gd_step", True, False, 2.0))
    test.outputs = list(outputs)
    (finding,) = findings(new_notebook(cells=[*cells, test]))
    return finding


def verdict(kind: str = "display_data", **fields: Any) -> NotebookNode:
    row = {"exercise": "descent.gd_step", "status": "failed", "points": 0.0, "misconception": None, "sentence": "No."}
    return new_output(kind, data={VERDICT_MIME: {**row, **fields}, "text/plain": "0.0"})


def error(name: str, value: str) -> NotebookNode:
    return new_output("error", ename=name, evalue=value, traceback=[f"{name}: {value}"])


def test_a_verdict_is_taken_over() -> None:
    told = verdict(misconception="ascent", sentence="This climbs.")
    failed = graded(told, error("CheckFailed", "gd_step: This climbs."))
    assert failed == Finding("descent.gd_step", "failed", 0.0, 2.0, "ascent", "This climbs.")
    passed = graded(verdict("execute_result", status="passed", points=2.0))
    assert (passed.status, passed.points) == ("passed", 2.0)


@pytest.mark.parametrize(
    "odd",
    [
        {"exercise": "descent.train"},
        {"status": "brilliant"},
        {"status": ["passed"]},
    ],
)
def test_a_verdict_that_is_not_this_check_s_is_none(odd: dict[str, Any]) -> None:
    assert graded(verdict(**odd)).status == "not run"


@pytest.mark.parametrize("points", [99, -1, "2.0", None, float("nan")])
def test_points_outside_of_the_scale_are_no_points(points: Any) -> None:
    assert graded(verdict(status="passed", points=points)).points == 0


@pytest.mark.parametrize(
    ("solution", "words"),
    [
        (None, "its cell was deleted"),
        ("def gd_step(w:\n    return w", "Python cannot read its cell: '(' was never closed (line 1)"),
        ("x = " + "-" * 100_000 + "1", "it has 100,005 characters"),
        ("x = " + "-" * 90_000 + "1", "it is nested too deeply"),
        ("a = %who_ls\n" * 600 + "(", "IPython takes too long to read it"),
        ("%matplotlib inline\ngd_stp = 3", "its cell defines something else"),
    ],
)
def test_a_missing_function_is_explained_from_the_text(solution: str | None, words: str) -> None:
    finding = graded(error("NameError", "name 'gd_step' is not defined"), solution=solution)
    assert finding.status == "not run"
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (error("NameError", "name 'torch' is not defined"), "NameError: name 'torch'"),
        (error("NotRun", "This check could not run: the kernel died."), "the kernel died"),
        (error("TypeError", "check needs your function itself"), "TypeError: check needs"),
        (new_output("error", ename="CellTimeoutError", evalue="", traceback=["Stopped."]), "Stopped."),
        (new_output("stream", text="hello"), "no result"),
    ],
)
def test_a_check_without_a_verdict_says_why(output: NotebookNode, words: str) -> None:
    finding = graded(output)
    assert (finding.status, finding.points) == ("not run", 0)
    assert words in finding.sentence


def test_only_test_cells_are_read() -> None:
    cell = new_code_cell("", metadata=about("gd_step", False, True))
    cell.outputs = [verdict(status="passed", points=2.0)]
    assert findings(new_notebook(cells=[cell, new_markdown_cell("")])) == []


def test_changes_to_the_assignment_are_told() -> None:
    cells = [
        new_code_cell("", metadata=about("gd_step", False, True)),
        new_code_cell("", metadata=about("check-gd_step", True, False, 2)),
        new_markdown_cell("", metadata=about("question-why", True, True, 4)),
    ]
    released = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    assert list(changes(deepcopy(released), released)) == []
    changed = deepcopy(released)
    changed.metadata.kernelspec = "whatever"
    changed.cells[1].metadata.nbgrader.points = 50
    changed.cells = [changed.cells[1], changed.cells[1]]
    told = "\n".join(changes(changed, released))
    assert "The cell gd_step was deleted." in told
    assert "The test of gd_step is there 2 times" in told
    assert "The question why was deleted and was put back." in told
    assert "Points were changed" in told
    assert "kernel" in told


def test_an_outcome_groups_what_is_alike() -> None:
    unwritten = [Finding(f"descent.{n}", "unwritten", 0, 1, None, f"{n} is not written yet") for n in ("a", "b")]
    wrong = Finding("descent.c", "failed", 0, 1, "m", "This climbs.")
    outcome = Outcome("x", 0, 3, findings=(*unwritten, wrong), remarks=("A remark.",))
    assert outcome.reason == "A remark. a, b: not written yet. c: This climbs."
