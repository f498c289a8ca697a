"""From observations to a verdict: walks an exercise's layers, stops at the first that fails, names the mistake.

Nothing of the student's runs here. The judge sees inputs (drawn from a seed) and observations (plain data),
recomputes the reference, and compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from course.check.answers import difference, size
from course.check.observe import Observation, observe
from course.exercises.exercise import Case, Exercise, Misconception

Status = Literal["passed", "partial", "failed", "unwritten"]
PARTIAL = 0.5


@dataclass(frozen=True)
class Problem:
    """Why a layer failed, and on which case."""

    sentence: str
    case: int | None = None
    expected: Any = None
    got: Any = None
    unwritten: bool = False


@dataclass(frozen=True)
class Verdict:
    """The outcome for one exercise."""

    exercise: Exercise
    status: Status
    passed: tuple[str, ...]
    seed: int
    problem: Problem | None = None
    layer: str | None = None
    looks_like: tuple[Misconception, ...] = ()
    case: Case | None = None
    remarks: tuple[str, ...] = ()
    printed: str = ""
    cases: int = 0
    seconds: float = 0.0

    @property
    def points(self) -> float:
        """Points earned."""
        share = {"passed": 1.0, "partial": PARTIAL}.get(self.status, 0.0)
        return float(self.exercise.points * share)

    @property
    def misconception(self) -> Misconception | None:
        """The mistake this looks like most."""
        return self.looks_like[0] if self.looks_like else None

    @property
    def sentence(self) -> str:
        """The one sentence to read."""
        if self.misconception:
            return self.misconception.sentence
        return self.problem.sentence if self.problem else f"{self.exercise.function} is right."


@dataclass
class Evidence:
    """All that the layers look at: cases, what the student's function did, what the reference did."""

    exercise: Exercise
    cases: list[Case]
    student: list[Observation]
    expected: list[Observation]

    def numbered(self, *kinds: str) -> list[int]:
        """Positions of the cases of these kinds, smallest inputs first."""
        chosen = [i for i, c in enumerate(self.cases) if not kinds or c.kind in kinds]
        return sorted(chosen, key=lambda i: size(self.cases[i].inputs)) if kinds != ("hand",) else chosen


def plan(exercise: Exercise, seed: int) -> list[Case]:
    """The cases to run, in order: those of the exercise, then the last one again (is the answer the same?)."""
    cases = exercise.draw(seed)
    return [*cases, replace(cases[-1], label=f"{cases[-1].label}, asked again")]


def run(exercise: Exercise, function: Callable[..., Any], cases: Sequence[Case]) -> list[Observation]:
    """Observe a function on all cases; after a first time-out or missing code the rest is not waited for."""
    seen: list[Observation] = []
    for number, case in enumerate(cases):
        seen.append(observe(exercise, function, case, number))
        if seen[-1].timed_out or seen[-1].unwritten:
            seen += [seen[-1]] * (len(cases) - len(seen))
            break
    return seen


def judge(exercise: Exercise, seed: int, student: list[Observation]) -> Verdict:
    """The verdict on a function's observations over `plan(exercise, seed)`."""
    cases = plan(exercise, seed)
    if len(student) != len(cases):
        raise ValueError(f"{len(student)} observations for {len(cases)} cases")
    evidence = Evidence(exercise, cases, student, run(exercise, exercise.reference, cases))
    base = Verdict(
        exercise,
        "passed",
        exercise.layers,
        seed,
        remarks=_remarks(evidence),
        printed=student[0].printed,
        cases=len(cases) - 1,
        seconds=sum(o.seconds for o in student),
    )
    for at, layer in enumerate(exercise.layers):
        problem = _LAYERS[layer](evidence)
        if problem is None:
            continue
        known = () if problem.unwritten else diagnose(evidence)
        status: Status = "unwritten" if problem.unwritten else "failed"
        if layer == "side effects" and not known:
            status = "partial"
        return replace(
            base,
            status=status,
            passed=exercise.layers[:at],
            problem=problem,
            layer=layer,
            looks_like=known,
            case=None if problem.case is None else cases[problem.case],
        )
    return base


# ------------------------------------------------------------------------------------------------- layers


def _runs(evidence: Evidence) -> Problem | None:
    name = evidence.exercise.function
    for i, seen in enumerate(evidence.student):
        if seen.unwritten:
            return Problem(f"{name} is not written yet: replace the line that raises by your code.", unwritten=True)
        if seen.timed_out:
            seconds = f"{evidence.exercise.seconds:g} seconds"
            return Problem(f"{name} did not come to an end within {seconds}: is there a loop that never stops?", i)
        if seen.error:
            return Problem(explain_error(evidence.exercise, seen), i)
    return None


def _form(evidence: Evidence) -> Problem | None:
    exercise, note = evidence.exercise, evidence.exercise.note
    for i in evidence.numbered():
        seen, wanted = evidence.student[i], evidence.expected[i]
        found = difference(wanted.answer, seen.answer, *_tolerance(exercise), values=exercise.compare)
        if found and found.kind == "form":
            return Problem(_sentence(found.sentence, note), i, found.expected, found.got)
        strange = seen.devices - {"cpu", *wanted.devices}
        if strange and exercise.compare:
            return Problem(f"the answer lies on {min(strange)}, the inputs on the CPU: keep the input's device.", i)
    return None


def _by_hand(evidence: Evidence) -> Problem | None:
    return _values(evidence, evidence.numbered("hand"))


def _varied(evidence: Evidence) -> Problem | None:
    return _values(evidence, evidence.numbered("varied"))


def _values(evidence: Evidence, numbers: list[int]) -> Problem | None:
    for i in numbers:
        wanted, got = evidence.expected[i].answer, evidence.student[i].answer
        found = difference(wanted, got, *_tolerance(evidence.exercise))
        if found:
            return Problem(_sentence(found.sentence), i, found.expected, found.got)
    return None


def _properties(evidence: Evidence) -> Problem | None:
    for check in evidence.exercise.properties:
        for i in evidence.numbered():
            broken = check.broken(evidence.cases[i].inputs, evidence.student[i].answer)
            if broken:
                return Problem(_sentence(broken), i)
    return None


def _side_effects(evidence: Evidence) -> Problem | None:
    exercise = evidence.exercise
    for i, seen in enumerate(evidence.student):
        edited = [name for name in seen.edited if name not in exercise.may_edit]
        if edited:
            names = " and ".join(edited)
            return Problem(
                f"The values are right, but {exercise.function} changes its argument {names} in place: whoever calls "
                f"it loses what was there. Work on a copy, e.g. {edited[0]}.clone().",
                i,
            )
    if not evidence.student[-1].like(evidence.student[-2], *_tolerance(exercise)):
        return Problem(
            f"Asked the same question twice, {exercise.function} gave two answers: it keeps something between calls "
            "(a global variable?) or draws random numbers that nobody can repeat.",
            len(evidence.cases) - 1,
        )
    return None


_LAYERS: dict[str, Callable[[Evidence], Problem | None]] = {
    "runs": _runs,
    "shape and type": _form,
    "by hand": _by_hand,
    "properties": _properties,
    "varied cases": _varied,
    "side effects": _side_effects,
}


def _tolerance(exercise: Exercise) -> tuple[float, float]:
    return exercise.rtol, exercise.atol


def _sentence(text: str, note: str = "") -> str:
    text = text[:1].upper() + text[1:]
    return f"{text.rstrip('.')}. {note}".strip()


# ---------------------------------------------------------------------------------------------- diagnosis


def diagnose(evidence: Evidence) -> tuple[Misconception, ...]:
    """The known mistakes that behave as the student's function does on every case, most telling first."""
    exercise = evidence.exercise
    candidates = ((exercise.given,) if exercise.given else ()) + exercise.misconceptions
    return tuple(m for m in candidates if _matches(m, evidence))


def _matches(mistake: Misconception, evidence: Evidence) -> bool:
    if mistake.recognise is not None:
        return _recognised(mistake, evidence)
    if not any(o.returned for o in evidence.student):
        return False  # equal exceptions alone say little about what was meant
    pairs = zip(evidence.cases, evidence.student, strict=True)
    return all(
        observe(evidence.exercise, mistake.implementation, case, i).like(seen, *_tolerance(evidence.exercise))
        for i, (case, seen) in enumerate(pairs)
    )


def _recognised(mistake: Misconception, evidence: Evidence) -> bool:
    assert mistake.recognise is not None
    failing = [i for i in evidence.numbered() if _broken(evidence, i)]
    if not failing:
        return False
    return all(
        evidence.student[i].returned
        and _safely(mistake.recognise, evidence.cases[i].inputs, evidence.student[i].answer)
        for i in failing
    )


def _broken(evidence: Evidence, i: int) -> bool:
    answer, inputs = evidence.student[i].answer, evidence.cases[i].inputs
    return any(_safely(p.broken, inputs, answer) for p in evidence.exercise.properties)


def _safely(test: Callable[[Any, Any], Any], inputs: Any, answer: Any) -> bool:
    try:
        return bool(test(inputs, answer))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError, StopIteration):
        return False


# ------------------------------------------------------------------------------------- words for beginners

_HINTS = (
    (r"takes \d+ positional argument|missing \d+ required positional", "it is called as {signature}"),
    (
        r"is not defined",
        "a name is used before it has a value: a typing error, or a cell above that has not run?",
    ),
    (r"leaf Variable that requires grad", "change parameters inside `with torch.no_grad():`"),
    (
        r"does not require grad",
        "the loss must be computed from the parameters with torch operations, without .item()",
    ),
    (r"second time", "a graph can be used once: compute the loss anew before each backward()"),
    (
        r"must match the size|shapes cannot be multiplied|size mismatch",
        "print the shapes of what you combine",
    ),
    (r"Can't call numpy\(\) on Tensor that requires grad", "stay in torch: NumPy arrays carry no gradient"),
    (
        r"'NoneType' object",
        "something is None here: does a function you call forget its return, or is .grad empty?",
    ),
    (r"Expected all tensors to be on the same device", "create new tensors on the device of the inputs"),
    (r"maximum recursion depth", "the function calls itself without end"),
    (r"indices|index .* out of|out of bounds", "an index points outside: Python counts from 0"),
    (
        r"expected scalar type Long|must be .*long|dtype .*int64",
        "class ids and indices must be whole numbers (int64)",
    ),
)


def explain_error(exercise: Exercise, seen: Observation) -> str:
    """An exception in words: what, where, and what it usually means."""
    name = exercise.function
    if not seen.inside:
        return (
            f"What {name} returned cannot be used: {seen.error}: {seen.message} "
            "Compare what you return with the description above."
        )
    where = f" in {seen.line}" if seen.line else ""
    text = f"{name} stopped with {seen.error}{where}: {seen.message}".rstrip(": ")
    for pattern, hint in _HINTS:
        if re.search(pattern, seen.message):
            return f"{text}\nThat usually means: {hint.format(signature=exercise.signature)}."
    return text


def _remarks(evidence: Evidence) -> tuple[str, ...]:
    exercise, remarks = evidence.exercise, []
    if any(o.requires_grad for o in evidence.student) and not any(o.requires_grad for o in evidence.expected):
        remarks.append("The answer drags its gradient history along; .detach() it, or compute under torch.no_grad().")
    edited = sorted({n for o in evidence.student for n in o.edited if n in exercise.may_edit})
    if edited:
        remarks.append(f"It changes {' and '.join(edited)} in place, as torch's optimizers do: fine here.")
    remarks += dict.fromkeys(f"A warning came up: {w}" for o in evidence.student for w in o.warned)
    return tuple(remarks[:4])
