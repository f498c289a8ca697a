"""Judges a function against an exercise, and explains.

`check(name, function)` is what a notebook calls under each exercise; `gate.verify` proves that the checks
themselves are sound.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any

from course import exercises
from course.check.challenge import Entry, enter
from course.check.evidence import plan, run
from course.check.judge import Verdict, judge
from course.check.report import CheckFailed, Report
from course.exercises.challenge import Challenge
from course.exercises.exercise import Exercise
from course.neutral import neutral
from course.study import book, code, hints
from course.study.settings import grading

__all__ = ["CheckFailed", "Report", "check", "verdict"]


def check(name: str, function: Callable[..., Any], *, seed: int | None = None) -> Report | Entry:
    """Check a function against the exercise called `name` (e.g. "descent.gd_step") and explain the outcome.

    If `name` is that of a challenge, the function competes, and what it reaches decides about the points.

    Inputs are drawn from `seed`, a new one each time unless given (or set as COURSE_SEED). The report shows
    points as its `repr`. While nbgrader grades or validates, an answer worth nothing raises `CheckFailed`;
    elsewhere the report says so and the notebook goes on, the outcome is entered into the learner's progress, and the
    report offers hints.

    Raises:
        UnknownExercise: there is no such exercise; the message lists near matches.
        CheckFailed: the function earned nothing, and nbgrader is running.
    """
    task = exercises.get(name)
    if isinstance(task, Challenge):
        _must_be_callable(task.name, function)
        report: Report | Entry = enter(task, function, _seed() if seed is None else seed)
    else:
        report = Report(verdict(task, function, seed))
    if not grading():
        return report.with_hints(*_hints(task, report.row()["status"], report.points, function))
    if report.points == 0:
        _display(report)
        row = report.row()
        raise CheckFailed(f"{row['exercise'].split('.')[-1]}: {row['sentence']}")
    return report


def _hints(
    task: Exercise | Challenge, status: str, points: float, function: Callable[..., Any]
) -> tuple[tuple[str, str], str]:
    """Enter the outcome into the learner's progress; what the report offers besides, and a note on the version."""
    if code.handed_out(task, function):
        status = "unwritten"
    version, before = code.digest(function), book.read().get(task.name, book.UNTOUCHED)
    offered = hints.offer(task, status, book.checked(task.name, status, points, version))
    if code.overtaken(function, task.function):
        return offered, f"The cell of {task.function} stopped with an error, so this is about the version before it."
    # A challenge is entered again on purpose, with other seeds.
    again = isinstance(task, Exercise) and status in ("failed", "partial") and version and version == before.digest
    return offered, "This version was checked before. After a change, run its cell first." if again else ""


def _must_be_callable(name: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(
            f"check needs your function itself, as in check({name!r}, {name.split('.')[-1]}); "
            f"it got a value of type {type(function).__name__}. Leave out the parentheses after the name."
        )


def verdict(exercise: Exercise, function: Callable[..., Any], seed: int | None = None) -> Verdict:
    """The verdict on a function, without any display."""
    _must_be_callable(exercise.name, function)
    if seed is None:
        seed = _seed()
    with neutral():
        return judge(exercise, seed, run(exercise, function, plan(exercise, seed)))


def _seed() -> int:
    wanted = os.environ.get("COURSE_SEED")
    if not wanted:
        return secrets.randbelow(2**31)
    if not wanted.isdecimal():
        raise ValueError(f"COURSE_SEED must be a whole number, got {wanted!r}")
    return int(wanted)


def _display(report: Report | Entry) -> None:
    try:
        from IPython.core.getipython import get_ipython
        from IPython.display import display
    except ImportError:
        return
    if get_ipython() is not None:
        bundle = {**report._repr_mimebundle_(), "text/plain": report.text()}
        display(bundle, raw=True)
