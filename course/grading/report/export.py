"""Scores for a learning platform, through nbgrader's interface for exporters.

    nbgrader export --exporter=course.grading.report.export.CanvasExporter --to canvas.csv
    nbgrader export --exporter=course.grading.report.export.MoodleExporter --to moodle.csv

Students are known to nbgrader by their id; where the database has a name or an email address, that is used, too
(`nbgrader db student import`). Late penalties are taken off, as in nbgrader's own export.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from nbgrader.api import Assignment, Gradebook, MissingEntry, Student
from nbgrader.plugins import ExportPlugin

from course.files import write

Row = Sequence[str]


class CanvasExporter(ExportPlugin):
    """The file that Canvas's gradebook imports: five columns that name a student, one for each assignment.

    A column whose name Canvas does not know becomes a new assignment there, with the points of the second row.
    Who has not handed in stays empty: Canvas then keeps what it has.
    """

    def export(self, gradebook: Gradebook) -> None:
        """Write the file (`canvas.csv` unless `--to` says otherwise)."""
        _write(self.to or "canvas.csv", self._rows(gradebook))

    def _rows(self, gradebook: Gradebook) -> Iterator[Row]:
        assignments = _chosen(gradebook.assignments, self.assignment, lambda a: a.name)
        yield ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *(a.name for a in assignments)]
        yield ["    Points Possible", "", "", "", "", *(f"{a.max_score:g}" for a in assignments)]
        for student in _chosen(gradebook.students, self.student, lambda s: s.id):
            scores = [_score(gradebook, a, student) for a in assignments]
            yield [_name(student), "", student.id, student.id, "", *("" if s is None else f"{s:g}" for s in scores)]


class MoodleExporter(ExportPlugin):
    """A file for Moodle's grade import: map `ID number` or `Email address` to the user, each assignment to its item.

    Who has not handed in has a dash, which Moodle's own exports use, too.
    """

    def export(self, gradebook: Gradebook) -> None:
        """Write the file (`moodle.csv` unless `--to` says otherwise)."""
        _write(self.to or "moodle.csv", self._rows(gradebook))

    def _rows(self, gradebook: Gradebook) -> Iterator[Row]:
        assignments = _chosen(gradebook.assignments, self.assignment, lambda a: a.name)
        yield ["First name", "Last name", "ID number", "Email address", *(f"{a.name} (Real)" for a in assignments)]
        for student in _chosen(gradebook.students, self.student, lambda s: s.id):
            scores = [_score(gradebook, a, student) for a in assignments]
            about = [student.first_name or "", student.last_name or "", student.id, student.email or ""]
            yield [*about, *("-" if s is None else f"{s:g}" for s in scores)]


def _chosen(things: Sequence[Any], wanted: Sequence[Any], name: Callable[[Any], str]) -> list[Any]:
    """Those asked for, all if none is.

    Raises:
        ValueError: one that was asked for is not there.
    """
    there = {name(thing): thing for thing in things}
    if missing := [str(w) for w in wanted if str(w) not in there]:
        there_are = ", ".join(sorted(there)) or "nothing"
        raise ValueError(f"the gradebook does not know {', '.join(missing)}; it has {there_are}")
    return [there[str(w)] for w in wanted] if wanted else sorted(there.values(), key=name)


def _score(gradebook: Gradebook, assignment: Assignment, student: Student) -> float | None:
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return None
    return max(0.0, float(submission.score - (submission.late_submission_penalty or 0.0)))


def _name(student: Student) -> str:
    parts = [part for part in (student.last_name, student.first_name) if part]
    return ", ".join(parts) or str(student.id)


def _write(path: str, rows: Iterator[Row]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_safe(cell) for cell in row] for row in rows)
    write(Path(path), text.getvalue())


def _safe(cell: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "@", "\t", "\r") or (cell[:1] == "-" and cell != "-") else cell
