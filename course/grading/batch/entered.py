"""What the gradebook holds of an assignment, and what else nbgrader left: an outcome's file alone proves nothing.

A gradebook may have been put back from a copy, `autograded/` removed, a `nbgrader autograde` killed half-way.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import Assignment, Grade, Gradebook, Student, SubmittedAssignment, SubmittedNotebook
from nbgrader.coursedir import CourseDirectory
from sqlalchemy import func
from sqlalchemy.exc import SAWarning

from course.grading.classroom import Outcome


@dataclass(frozen=True)
class Entered:
    """What was entered for one assignment.

    Attributes:
        directory, assignment: of the class, and nbgrader's name.
        notebooks: names of the assignment's.
        scores: the sum of the automatic scores, by student.
        students: all that the gradebook knows.
    """

    directory: CourseDirectory
    assignment: str
    notebooks: tuple[str, ...]
    scores: dict[str, float]
    students: frozenset[str]

    @classmethod
    def read(cls, directory: CourseDirectory, assignment: str, notebooks: tuple[str, ...]) -> Entered:
        """Ask the gradebook."""
        with warnings.catch_warnings(), Gradebook(directory.db_url, directory.course_id) as gradebook:
            warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own tables
            rows = (
                gradebook.db.query(SubmittedAssignment.student_id, func.sum(Grade.auto_score))
                .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
                .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
                .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
                .filter(Assignment.name == assignment)
                .group_by(SubmittedAssignment.student_id)
            )
            scores = {student: float(score or 0.0) for student, score in rows}
            students = frozenset(name for (name,) in gradebook.db.query(Student.id))
        return cls(directory, assignment, notebooks, scores, students)

    def holds(self, outcome: Outcome) -> bool:
        """Whether all that this outcome tells of is still there."""
        place = Path(self.directory.format_path(self.directory.autograded_directory, outcome.student, self.assignment))
        score = self.scores.get(outcome.student)
        return (
            outcome.entered is not None
            and score is not None
            and math.isclose(score, outcome.entered, abs_tol=1e-9)
            and all((place / f"{name}.ipynb").is_file() for name in self.notebooks)
        )
