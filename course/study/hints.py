"""Hints in stages: the idea, then pseudocode, then a right answer beside one's own code."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from course import exercises
from course.exercises.challenge import Challenge
from course.exercises.exercise import Exercise
from course.study import book, code
from course.study.card import QUIET, Card, block, folded, paragraph, sentence
from course.study.settings import grading, hints_on

ENOUGH = 3
"""After so many different attempts the solution is shown at the first request; before, at the second."""


def hint(name: str, function: Callable[..., Any] | None = None) -> Card:
    """Help with an exercise, in stages.

    Args:
        name: the exercise, e.g. "descent.gd_step". Alone, it gives the idea, and pseudocode to unfold.
        function: your function as it is now. With it, a right answer is shown beside your code: at once if you have
            passed or tried three versions, else when you ask a second time. Your code is read, not run.

    Raises:
        UnknownExercise: there is no such exercise; the message lists near matches.
        TypeError: `function` is no function.
    """
    exercise = exercises.get(name)
    if function is not None and not callable(function):
        raise TypeError(
            f"hint needs your function itself, as in hint({name!r}, {exercise.function}); it got a value of type "
            f"{type(function).__name__}. Leave out the parentheses after the name."
        )
    if grading():
        return sentence("Hints are not shown while a notebook is graded or validated.")
    if not hints_on():
        return sentence("Hints are switched off in this class.")
    if function is None:
        return _stages(exercise)
    before = book.read().get(name, book.UNTOUCHED)
    if before.status == "passed" or before.attempts >= ENOUGH or before.asked:
        book.change(name, lambda entry: replace(entry, solution=True))
        return _solution(exercise, function)
    book.change(name, lambda entry: replace(entry, asked=entry.asked + 1))
    return _stages(exercise, asked_early=before)


def _stages(exercise: Exercise | Challenge, asked_early: book.Entry | None = None) -> Card:
    """Idea and pseudocode; with an entry, in place of a solution that was asked for early."""
    ask = f'`hint("{exercise.name}", {exercise.function})`'
    if asked_early:
        tried = ("You have not tried it yet", "You have tried it once", "You have tried it twice")
        so_far = tried[min(asked_early.attempts, 2)]
        last = f"{so_far}. Give it one more try with this; to see a solution all the same, run the cell again."
    else:
        last = f"Still stuck? {ask} shows a right answer beside your code."
    body = (
        f"<p style='margin:0 0 .3em'><b>Hint</b> · <code>{exercise.function}</code></p>"
        + paragraph(exercise.idea)
        + folded("Pseudocode", block(pseudocode(exercise)), unfolded=asked_early is not None)
        + paragraph(last, QUIET)
    )
    text = f"Hint · {exercise.function}\n{exercise.idea}\n\n{pseudocode(exercise)}\n\n{last.replace('`', '')}"
    return Card(body, text)


def _solution(exercise: Exercise | Challenge, function: Callable[..., Any]) -> Card:
    own = code.source_of(function)
    mine = code.bare(own) if own else ""
    right = code.answer(exercise, mine)
    head = f"<p style='margin:0 0 .3em'><b>Solution</b> · <code>{exercise.function}</code></p>"
    if not own:
        note = "The source of your function cannot be read here, so this is a right answer alone."
        return Card(head + paragraph(note) + block(right), f"{note}\n\n{right}")
    note = "There are other right ways: what counts is what the check says."
    body = head + code.side_by_side(mine, right) + paragraph(note, QUIET)
    return Card(
        body, f"Solution · {exercise.function} (− yours, + a right answer)\n{code.as_text(mine, right)}", width="72em"
    )


def pseudocode(exercise: Exercise | Challenge) -> str:
    """The second hint, without the indentation that it has in its file."""
    return inspect.cleandoc(exercise.pseudocode)


def offer(exercise: Exercise | Challenge, status: str, entry: book.Entry) -> tuple[str, str]:
    """What a report adds at its end, as HTML and as text: hints that are unlocked by now, and how to get the next."""
    if not exercise.idea or not hints_on():
        return "", ""
    ask, show = f'hint("{exercise.name}")', f'hint("{exercise.name}", {exercise.function})'
    if status == "passed":
        line = f"`{show}` shows another right answer beside yours."
    elif status == "unwritten":
        line = f"No idea how to begin? `{ask}`"
    elif entry.attempts < 2:
        line = f"After your next attempt, pseudocode; or now: `{ask}`"
    else:
        line = f"`{show}` shows a right answer beside your code."
    tried = status in ("failed", "partial")
    body = folded("Hint 1 of 3: the idea", paragraph(exercise.idea)) if tried else ""
    if tried and entry.attempts >= 2:
        body += folded("Hint 2 of 3: pseudocode", block(pseudocode(exercise)))
    return f'<div style="margin-top:.4em">{body}{paragraph(line, QUIET)}</div>', line.replace("`", "")
