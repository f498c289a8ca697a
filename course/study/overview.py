"""Progress: what is passed, what is left, and how long that will take; for `course progress` and for notebooks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from course import exercises
from course.study import book
from course.study.card import GREEN, QUIET, Card, paragraph, scrolling, sentence
from course.study.settings import grading

Row = tuple[str, ...]
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
    """All exercises and challenges of a section, or of the course, in the lecture's order.

    Raises:
        UnknownExercise: there is no such section.
    """
    entries, found = book.read(), list[Line]()
    sections = (section,) if section else exercises.sections()
    tasks: list[exercises.Exercise | exercises.Challenge] = []
    for name in sections:
        tasks += [*exercises.of_section(name), *exercises.challenges(name)]
    for e in tasks:
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
    head, body = tabulated(chosen, section)
    if section:
        everything = total(lines())
        more = f"The whole course: {_counted(everything)}, {_time(everything)}."
    else:
        more = 'One section: `progress("descent")`.'
    kept = book.trouble() or "Kept on this machine only, and never sent."
    where = f"{kept} Written questions are not counted."
    title = f"<p style='margin:0 0 .3em'><b>Progress</b> · {html.escape(headline(chosen))}</p>"
    parts = [title, _bar(total(chosen)), _table(head, body), paragraph(f"{more} {where}", QUIET)]
    rows = ["  ".join(row).strip() for row in body]
    text = "\n".join([f"Progress · {headline(chosen)}", *rows, more.replace("`", ""), where])
    return Card("".join(parts), text, colour=GREEN)


def headline(chosen: Sequence[Line]) -> str:
    """What is passed, and the time that is left, in a line."""
    t = total(chosen)
    return f"{_counted(t)} · {_time(t)}"


def tabulated(chosen: Sequence[Line], section: str | None) -> tuple[Row, list[Row]]:
    """Head and rows of a table: exercise by exercise of a section, else section by section."""
    if section:
        return ("", "exercise", "points", "minutes", "difficulty", "attempts"), [_exercise_row(line) for line in chosen]
    names = dict.fromkeys(line.section for line in chosen)
    head = ("", "section", "passed", "tried", "untouched", "points", "min. done", "min. left", "difficulty")
    return head, [_section_row(name, [line for line in chosen if line.section == name]) for name in names]


def dots(difficulty: int) -> str:
    """Difficulty from 1 to 3."""
    return "●" * difficulty + "○" * (3 - difficulty)


def _exercise_row(line: Line) -> Row:
    seen = " (solution seen)" if line.solution else ""
    points, attempts = f"{line.points:g} / {line.max_points:g}", str(line.attempts or "")
    return MARKS[line.status], line.title + seen, points, str(line.minutes), dots(line.difficulty), attempts


def _section_row(name: str, chosen: Sequence[Line]) -> Row:
    t = total(chosen)
    mark = MARKS["passed" if t.passed == t.count else "tried" if t.passed + t.tried else "untouched"]
    counts = (str(t.passed), str(t.tried), str(t.untouched), f"{t.points:g} / {t.max_points:g}")
    mean = round(sum(line.difficulty for line in chosen) / len(chosen))
    return mark, name, *counts, str(t.minutes_done), str(t.minutes_left), dots(mean)


def _counted(t: Total) -> str:
    tried = f", {t.tried} tried" if t.tried else ""
    return f"{t.passed} of {t.count} exercises passed{tried}, {t.points:g} of {t.max_points:g} points"


def _time(t: Total) -> str:
    return f"{duration(t.minutes_left)} left" if t.minutes_left else "nothing left to do"


def duration(minutes: int) -> str:
    """Minutes as a person says them: 45 min, 2 h, 3 h 20 min."""
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0)) or "0 min"


def _spoken(text: str) -> str:
    """A cell's text; what only the eye can read gets words for those who listen, and for whoever points at it."""
    words = {mark: status for status, mark in MARKS.items()} | {dots(n): f"{n} of 3" for n in (1, 2, 3)}
    if text in words:
        return f'<span role="img" aria-label="{words[text]}" title="{words[text]}">{text}</span>'
    return html.escape(text)


def _bar(t: Total) -> str:
    parts = [(t.passed, GREEN, "1"), (t.tried, GREEN, ".5"), (t.untouched, "currentColor", ".12")]
    cells = "".join(
        f'<span style="flex:{n};background:{colour};opacity:{opacity}"></span>' for n, colour, opacity in parts if n
    )
    said = f"{t.passed} passed, {t.tried} tried, {t.untouched} untouched"
    style = "display:flex;height:.6em;border-radius:.3em;overflow:hidden;margin:.4em 0;gap:1px"
    return f'<div role="img" aria-label="{said}" title="{said}" style="{style}">{cells}</div>'


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    def cell(tag: str, i: int, text: str) -> str:
        side = "left" if i < 2 else "right"
        style = f"text-align:{side};vertical-align:top;padding:.1em .8em .1em 0;background:none;border:none"
        style += ";min-width:8em;white-space:normal" if i == 1 else ";white-space:nowrap"
        scope = ' scope="col"' if tag == "th" else ""
        scope += "" if text or tag == "td" else ' aria-label="how it stands"'
        return f'<{tag}{scope} style="{style}">{_spoken(text)}</{tag}>'

    rows = [("th", head), *(("td", row) for row in body)]
    written = "".join(
        f"<tr style='background:none'>{''.join(cell(tag, i, text) for i, text in enumerate(row))}</tr>"
        for tag, row in rows
    )
    return scrolling(f'<table style="border-collapse:collapse;margin:.3em 0;font-size:92%">{written}</table>')
