"""Plays impostors against every exercise: answers made without the work, as a process could send them.

`course.check.gate` tries wrong functions. Here nothing is run at all: observations are forged, sent over the wire and
judged as in grading. Whatever of it earns a point is a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course.check.answers import NotPlain, Traits, difference, plain
from course.check.judge import Key, answer_key, judge
from course.check.observe import Observation
from course.exercises.exercise import Exercise
from course.grading.verdict.wire import decode, encode

Forged = list[Observation]


@dataclass(frozen=True)
class Hole:
    """An impostor that earned points, or a reference that can be copied down."""

    exercise: str
    seed: int
    impostor: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.exercise}: {self.impostor} {self.sentence} (seed {self.seed})"

    def row(self) -> dict[str, Any]:
        """As plain fields."""
        return asdict(self)


def audit(
    exercises: Sequence[Exercise], seeds: Sequence[int], progress: Callable[[str], None] = lambda _: None
) -> list[Hole]:
    """All holes of these exercises over these seeds; `progress` hears each exercise and seed that is done."""
    holes = []
    for exercise in exercises:
        for seed in seeds:
            holes += list(holes_of(exercise, seed))
            progress(exercise.name)
    return holes


def holes_of(exercise: Exercise, seed: int) -> Iterator[Hole]:
    """What one exercise lets through at one seed."""
    key = answer_key(exercise, seed, whole=True)
    other = answer_key(exercise, seed + 1, whole=True).expected
    for name, forged in impostors(key, other):
        verdict = judge(exercise, seed, decode(encode(forged), len(key.cases)), key)
        if verdict.points:
            yield Hole(exercise.name, seed, name, f"earns {verdict.points:g} of {exercise.points:g} points")
    if _alike(key.expected, other):
        yield Hole(exercise.name, seed, "the reference", "answers the same whatever the seed: it can be copied down")


def impostors(key: Key, other: Forged) -> Iterator[tuple[str, Forged]]:
    """Forged observations, by name of the impostor; `other` is right for another seed."""
    cases, honest = key.cases, key.expected
    yield "stub", [replace(o, answer=None, error="NotImplementedError", unwritten=True) for o in honest]
    yield "nothing", _with(honest, [None] * len(honest))
    yield "zeros", _with(honest, [_filled(o.answer, 0) for o in honest])
    yield "ones", _with(honest, [_filled(o.answer, 1) for o in honest])
    yield "not a number", _with(honest, [_filled(o.answer, float("nan")) for o in honest])
    if not _alike(honest, [honest[0]] * len(honest)):
        yield "constant", [honest[0]] * len(honest)
    yield "replayed", _fitted(other, len(honest))
    for at in range(max(len(case.inputs) for case in cases)):
        echoed = [plain(case.inputs[min(at, len(case.inputs) - 1)], Traits()) for case in cases]
        if not _alike(honest, forged := _with(honest, echoed)):
            yield f"echo of input {at + 1}", forged
    yield "everything is empty", _with(honest, [[] if isinstance(o.answer, list) else {} for o in honest])


def _with(honest: Forged, answers: Sequence[Any]) -> Forged:
    """Nothing printed, nothing edited, no error: only the answers."""
    return [Observation(answer=answer, devices=frozenset({"cpu"}), seconds=o.seconds)
            for o, answer in zip(honest, answers, strict=True)]  # fmt: skip


def _filled(value: Any, number: float) -> Any:
    """The same form, with one number everywhere."""
    if isinstance(value, Tensor):
        whole = not value.dtype.is_floating_point and not value.dtype.is_complex
        return torch.full_like(value, 0 if whole and number != number else number)
    if isinstance(value, np.ndarray):
        return np.full_like(value, 0 if value.dtype.kind != "f" and number != number else number)
    if isinstance(value, list):
        return [_filled(v, number) for v in value]
    if isinstance(value, dict):
        return {key: _filled(v, number) for key, v in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return type(value)(number) if number == number or isinstance(value, float) else 0


def _fitted(seen: Forged, count: int) -> Forged:
    """Another seed's answers for this one's questions; there may be fewer or more."""
    return (seen * count)[:count] if len(seen) < count else seen[:count]


def _alike(first: Forged, second: Forged) -> bool:
    def differ(a: Observation, b: Observation) -> bool:
        try:
            return difference(a.answer, b.answer, 1e-6, 1e-6) is not None
        except NotPlain:
            return True

    return len(first) == len(second) and not any(differ(a, b) for a, b in zip(first, second, strict=True))
