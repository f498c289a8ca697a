"""Classes for what hands out and writes: released, without students, and an engine that grades by the name alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from course.grading.batch.assignment import Assignment
from course.grading.batch.pool import Failure
from course.grading.batch.task import Graded, Task
from course.grading.classroom import Classroom
from course.grading.diagnosis import Finding
from course.grading.provisioner import GradingProvisioner
from course.grading.sandbox.launch import Sandbox
from tests.grading.conftest import ASSIGNMENT, FILE


class Engine:
    """Gives everybody 1 point for gd_step, unless the name says otherwise; notes whom it graded."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stop_after: int | None = None

    def __call__(self, assignment: Assignment, _: Sandbox) -> Callable[[Iterable[Task]], Iterator[Any]]:
        def go(tasks: Iterable[Task]) -> Iterator[tuple[Task, Graded | Failure]]:
            for task in tasks:
                if self.stop_after is not None and len(self.asked) >= self.stop_after:
                    raise KeyboardInterrupt
                self.asked.append(task.student)
                yield task, self.graded(task, assignment)

        return go

    def graded(self, task: Task, assignment: Assignment) -> Graded | Failure:
        if task.student.startswith("poison"):
            return Failure("it ended 3 processes, one after the other", poisoned=True)
        released = assignment.notebooks[0].released
        scores = {n: 0.0 for n, c in released.items() if c["nbgrader"]["grade"]}
        scores |= {"check-gd_step": 1.0, "question-why": None}
        found = (
            Finding("descent.gd_step", "passed", 1.0, 1.0),
            Finding("descent.train", "failed", 0.0, 3.0, "ascent", "x"),
        )
        return Graded(
            task.student, task.notebook, task.key, '{"cells": []}', scores, ("gd_step",), found, (), task.refusal
        )


@pytest.fixture(scope="session")
def template(classroom: Classroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A released class without students."""
    place = tmp_path_factory.mktemp("template") / "class"
    files = {p.name: p.read_bytes() for p in (classroom.folder / "source" / ASSIGNMENT).iterdir()}
    Classroom.create(place, ASSIGNMENT, files)
    return place


@pytest.fixture
def fresh(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classroom:
    """A copy of it for one test."""
    monkeypatch.setattr(GradingProvisioner, "sandbox", lambda _: Sandbox("landlock"))
    return Classroom(shutil.copytree(template, tmp_path / "class"), ASSIGNMENT)


def rows(classroom: Classroom) -> dict[str, tuple[float, bool]]:
    with Gradebook(f"sqlite:///{classroom.folder}/gradebook.db") as gradebook:
        found = gradebook.assignment_submissions(ASSIGNMENT)
        assert len({s.student.id for s in found}) == len(found), "somebody was entered twice"
        return {s.student.id: (s.score, s.needs_manual_grade) for s in found}


def hand_in(classroom: Classroom, *names: str) -> None:
    for name in names:
        classroom.submit(name, {FILE: "{}", "data/notes.txt": name})
