"""What there is to judge by: the cases, and what the student's function and the reference did on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from course.check.answers import size
from course.check.observe import Observation, observe
from course.exercises.exercise import Case, Exercise


@dataclass
class Evidence:
    """All that the layers look at: cases, what the student's function did, what the reference did."""

    exercise: Exercise
    cases: list[Case]
    student: list[Observation]
    expected: list[Observation]

    @property
    def tolerance(self) -> tuple[float, float]:
        """rtol, atol."""
        return self.exercise.rtol, self.exercise.atol

    def numbered(self, *kinds: str) -> list[int]:
        """Positions of the cases of these kinds, smallest inputs first."""
        chosen = [i for i, c in enumerate(self.cases) if not kinds or c.kind in kinds]
        return sorted(chosen, key=lambda i: size(self.cases[i].inputs)) if kinds != ("hand",) else chosen


def plan(exercise: Exercise, seed: int) -> list[Case]:
    """The cases to run, in order: those of the exercise, then the last one again (is the answer the same?)."""
    cases = exercise.draw(seed)
    return [*cases, replace(cases[-1], label=f"{cases[-1].label}, asked again")]


def run(
    exercise: Exercise, function: Callable[..., Any], cases: Sequence[Case], patience: float = 1.0, edits: bool = True
) -> list[Observation]:
    """Observe a function on all cases; after a first time-out or missing code the rest is not waited for."""
    seen: list[Observation] = []
    for number, case in enumerate(cases):
        seen.append(observe(exercise, function, case, number, patience, edits))
        if seen[-1].timed_out or seen[-1].unwritten:
            seen += [seen[-1]] * (len(cases) - len(seen))
            break
    return seen
