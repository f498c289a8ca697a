"""Which known mistake a function's behaviour looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from course.check.evidence import Evidence
from course.check.observe import Observation, observe
from course.exercises.exercise import Misconception


def diagnose(evidence: Evidence) -> tuple[Misconception, ...]:
    """The known mistakes that behave as the student's function does on every case, most telling first."""
    exercise, suspects = evidence.exercise, _Suspects(evidence)
    candidates = ((exercise.given,) if exercise.given else ()) + exercise.misconceptions
    found = tuple(m for m in candidates if suspects.match(m))
    if found or not exercise.telling:
        return found
    wrong = [part for part in exercise.telling if _part_wrong(part, evidence)]
    return tuple(m for part in wrong for m in candidates if suspects.match(m, part))


class _Suspects:
    """Compares mistakes with what was seen; each of them runs at most once on each case."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence, self._seen = evidence, dict[tuple[int, int], Observation]()

    @cached_property
    def failing(self) -> list[int]:
        """The cases with a broken property."""
        return [i for i in self.evidence.numbered() if _broken(self.evidence, i)]

    def match(self, mistake: Misconception, part: str | None = None) -> bool:
        """Whether a mistake shows the same behaviour, or the same in one part of the answer."""
        evidence = self.evidence
        if mistake.recognise is not None:
            return part is None and _recognised(mistake, evidence, self.failing)
        if not any(o.returned for o in evidence.student):
            return False  # equal exceptions alone say little about what was meant
        return any(
            all(_only(part, seen).like(_only(part, self._of(variant, i)), *evidence.tolerance)
                for i, seen in enumerate(evidence.student))
            for variant in (mistake.implementation, *mistake.variants)
        )  # fmt: skip

    def _of(self, variant: Callable[..., Any], i: int) -> Observation:
        key = id(variant), i
        if key not in self._seen:
            self._seen[key] = observe(self.evidence.exercise, variant, self.evidence.cases[i], i, edits=False)
        return self._seen[key]


def _only(part: str | None, seen: Observation) -> Observation:
    """The observation reduced to one part of its answer: `part` itself, or that of each step, `step 3: part`."""
    if part is None or not isinstance(seen.answer, dict):
        return seen
    kept = {key: value for key, value in seen.answer.items() if key == part or key.endswith(f": {part}")}
    return replace(seen, answer=kept)


def _part_wrong(part: str, evidence: Evidence) -> bool:
    pairs = zip(evidence.student, evidence.expected, strict=True)
    return not all(_only(part, s).like(_only(part, e), *evidence.tolerance) for s, e in pairs)


def _recognised(mistake: Misconception, evidence: Evidence, failing: list[int]) -> bool:
    assert mistake.recognise is not None
    if not all(o.returned for o in evidence.student):
        return False  # what made it fail elsewhere is not explained by how its other answers look
    return bool(failing) and all(
        _safely(mistake.recognise, evidence.cases[i].inputs, evidence.student[i].answer) for i in failing
    )


def _broken(evidence: Evidence, i: int) -> bool:
    answer, inputs = evidence.student[i].answer, evidence.cases[i].inputs
    return any(_safely(p.broken, inputs, answer) for p in evidence.exercise.properties)


def _safely(test: Callable[[Any, Any], Any], inputs: Any, answer: Any) -> bool:
    try:
        return bool(test(inputs, answer))
    except Exception:  # an answer of a form that nobody thought of shows nothing
        return False
