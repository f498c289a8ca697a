"""Progress: what is passed, what is left, and how long that will take; for `course progress` and for notebooks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from course import exercises
from course.study import book
from course.study.card import GREEN, QUIET, Card, paragraph, sentence
from course.study.settings import grading

MARKS = {"passed": "✓", "tried": "◐", "untouched": "·"}


@dataclass(frozen=True)
class Line:
    """One exercise and how it stands; `solution` says whether its solution was looked at."""

    section: str
    exercise: str
    title: str
    status: str
    attempts: int
    points: float
    max_points: float
    minutes: int
    difficulty: int
    solution: bool

    def row(self) -> dict[str, Any]:
        """Plain fields."""
        return asdict(self)


@dataclass(frozen=True)
class Total:
    """Several exercises together."""

    passed: int
    tried: int
    untouched: int
    points: float
    max_points: float
    minutes_done: int
    minutes_left: int

    @property
    def count(self) -> int:
        """How many exercises."""
        return self.passed + self.tried + self.untouched


def lines(section: str | None = None) -> list[Line]:
    """All exercises of a section, or of the course, in the lecture's order.

    Raises:
        UnknownExercise: there is no such section.
    """
    chosen = exercises.of_section(section) if section else exercises.every()
    entries, found = book.read(), list[Line]()
    for e in chosen:
        entry = entries.get(e.name, book.UNTOUCHED)
        points = min(entry.points, float(e.points))
        stands = (e.section, e.name, e.title, entry.status, entry.attempts, points, float(e.points))
        found.append(Line(*stands, e.minutes, e.difficulty, entry.solution))
    return found


def total(chosen: Sequence[Line]) -> Total:
    """The sums: minutes are those to plan for, done for what is passed."""
    passed, tried, untouched = (sum(line.status == s for line in chosen) for s in ("passed", "tried", "untouched"))
    done = sum(line.minutes for line in chosen if line.status == "passed")
    return Total(
        passed,
        tried,
        untouched,
        points=sum(line.points for line in chosen),
        max_points=sum(line.max_points for line in chosen),
        minutes_done=done,
        minutes_left=sum(line.minutes for line in chosen) - done,
    )


def progress(section: str | None = None) -> Card:
    """What is passed: of one section exercise by exercise, or of the whole course section by section.

    Raises:
        UnknownExercise: there is no such section.
    """
    chosen = lines(section)
    if grading():
        return sentence("Progress is not shown while a notebook is graded or validated.")
    done, everything = total(chosen), total(lines())
    headline = f"{_counted(done)} · {_time(done)}"
    if section:
        head, body = ("", "Exercise", "Points", "Minutes", "Difficulty"), [_exercise_row(line) for line in chosen]
        whole = f"The whole course: {_counted(everything)}, {_time(everything)}."
    else:
        names = exercises.sections()
        head = ("", "Section", "Passed", "Points", "Minutes left")
        body = [_section_row(name, [line for line in chosen if line.section == name]) for name in names]
        whole = 'One section: `progress("descent")`.'
    where = "Kept on this machine only, and never sent. Written questions are not counted."
    table = _table(head, body)
    title = f"<p style='margin:0 0 .3em'><b>Progress</b> · {html.escape(headline)}</p>{_bar(done)}"
    text = "\n".join(
        ["Progress · " + headline, *("  ".join(filter(None, row)) for row in body), whole.replace("`", ""), where]
    )
    return Card(title + table + paragraph(f"{whole} {where}", QUIET), text, colour=GREEN)


def dots(difficulty: int) -> str:
    """Difficulty from 1 to 3."""
    return "●" * difficulty + "○" * (3 - difficulty)


def _exercise_row(line: Line) -> tuple[str, ...]:
    seen = " (solution seen)" if line.solution else ""
    points = f"{line.points:g} / {line.max_points:g}"
    return MARKS[line.status], line.title + seen, points, str(line.minutes), dots(line.difficulty)


def _section_row(name: str, chosen: Sequence[Line]) -> tuple[str, ...]:
    t = total(chosen)
    mark = MARKS["passed" if t.passed == t.count else "tried" if t.passed + t.tried else "untouched"]
    return mark, name, f"{t.passed} of {t.count}", f"{t.points:g} / {t.max_points:g}", str(t.minutes_left)


def _counted(t: Total) -> str:
    tried = f", {t.tried} tried" if t.tried else ""
    return f"{t.passed} of {t.count} exercises passed{tried}, {t.points:g} of {t.max_points:g} points"


def _time(t: Total) -> str:
    return f"{duration(t.minutes_left)} left" if t.minutes_left else "nothing left to do"


def duration(minutes: int) -> str:
    """Minutes as a person says them: 45 min, 2 h, 3 h 20 min."""
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0)) or "0 min"


def _bar(t: Total) -> str:
    parts = [(t.passed, GREEN, "1"), (t.tried, GREEN, ".35"), (t.untouched, "currentColor", ".12")]
    cells = "".join(
        f'<span style="flex:{n};background:{colour};opacity:{opacity}"></span>' for n, colour, opacity in parts if n
    )
    said = f"{t.passed} passed, {t.tried} tried, {t.untouched} untouched"
    style = "display:flex;height:.6em;border-radius:.3em;overflow:hidden;margin:.4em 0;gap:1px"
    return f'<div role="img" aria-label="{said}" title="{said}" style="{style}">{cells}</div>'


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    def cell(tag: str, i: int, text: str) -> str:
        side = "left" if i < 2 else "right"
        style = f"text-align:{side};padding:.1em .8em .1em 0;background:none;border:none;white-space:nowrap"
        return f'<{tag} style="{style}">{html.escape(text)}</{tag}>'

    rows = [("th", head), *(("td", row) for row in body)]
    written = "".join(
        f"<tr style='background:none'>{''.join(cell(tag, i, text) for i, text in enumerate(row))}</tr>"
        for tag, row in rows
    )
    return f'<table style="border-collapse:collapse;margin:.3em 0;font-size:92%">{written}</table>'
