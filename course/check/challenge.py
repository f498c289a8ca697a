"""The result of a challenge: how it reads in a notebook, for nbgrader, and for a leaderboard."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from course.check.answers import Traits, plain
from course.check.limits import call_within
from course.check.observe import Observation
from course.check.report import HEADS, VERDICT_MIME, framed, headline, noted
from course.exercises.challenge import Challenge, Rejected


@dataclass(frozen=True, repr=False)
class Entry:
    """What a challenge came to. Its `repr` is the points earned, which nbgrader reads as (partial) credit.

    Attributes:
        challenge: which.
        status: passed (all points), partial, failed (none) or unwritten.
        points: earned.
        sentence: what there is to say.
        seed: brings the same start and the same test pictures back.
        score: share of right answers; None if it could not be measured.
        hints: what is offered at the end to whoever learns alone, as HTML and as text.
        note: a sentence at the beginning, about the version that was checked.
    """

    challenge: Challenge
    status: str
    points: float
    sentence: str
    seed: int
    score: float | None = None
    hints: tuple[str, str] = ("", "")
    note: str = ""

    def __repr__(self) -> str:
        return repr(round(self.points, 4))

    @property
    def passed(self) -> bool:
        """Whether all points were earned."""
        return self.status == "passed"

    def with_hints(self, hints: tuple[str, str], note: str = "") -> Entry:
        """The same, and what is offered besides."""
        return replace(self, hints=hints, note=note)

    def row(self) -> dict[str, Any]:
        """As plain fields, those of other checks and the score."""
        return {
            "exercise": self.challenge.name,
            "status": self.status,
            "points": self.points,
            "max_points": float(self.challenge.points),
            "layer": None,
            "misconception": None,
            "sentence": self.sentence,
            "seed": self.seed,
            "score": self.score,
        }

    def text(self) -> str:
        """For a terminal."""
        lines = [f"{HEADS[self.status]} · {self.challenge.function} · {self._worth()}", self.note, self.sentence]
        return "\n".join(filter(None, [*lines, self.hints[1]]))

    def html(self) -> str:
        """For a notebook."""
        apart = "margin-right:1em;white-space:nowrap"
        steps = "".join(
            f'<span style="{apart}">{self._mark(least)} {100 * least:.0f} %: {points:g} points</span> '
            for least, points in self.challenge.steps
        )
        return framed(
            self.status,
            headline(self.status, self.challenge.function, self._worth())
            + noted(self.note)
            + f'<p style="margin:.3em 0;opacity:.75;font-size:90%">{steps}</p>'
            + f'<p style="margin:.3em 0">{html.escape(self.sentence)}</p>'
            + self.hints[0],
        )

    def _mark(self, least: float) -> str:
        return "✓" if self.score is not None and self.score >= least else "·"

    def _worth(self) -> str:
        return f"{self.points:g} of {self.challenge.points:g} points"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self.html(), VERDICT_MIME: self.row()}


def enter(challenge: Challenge, function: Callable[..., Any], seed: int) -> Entry:
    """Let a function compete; whatever it does, there is an entry."""
    return measured(challenge, attempt(challenge, function, challenge.start(seed)), seed)


def attempt(challenge: Challenge, function: Callable[..., Any], start: int) -> Observation:
    """Let a function train from a start (`challenge.start(seed)`); what came of it, as plain data."""
    seen, started = Observation(), time.perf_counter()
    try:
        done, trained = call_within(challenge.seconds, lambda: challenge.train(function, start))
        seen.timed_out, seen.answer = not done, plain(trained, Traits())
    except NotImplementedError:
        seen.unwritten = True
    except Exception as error:  # a student's function may raise anything
        seen.error, seen.message = type(error).__name__, f"{error!s:.300}"
    seen.seconds = time.perf_counter() - started
    return seen


def measured(challenge: Challenge, seen: Observation, seed: int) -> Entry:
    """The entry that an attempt from this seed's start makes; nothing of the student's runs here."""

    def entry(status: str, sentence: str) -> Entry:
        return Entry(challenge, status, 0.0, sentence, seed)

    name = challenge.function
    if seen.unwritten:
        return entry(
            "unwritten", f"{name} is not written yet: replace the line that raises by your code, and run its cell."
        )
    if seen.timed_out:
        return entry("failed", f"{name} did not come to an end within {challenge.seconds:g} seconds.")
    if seen.error == Rejected.__name__:
        return entry("failed", seen.message)
    if seen.error:
        return entry("failed", f"{name} stopped with {seen.error}: {seen.message}")
    try:
        score, used = challenge.score(seen.answer, seed)
    except Rejected as error:
        return entry("failed", str(error))
    points = challenge.worth(score)
    status = "passed" if points == challenge.points else "partial" if points else "failed"
    higher = ((100 * least, p) for least, p in challenge.steps if score < least)
    next_step = next((f" {share:.0f} % would be worth {p:g} points." for share, p in higher), "")
    sentence = f"{100 * score:.1f} % right on pictures never seen, with {used}.{next_step}"
    return Entry(challenge, status, points, sentence, seed, score)
