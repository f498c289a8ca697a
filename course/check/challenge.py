"""The result of a challenge: how it reads in a notebook, for nbgrader, and for a leaderboard."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course.check.limits import call_within
from course.check.report import HEADS, VERDICT_MIME, framed
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
    """

    challenge: Challenge
    status: str
    points: float
    sentence: str
    seed: int
    score: float | None = None

    def __repr__(self) -> str:
        return repr(round(self.points, 4))

    @property
    def passed(self) -> bool:
        """Whether all points were earned."""
        return self.status == "passed"

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
        worth = f"{self.points:g} of {self.challenge.points:g} points"
        return f"{HEADS[self.status]} · {self.challenge.function} · {worth}\n{self.sentence}"

    def html(self) -> str:
        """For a notebook."""
        head, *rest = self.text().split("\n")
        steps = " · ".join(
            f"{'✓' if self.score is not None and self.score >= least else '·'} {least:.0%}: {points:g} points"
            for least, points in self.challenge.steps
        )
        lines = (f"<b>{html.escape(head)}</b>", html.escape(" ".join(rest)), html.escape(steps))
        return framed(self.status, "".join(f'<p style="margin:.3em 0">{line}</p>' for line in lines))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self.html(), VERDICT_MIME: self.row()}


def enter(challenge: Challenge, function: Callable[..., Any], seed: int) -> Entry:
    """Let a function compete; whatever it does, there is an entry."""

    def entry(status: str, sentence: str) -> Entry:
        return Entry(challenge, status, 0.0, sentence, seed)

    try:
        done, found = call_within(challenge.seconds, lambda: challenge.run(function, seed))
    except NotImplementedError:
        return entry(
            "unwritten", f"{challenge.function} is not written yet: replace the line that raises by your code."
        )
    except Rejected as error:
        return entry("failed", str(error))
    except Exception as error:  # a student's function may raise anything
        return entry("failed", f"{challenge.function} stopped with {type(error).__name__}: {error!s:.300}")
    if not done:
        return entry("failed", f"{challenge.function} did not come to an end within {challenge.seconds:g} seconds.")
    score, used = found
    points = challenge.worth(score)
    status = "passed" if points == challenge.points else "partial" if points else "failed"
    higher = next((f" {least:.0%} would be worth {p:g} points." for least, p in challenge.steps if score < least), "")
    return Entry(
        challenge, status, points, f"{score:.1%} right on pictures never seen, with {used}.{higher}", seed, score
    )
