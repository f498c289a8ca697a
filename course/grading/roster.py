"""A class for demonstrations and tests: who hands in what, and what grading must make of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from course.authoring import fill
from course.exercises.challenge import Challenge
from course.exercises.exercise import Exercise, Misconception
from course.grading.autograde import MEGABYTE
from course.grading.cells import grade_id
from course.grading.classroom import Outcome
from course.grading.planting import planted

Files = dict[str, bytes | str | NotebookNode]


def assignment_files(section: str, root: Path) -> tuple[str, dict[str, bytes]]:
    """nbgrader's name of a section's assignment, and the instructor's files: the notebook, then its figures."""
    from course import exercises
    from course.authoring.builder import find_sources
    from course.authoring.notebook import instructor_notebook, text_of
    from course.authoring.source import load

    source = load(find_sources(root, [section])[0], exercises, root)
    files = {f"{source.section}.ipynb": text_of(instructor_notebook(source, exercises)).encode()}
    return source.folder, files | {name: path.read_bytes() for name, path in source.figures.items()}


@dataclass(frozen=True)
class Student:
    """One member of the class.

    Attributes:
        name: a folder's name that says what is special.
        kind: solved, blank, misconception, unfinished, broken notebook, or broken file.
        files: makes what is handed in.
        points: what each exercise must earn.
        exercise, misconception: the planted mistake, and where.
        about: a few words for people.
    """

    name: str
    kind: str
    files: Callable[[], Files]
    points: Mapping[str, float]
    exercise: str | None = None
    misconception: str | None = None
    about: str = ""

    def objections(self, outcome: Outcome) -> list[str]:
        """What is not as it must be; nothing, if all is well."""
        got = {f.exercise: f.points for f in outcome.findings}
        found = [
            f"{name} earned {got.get(name, 0):g} points instead of {wanted:g}"
            for name, wanted in self.points.items()
            if got.get(name, 0) != wanted
        ]
        if outcome.score != sum(self.points.values()):
            found.append(f"the score is {outcome.score:g} instead of {sum(self.points.values()):g}")
        if self.misconception:
            named = next((f.misconception for f in outcome.findings if f.exercise == self.exercise), None)
            if named != self.misconception:
                found.append(f"{self.misconception} was taken for {named or 'something unknown'}")
        if outcome.score < outcome.max_score and not outcome.reason:
            found.append("points are missing, and no reason is given")
        return found


class Roster:
    """Makes the students of a section's class.

    Args:
        notebook: the student version of the notebook.
        filename: the name it has to be handed in under.
        solutions: the answers, by grade id.
        exercises: the section's exercises.
        challenges: its challenges; no mistakes are planted there.
    """

    def __init__(
        self,
        notebook: NotebookNode,
        filename: str,
        solutions: Mapping[str, str],
        exercises: Sequence[Exercise],
        challenges: Sequence[Challenge] = (),
    ) -> None:
        self._blank, self._filename, self._exercises = notebook, filename, exercises
        self._solved = fill(notebook, solutions)
        self._solutions = solutions
        tasks: list[Exercise | Challenge] = [*exercises, *challenges]
        self._full = {task.name: float(task.points) for task in tasks}
        self._nothing = dict.fromkeys(self._full, 0.0)

    def students(self) -> list[Student]:
        """The class: the extremes, every known mistake, unfinished work, broken notebooks, broken files."""
        mistakes = [
            self._with_mistake(e, m)
            for e in self._exercises
            for m in (*((e.given,) if e.given else ()), *e.misconceptions)
        ]
        return [
            self._student("solved", "solved", self._solved, self._full, "everything right"),
            self._student("blank", "blank", self._blank, self._nothing, "as handed out"),
            *mistakes,
            *self._unfinished(),
            *self._broken_notebooks(),
            *self._broken_files(),
        ]

    def _student(
        self, name: str, kind: str, notebook: NotebookNode, points: Mapping[str, float], about: str
    ) -> Student:
        return Student(name, kind, lambda: {self._filename: notebook}, points, about=about)

    def _with_mistake(self, exercise: Exercise, mistake: Misconception) -> Student:
        def files() -> Files:
            cell = planted(mistake.implementation, exercise.function)
            return {self._filename: fill(self._solved, {exercise.name: cell})}

        return Student(
            f"{exercise.function}-{mistake.name}",
            "misconception",
            files,
            {**self._full, exercise.name: 0.0},
            exercise.name,
            mistake.name,
            mistake.sentence,
        )

    def _unfinished(self) -> list[Student]:
        half = self._exercises[: len(self._exercises) // 2]
        notebook = fill(self._blank, {e.name: self._solutions[e.function] for e in half})
        earned = {**self._nothing, **{e.name: float(e.points) for e in half}}
        last = self._exercises[-1]
        typo = fill(self._solved, {last.name: f"def {last.signature}:\n    return (w - lr * (delta\n"})
        return [
            self._student("half-finished", "unfinished", notebook, earned, "the first half is right"),
            self._student(
                "syntax-error", "unfinished", typo, {**self._full, last.name: 0.0}, "a bracket is never closed"
            ),
        ]

    def _broken_notebooks(self) -> list[Student]:
        deleted, doubled, richer, foreign = (deepcopy(self._solved) for _ in range(4))
        middle = self._exercises[len(self._exercises) // 2 - 1]
        crashing = self._insert_after(middle, new_code_cell("import os\n\nos._exit(1)"))
        first, check = self._exercises[0], f"check-{self._exercises[0].function}"
        deleted.cells = [c for c in deleted.cells if grade_id(c) != check]
        twice = next(c for c in doubled.cells if grade_id(c) == check)
        doubled.cells.append(NotebookNode({**deepcopy(twice), "id": "copy"}))
        for cell in richer.cells:
            if "points" in cell.metadata.get("nbgrader", {}):
                cell.metadata.nbgrader.points = 100
        foreign.metadata.kernelspec = {"name": "my-own-env", "display_name": "My own", "language": "python"}
        right = "right, but "
        return [
            self._student(name, "broken notebook", notebook, self._full, right + about)
            for name, notebook, about in (
                ("test-deleted", deleted, f"the test of {first.function} is gone"),
                ("test-duplicated", doubled, f"the test of {first.function} is there twice"),
                ("points-changed", richer, "every exercise says 100 points"),
                ("kernel-crashes", crashing, "a cell in the middle ends the kernel"),
                ("foreign-kernel", foreign, "made with a kernel that nobody else has"),
            )
        ]

    def _broken_files(self) -> list[Student]:
        def huge() -> Files:
            notebook = deepcopy(self._solved)
            cell = next(c for c in notebook.cells if c.cell_type == "code")
            cell.outputs = [new_output("stream", text="all work and no play\n" * (MEGABYTE + 50_000))]
            return {self._filename: json.dumps(notebook)}

        made: list[tuple[str, Callable[[], Files], str]] = [
            ("not-a-notebook", lambda: {self._filename: "dear teacher, my code is below\n"}, "a text file"),
            ("too-large", huge, "more than 20 MB of output"),
            ("wrong-name", lambda: {"Untitled (3).ipynb": self._solved}, "right, but under another name"),
        ]
        return [Student(n, "broken file", files, self._nothing, about=about) for n, files, about in made]

    def _insert_after(self, exercise: Exercise, cell: NotebookNode) -> NotebookNode:
        notebook = deepcopy(self._solved)
        names = [grade_id(c) for c in notebook.cells]
        notebook.cells.insert(names.index(f"check-{exercise.function}") + 1, cell)
        return notebook
