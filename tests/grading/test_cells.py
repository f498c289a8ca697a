"""The assignment's own cells, restored."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from course.check.report import VERDICT_MIME
from course.grading import cells
from course.grading.cells import PUT_BACK, PutBackMissing, RestoreMetadata, grade_id, is_check, put_back_missing


def released(name: str, grade: bool, solution: bool, **more: Any) -> dict[str, Any]:
    about = {"grade_id": name, "grade": grade, "solution": solution, "locked": grade and not solution}
    return {
        "source": f"# {name}",
        "nbgrader": NotebookNode(about, schema_version=3, task=False, cell_type="code", **more),
    }


KNOWN = {
    "given-1": released("given-1", False, False),
    "gd_step": released("gd_step", False, True),
    "check-gd_step": released("check-gd_step", True, False, points=2.0),
    "train": released("train", False, True),
    "check-train": released("check-train", True, False, points=3.0),
    "question-why": released("question-why", True, True, points=4.0) | {"source": "?"},
}
KNOWN["question-why"]["nbgrader"].cell_type = "markdown"


@pytest.fixture(autouse=True)
def _gradebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "released_cells", lambda _: deepcopy(KNOWN))


def notebook(*names: str) -> NotebookNode:
    made = [
        new_code_cell(f"student's {n}", metadata={"nbgrader": KNOWN[n]["nbgrader"]}) if n in KNOWN else new_code_cell(n)
        for n in names
    ]
    return new_notebook(cells=deepcopy(made))


def sources(nb: NotebookNode) -> list[str]:
    return [cell.source for cell in nb.cells]


def test_metadata_come_from_the_gradebook() -> None:
    nb = notebook("gd_step", "check-gd_step", "x = 1")
    nb.cells[1].metadata.nbgrader.update(points=100, solution=True, grade=False, locked=False)
    nb.cells[1].metadata.tags = ["skip-execution"]
    nb.cells[2].metadata.nbgrader = {"grade_id": "extra-credit", "grade": True, "points": 50}
    nb.cells[2].metadata.tags = ['"><script>alert(1)</script>']
    nb.metadata.title = "</title><script>alert(1)</script>"
    restored, _ = RestoreMetadata().preprocess(nb, {})
    assert restored.cells[1].metadata == {"nbgrader": KNOWN["check-gd_step"]["nbgrader"]}
    assert restored.cells[2].metadata == {}
    assert restored.metadata == {}


@pytest.mark.parametrize("junk", ["what?", 7, [], {}, {"grade_id": None}, {"grade_id": ["gd_step"]}])
def test_damaged_metadata_are_taken_away(junk: Any) -> None:
    nb = notebook("x = 1")
    nb.cells[0].metadata.nbgrader = junk
    assert RestoreMetadata().preprocess(nb, {})[0].cells[0].metadata == {}


def test_of_several_copies_the_last_counts() -> None:
    nb = notebook("check-gd_step", "gd_step", "check-gd_step")
    restored, _ = RestoreMetadata().preprocess(nb, {})
    assert [grade_id(c) for c in restored.cells] == [None, "gd_step", "check-gd_step"]


def test_missing_tests_come_back_in_their_places() -> None:
    nb, _ = PutBackMissing().preprocess(notebook("text", "gd_step", "more", "train", "end"), {})
    assert sources(nb) == [
        "text", "student's gd_step", PUT_BACK, "# check-gd_step", "more",
        "student's train", PUT_BACK, "# check-train", PUT_BACK, "?", "end",
    ]  # fmt: skip
    assert is_check(nb.cells[3])
    assert nb.cells[-2].cell_type == "markdown"


def test_tests_come_back_when_all_is_gone() -> None:
    nb, _ = PutBackMissing().preprocess(notebook("end"), {})
    assert [grade_id(c) for c in nb.cells if grade_id(c)] == ["check-gd_step", "check-train", "question-why"]
    assert sources(nb)[0] == "end", "whatever answers are in there come first"


def test_a_test_that_was_moved_comes_behind_its_answer() -> None:
    nb, _ = PutBackMissing().preprocess(
        notebook("check-train", "check-gd_step", "gd_step", "train", "question-why"), {}
    )
    assert [grade_id(c) for c in nb.cells] == ["gd_step", "check-gd_step", "train", "check-train", "question-why"]


def test_nothing_is_put_back_where_nothing_is_missing() -> None:
    nb = notebook(*KNOWN)
    assert sources(PutBackMissing().preprocess(deepcopy(nb), {})[0]) == sources(nb)


def test_the_verdict_s_type_is_the_check_s() -> None:
    assert cells.VERDICT_MIME == VERDICT_MIME


def test_a_test_whose_answer_was_merged_into_a_later_cell_is_asked_after_it() -> None:
    nb = notebook("check-gd_step", "train", "check-train", "x = 1")
    nb.cells[1].source = "def gd_step(w, grad, lr):\n    return w\n\ndef train(): ...\ngd_step == 7"
    nb.cells[3].source = "print(gd_step)\nmy_gd_step = 7"
    put_back_missing(nb, KNOWN)
    asked = [grade_id(c) for c in nb.cells if grade_id(c) in KNOWN]
    assert asked == ["train", "check-gd_step", "check-train", "question-why"]
