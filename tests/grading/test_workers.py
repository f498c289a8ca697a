"""Grading side by side: a worker that is killed takes one submission with it, not the class."""

from __future__ import annotations

import pytest
from nbgrader.preprocessors import CheckCellMetadata
from traitlets.config import Config

from course.grading.classroom import Classroom
from course.grading.forkserver import ForkServer
from course.grading.workers import grade_all
from tests.grading.conftest import ASSIGNMENT, FILE, Notebooks
from tests.grading.killer import Killer

pytestmark = pytest.mark.slow


def test_a_killed_worker_costs_one_submission(
    classroom: Classroom, notebooks: Notebooks, server: ForkServer, capsys: pytest.CaptureFixture[str]
) -> None:
    students = ["first-of-all", "killer", "neighbour"]
    for student in students:
        classroom.submit(student, {FILE: notebooks.blank})
    settings = Config(Autograde={"autograde_preprocessors": [Killer, CheckCellMetadata]})
    quick = Classroom(classroom.folder, ASSIGNMENT, settings)
    outcomes = {o.student: o for o in grade_all(quick, students, workers=2, server=server)}
    assert sorted(outcomes) == students
    assert [outcomes[s].failed for s in students] == [False, True, False]
    assert "was killed" in outcomes["killer"].reason
    assert quick.outcome("killer") is None, "a later run must try it again"
