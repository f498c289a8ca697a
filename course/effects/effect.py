"""What an effect is: a claim that can be measured, and may turn out false."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib import rc_context

from course.effects.picture import STYLE, Picture
from course.neutral import one_thread

Numbers = dict[str, float]


@dataclass(frozen=True)
class Prediction:
    """A question to answer before an experiment: a common misconception is among the options.

    Attributes:
        question: what is asked; it does not give the answer away.
        options: what there is to choose from.
        answer: numbers of one run → the number of the option that they bear out, from 0.
        told: numbers of one run → a sentence or two with what was measured.
    """

    question: str
    options: tuple[str, ...]
    answer: Callable[[Numbers], int]
    told: Callable[[Numbers], str]


@dataclass(frozen=True)
class Effect:
    """One claim of the lecture, with the experiment that tests it.

    Attributes:
        name: `section.effect`.
        claim: one or two sentences that a student reads; they say what is measured, and nothing more.
        run: seed → numbers, the experiment once; equal seeds give equal numbers.
        holds: numbers of several seeds → whether the claim is true of them. It is strict enough to fail.
        draw: seed → picture of one run, its caption with the numbers measured.
        seconds: what one run takes, on one thread of an ordinary processor.
        prediction: what is asked before it in a notebook, if anything is.
    """

    name: str
    claim: str
    run: Callable[[int], Numbers]
    holds: Callable[[Sequence[Numbers]], bool]
    draw: Callable[[int], Picture]
    seconds: float
    prediction: Prediction | None = None

    @property
    def section(self) -> str:
        """The lecture section: the name's first half."""
        return self.name.split(".")[0]

    def measure(self, seed: int = 0) -> Numbers:
        """The numbers of one run."""
        with one_thread():
            return self.run(seed)

    def show(self, seed: int = 0) -> Picture:
        """Run the experiment and draw it. While nbgrader grades or validates, only a line: no grade depends on it."""
        if os.environ.get("NBGRADER_EXECUTION"):
            return Picture(None, f"{self.name}: experiments are not re-run while grading")
        with one_thread(), rc_context(STYLE):  # type: ignore[arg-type]
            return self.draw(seed)
