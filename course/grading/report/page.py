"""`course report`: one page about an assignment, made of what grading noted. Static, offline, nothing in it runs."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console
from rich.markup import escape

from course.files import write, write_rows
from course.grading.classroom import Classroom, ClassroomError, Outcome
from course.grading.diagnosis import STATUSES

BARS = 10
SLOWEST = 10
STATES = (*STATUSES, "not run")


@dataclass
class Exercise:
    """One exercise, over the class."""

    name: str
    points: float
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many submissions."""
        return sum(self.counts.values())

    @property
    def rate(self) -> float:
        """Share of those who passed."""
        return self.counts["passed"] / self.total if self.total else 0.0

    def share(self, status: str) -> float:
        """Per cent of the submissions."""
        return 100 * self.counts[status] / self.total if self.total else 0.0


@dataclass
class Mistake:
    """A misconception, and whom it hit."""

    exercise: str
    name: str
    sentence: str
    students: list[str]


@dataclass(frozen=True)
class Bar:
    """Submissions whose scores lie in one part of the scale."""

    low: float
    high: float
    count: int
    height: float


@dataclass(frozen=True)
class Summary:
    """All that the page shows.

    Attributes:
        outcomes: graded submissions, at least one.
        ungraded: students whose submissions have no outcome yet.
        exercises: in the assignment's order.
        mistakes: the most frequent first.
        bars: the distribution of scores.
        flagged: what a person should look at: failures and remarks.
    """

    outcomes: Sequence[Outcome]
    ungraded: Sequence[str]
    exercises: Sequence[Exercise]
    mistakes: Sequence[Mistake]
    bars: Sequence[Bar]
    flagged: Sequence[Outcome]

    @property
    def max_score(self) -> float:
        """Points that checks can give."""
        return max((o.max_score for o in self.outcomes), default=0.0)

    @property
    def mean(self) -> float:
        """Of the scores."""
        return fmean(o.score for o in self.outcomes)

    @property
    def median(self) -> float:
        """Of the scores."""
        return median(o.score for o in self.outcomes)

    @property
    def slowest(self) -> list[Outcome]:
        """Who took longest."""
        return sorted(self.outcomes, key=lambda o: -o.seconds)[:SLOWEST]

    @property
    def waiting(self) -> int:
        """Submissions with something for a person to judge."""
        return sum(o.waiting > 0 for o in self.outcomes)


def summarise(classroom: Classroom) -> Summary:
    """What is known about an assignment.

    Raises:
        ClassroomError: nothing has been graded yet.
    """
    known = {name: classroom.outcome(name) for name in classroom.students()}
    outcomes = [outcome for outcome in known.values() if outcome is not None]
    if not outcomes:
        raise ClassroomError(
            f"nothing of {classroom.assignment} is graded yet: `course autograde {classroom.assignment}` does that"
        )
    exercises: dict[str, Exercise] = {}
    mistakes: dict[tuple[str, str], Mistake] = {}
    for outcome in outcomes:
        for f in outcome.findings:
            exercises.setdefault(f.exercise, Exercise(f.exercise, f.max_points)).counts[f.status] += 1
            if f.misconception:
                fresh = Mistake(f.exercise, f.misconception, f.sentence, [])
                mistakes.setdefault((f.exercise, f.misconception), fresh).students.append(outcome.student)
    return Summary(
        outcomes,
        [name for name, outcome in known.items() if outcome is None],
        list(exercises.values()),
        sorted(mistakes.values(), key=lambda m: -len(m.students)),
        _bars(outcomes),
        [o for o in outcomes if o.failed or o.remarks],
    )


def _bars(outcomes: Sequence[Outcome]) -> list[Bar]:
    top = max((o.max_score for o in outcomes), default=0.0)
    width = top / BARS or 1.0
    # The full score belongs to the last bar, not to one of its own.
    counts = Counter(min(BARS - 1, math.floor(o.score / width + 1e-9)) for o in outcomes)
    most = max(counts.values(), default=1)
    return [Bar(i * width, (i + 1) * width, counts[i], 100 * counts[i] / most) for i in range(BARS)]


def render(summary: Summary, title: str, flags: Sequence[dict[str, Any]] = ()) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("course.grading.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return environment.get_template("page.html").render(
        s=summary, title=title, made=made, states=STATES, flags=list(flags)
    )


def main(assignment: str, folder: Path, output: Path | None, json_file: Path | None = None) -> None:
    """Write the page; end the process with 1 if there is nothing to report.

    Args:
        assignment: nbgrader's name of it.
        folder: the course directory.
        output: where to; `reports/ASSIGNMENT.html` in the course directory unless given.
        json_file: also write a row for each exercise there; `-` prints them and nothing else.
    """
    alone = json_file is not None and str(json_file) == "-"
    console = Console(stderr=alone)
    try:
        classroom = Classroom(folder, assignment)
        summary = summarise(classroom)
        path = output or classroom.folder / "reports" / f"{assignment}.html"
        write(path, render(summary, assignment, _flags(classroom)))
    except (ClassroomError, OSError) as error:
        console.print(f"[red]✗[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    if json_file:
        write_rows([_row(e) for e in summary.exercises], json_file)
    console.print(f"{len(summary.outcomes)} submissions, mean {summary.mean:.1f} of {summary.max_score:g} points.")
    console.print(f"The page: [bold]{escape(str(path))}[/bold]", soft_wrap=True)


def _flags(classroom: Classroom) -> list[dict[str, Any]]:
    """What reading the sources brought to light, without what is often innocent; none if there is nothing to read."""
    from course.grading.review import ReviewError, survey

    try:
        found = survey(classroom.folder, classroom.assignment)
    except ReviewError:
        return []
    return [flag.row() for flag in found.flags if flag.severity != "low"]


def _row(exercise: Exercise) -> dict[str, Any]:
    counts = {state.replace(" ", "_"): exercise.counts[state] for state in STATES}
    return {"exercise": exercise.name, "points": exercise.points, "rate": round(exercise.rate, 4), **counts}
