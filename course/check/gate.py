"""The gate: proves that the checks are sound.

For every exercise and every seed: the reference and all alternatives pass; the stub earns nothing; every known
mistake earns nothing and is named; impostors that do no work at all (echo, zeros, a constant) earn nothing; the
reference's answers depend on the seed, and have one form where only their form and properties count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from course.check.answers import NotPlain, difference
from course.check.evidence import plan, run
from course.check.judge import Verdict, answer_key, judge
from course.exercises.exercise import Exercise, Misconception


@dataclass(frozen=True)
class Culprit:
    """One thing that is wrong with one exercise, and the seed that shows it."""

    exercise: str
    seed: int
    what: str
    who: str
    detail: str

    def row(self) -> dict[str, Any]:
        """Plain fields."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.exercise} (seed {self.seed}): {self.what} — {self.who}: {self.detail}"


def verify(
    exercises: Iterable[Exercise], seeds: Sequence[int], advance: Callable[[str], None] = lambda name: None
) -> list[Culprit]:
    """All culprits over these exercises and seeds; an empty list is the proof. `advance` is called after each pair."""
    found: list[Culprit] = []
    for exercise in exercises:
        found += structure(exercise)
        for seed in seeds:
            try:
                found += culprits(exercise, seed)
            except NotPlain as error:
                found.append(Culprit(exercise.name, seed, "no plain data", "reference", str(error)))
            advance(exercise.name)
        found += _constant_reference(exercise, seeds)
    return found


def structure(exercise: Exercise) -> Iterator[Culprit]:
    """What can be said without running anything: enough misconceptions, names used once, values in range."""

    def culprit(what: str, who: str, detail: str) -> Culprit:
        return Culprit(exercise.name, -1, what, who, detail)

    names = [m.name for m in exercise.misconceptions]
    if len(names) < 3:
        yield culprit("too few misconceptions", "exercise", f"{len(names)} are known, at least 3 are needed")
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield culprit("misconception twice", name, "names must differ")
    if exercise.points <= 0 or exercise.minutes <= 0 or not exercise.signature.startswith(f"{exercise.function}("):
        yield culprit("bad description", "exercise", "points and minutes must be positive, the signature must fit")
    for hint in ("idea", "pseudocode"):
        if not getattr(exercise, hint).strip():
            yield culprit("no hint", hint, "whoever is stuck needs one; `course.exercises.Exercise` says what it holds")
    if exercise.shown is not None and exercise.shown not in exercise.alternatives:
        yield culprit("an unproven answer is shown", exercise.shown.__name__, "list it among the alternatives")
    if not exercise.compare and not exercise.properties:
        yield culprit("nothing is judged", "exercise", "compare=False needs properties")


def _forms(exercise: Exercise, seed: int) -> Iterator[Culprit]:
    """Where answers are not compared, one of them stands for the form of all: see `answer_key`."""
    key = answer_key(exercise, seed, whole=True)
    first = key.expected[0]
    for case, seen in zip(key.cases, key.expected, strict=True):
        found = difference(first.answer, seen.answer, 0.0, 0.0, values=False)
        if found or (first.error, first.requires_grad) != (seen.error, seen.requires_grad):
            told = found.sentence if found else "another error, or gradients"
            yield Culprit(exercise.name, seed, "another form than in the first case", case.label, told)


def culprits(exercise: Exercise, seed: int) -> Iterator[Culprit]:
    """All culprits of one exercise at one seed."""
    key = answer_key(exercise, seed)

    def outcome(function: Callable[..., Any]) -> Verdict:
        return judge(exercise, seed, run(exercise, function, key.cases), key)

    def culprit(what: str, who: str, verdict: Verdict) -> Culprit:
        return Culprit(exercise.name, seed, what, who, f"{verdict.status} at {verdict.layer}: {verdict.sentence}")

    if not exercise.compare:
        yield from _forms(exercise, seed)
    for name, function in (("reference", exercise.reference), *((a.__name__, a) for a in exercise.alternatives)):
        verdict = outcome(function)
        if verdict.status != "passed":
            yield culprit("a right answer is rejected", name, verdict)
    verdict = outcome(exercise.stub)
    if verdict.points or (exercise.given is None and verdict.status != "unwritten"):
        yield culprit("the stub is not seen as such", "stub", verdict)
    for mistake in (*((exercise.given,) if exercise.given else ()), *exercise.misconceptions):
        verdict = outcome(mistake.implementation)
        if verdict.points:
            yield culprit("a wrong answer survives", mistake.name, verdict)
        elif verdict.misconception is None:
            yield culprit("a misconception is not named", mistake.name, verdict)
        elif verdict.misconception.name != mistake.name:
            yield culprit(f"a misconception is taken for {verdict.misconception.name}", mistake.name, verdict)
    for impostor in impostors(exercise, seed):
        verdict = outcome(impostor.implementation)
        if verdict.points:
            yield culprit("an impostor survives", impostor.name, verdict)


def impostors(exercise: Exercise, seed: int) -> Iterator[Misconception]:
    """Functions that do no work: nothing, an argument, zeros or last week's answer instead of today's."""
    yield Misconception("returns_nothing", "", lambda *_: None)
    yield Misconception("returns_zero", "", lambda *_: torch.zeros(()))
    for i in range(4):
        yield Misconception(f"echoes_argument_{i}", "", lambda *a, i=i: a[min(i, len(a) - 1)])
    captured: list[Any] = []

    def capture(*arguments: Any) -> Any:
        captured.append(exercise.reference(*arguments))
        return captured[-1]

    run(exercise, capture, plan(exercise, seed + 1)[:-1])
    if captured:
        yield Misconception("returns_zeros_of_the_right_shape", "", lambda *a: _zeros(exercise.reference(*a)))
        replay = iter([*captured, captured[-1]])
        yield Misconception("replays_answers_to_other_inputs", "", lambda *_: next(replay, None))


def _zeros(value: Any) -> Any:
    if isinstance(value, Tensor):
        return torch.zeros_like(value)
    if isinstance(value, list | tuple):
        return type(value)(_zeros(v) for v in value)
    if isinstance(value, dict):
        return {key: _zeros(v) for key, v in value.items()}
    if callable(value):
        return lambda *inputs: _zeros(value(*inputs))
    return 0 * value if isinstance(value, int | float) else value


def _constant_reference(exercise: Exercise, seeds: Sequence[int]) -> Iterator[Culprit]:
    """A reference whose answers do not depend on the seed could be copied down once and for all."""
    if len(seeds) < 2:
        return
    first, second = ([o.answer for o in run(exercise, exercise.reference, plan(exercise, s))] for s in seeds[:2])
    if len(first) == len(second) and not any(_differ(a, b) for a, b in zip(first, second, strict=True)):
        yield Culprit(exercise.name, seeds[0], "inputs do not depend on the seed", "reference", "same answers")


def _differ(a: Any, b: Any) -> bool:
    try:
        return difference(a, b, 1e-6, 1e-6) is not None
    except NotPlain:
        return True
