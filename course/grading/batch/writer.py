"""The only one who writes: a submission's rows into nbgrader's gradebook, then its files.

The rows are those of `nbgrader autograde`; many submissions share one transaction, because each costs a wait for the
disk. The outcome's file comes last: what has one is graded, whenever a run was killed.
"""

from __future__ import annotations

import glob
import os
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import event
from sqlalchemy.exc import SAWarning

from course.files import naming
from course.grading.autograde import writing
from course.grading.batch.task import Graded
from course.grading.classroom import Classroom, Outcome
from course.grading.handed_in import handed_in_at

LOCKED_SECONDS = 30


@dataclass(frozen=True)
class Entry:
    """One submission, graded: what there is to write.

    Attributes:
        student: whose.
        graded: one for each notebook of the assignment.
        files: what lies beside the notebooks in the autograded folder.
        digest: of the submission.
        assignment: digest of the assignment.
    """

    student: str
    graded: Sequence[Graded]
    files: dict[str, bytes]
    digest: str
    assignment: str


class Writer:
    """Owns the gradebook of a class while it is open; used as a context."""

    def __init__(self, classroom: Classroom) -> None:
        self._classroom = classroom
        directory = classroom.directory()
        self._directory, self._db_url = directory, directory.db_url
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own tables
            self._gradebook = Gradebook(directory.db_url, directory.course_id)
        if self._gradebook.engine.dialect.name == "sqlite":
            event.listen(self._gradebook.engine, "checkout", _be_patient)
        self._late = AssignLatePenalties(config=classroom.config)
        self._late.init_plugin()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._gradebook.close()

    def save(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Write submissions, all rows in one transaction; then their files; then their outcomes."""
        outcomes = []
        with warnings.catch_warnings(), writing(self._db_url):
            warnings.simplefilter("ignore", SAWarning)
            try:
                outcomes = [self._rows(entry) for entry in entries]
                self._gradebook.db.commit()
            except BaseException:
                self._gradebook.db.rollback()
                raise
        for entry, outcome in zip(entries, outcomes, strict=True):
            self._files(entry)
            self._classroom.note(outcome)
        return outcomes

    # ------------------------------------------------------------------------------------------------ rows

    def _rows(self, entry: Entry) -> Outcome:
        submission = self._submission(entry.student)
        if timestamp := handed_in_at(self._classroom.submission(entry.student)):
            submission.timestamp = timestamp
        by_name = {notebook.name: notebook for notebook in submission.notebooks}
        grades: list[Grade] = []
        for graded in entry.graded:
            notebook = by_name[graded.notebook]
            _enter_scores(notebook, graded)
            _enter_comments(notebook, graded)
            grades += notebook.grades
        self._gradebook.db.flush()
        self._enter_penalties(submission)
        return _outcome(entry, grades)

    def _submission(self, student: str) -> SubmittedAssignment:
        """The student's submission, entered with all its cells where it is not there yet."""
        gradebook, name = self._gradebook, self._classroom.assignment
        try:
            return gradebook.find_submission(name, student)
        except MissingEntry:
            pass
        try:
            owner = gradebook.find_student(student)
        except MissingEntry:
            owner = Student(id=student)
            gradebook.db.add(owner)
        submission = SubmittedAssignment(assignment=gradebook.find_assignment(name), student=owner)
        for notebook in submission.assignment.notebooks:
            mine = SubmittedNotebook(notebook=notebook, assignment=submission)
            for cell in (*notebook.grade_cells, *notebook.task_cells):
                Grade(cell_id=cell.id, notebook=mine, cell=cell)
            for cell in (*notebook.solution_cells, *notebook.task_cells):
                Comment(cell_id=cell.id, notebook=mine, cell=cell)
        gradebook.db.add(submission)
        gradebook.db.flush()
        return submission

    def _enter_penalties(self, submission: SubmittedAssignment) -> None:
        for notebook in submission.notebooks:
            notebook.late_submission_penalty = None
            if submission.total_seconds_late > 0:
                penalty = self._late.plugin_inst.late_submission_penalty(
                    submission.student.id, notebook.score, submission.total_seconds_late
                )
                if penalty is not None:
                    notebook.late_submission_penalty = self._late._check_late_penalty(notebook, penalty)

    # ----------------------------------------------------------------------------------------------- files

    def _files(self, entry: Entry) -> None:
        """The autograded folder, whole or as it was before."""
        place = Path(
            self._directory.format_path(self._directory.autograded_directory, entry.student, self._classroom.assignment)
        )
        fresh, old = (place.with_name(f".{place.name}.{os.getpid()}.{end}") for end in ("new", "old"))
        _remove_halves(place)  # of a run that was killed: only one writes here
        try:
            fresh.mkdir(parents=True)
            with naming(place):
                _fill(fresh, entry)
            if place.exists():
                os.replace(place, old)
            os.replace(fresh, place)
        finally:
            _remove_halves(place)


def _fill(folder: Path, entry: Entry) -> None:
    for name, content in entry.files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for graded in entry.graded:
        (folder / f"{graded.notebook}.ipynb").write_text(graded.text, encoding="utf-8")


def _remove_halves(place: Path) -> None:
    for end in ("new", "old"):
        for folder in place.parent.glob(f".{glob.escape(place.name)}.*.{end}"):
            shutil.rmtree(folder, ignore_errors=True)


def _be_patient(connection: Any, *_: object) -> None:
    """Wait for others, such as formgrader, to finish what they write."""
    connection.execute(f"PRAGMA busy_timeout = {LOCKED_SECONDS * 1000}")


def _enter_scores(notebook: SubmittedNotebook, graded: Graded) -> None:
    """As nbgrader's SaveAutoGrades: a person's score stays, and is to be looked at again."""
    for grade in notebook.grades:
        if grade.cell.name in graded.scores:
            grade.auto_score = graded.scores[grade.cell.name]
            grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None


def _enter_comments(notebook: SubmittedNotebook, graded: Graded) -> None:
    for comment in notebook.comments:
        if graded.refusal:
            comment.auto_comment = graded.refusal
        else:
            comment.auto_comment = "No response." if comment.cell.name in graded.unanswered else None


def _outcome(entry: Entry, grades: Sequence[Grade]) -> Outcome:
    code = [grade for grade in grades if grade.cell.cell_type == "code"]
    points = {grade.cell.name: _score(grade) for grade in grades}
    found = [f for graded in entry.graded for f in graded.findings]
    remarks = dict.fromkeys(remark for graded in entry.graded for remark in graded.remarks)
    return Outcome(
        student=entry.student,
        score=float(sum(_score(grade) for grade in code)),
        max_score=float(sum(grade.cell.max_score for grade in code)),
        waiting=float(sum(grade.cell.max_score for grade in grades if grade.needs_manual_grade)),
        findings=tuple(f.with_points(points) for f in found),
        remarks=tuple(remarks),
        failed=all(graded.refusal for graded in entry.graded),
        seconds=round(sum(graded.seconds for graded in entry.graded), 3),
        own_seconds=round(sum(graded.own_seconds for graded in entry.graded), 3),
        digest=entry.digest,
        assignment=entry.assignment,
        entered=float(sum(grade.auto_score or 0.0 for grade in grades)),
    )


def _score(grade: Any) -> float:
    """What the gradebook will say: a person's score, or else the automatic one, and what was given on top."""
    base = grade.manual_score if grade.manual_score is not None else grade.auto_score
    return float((base or 0.0) + (grade.extra_credit or 0.0))
