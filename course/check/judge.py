"""From observations to a verdict: walks an exercise's layers, stops at the first that fails, names the mistake.

Nothing of the student's runs here. The judge sees inputs (drawn from a seed) and observations (plain data),
recomputes the reference, and compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from course.check.answers import difference
from course.check.diagnosis import diagnose
from course.check.evidence import Evidence, plan, run
from course.check.observe import Observation
from course.check.wording import explain_error, remarks
from course.exercises.exercise import Case, Exercise, Misconception

Status = Literal["passed", "partial", "failed", "unwritten"]
PARTIAL = 0.5
# A busy machine must not make the reference late: a right answer would be compared with none.
PATIENCE = 20.0


class TooBusy(RuntimeError):
    """No verdict, through no fault of the function that was to be judged."""


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


@dataclass(frozen=True)
class Key:
    """The cases of a seed, and what is right on them."""

    cases: list[Case]
    expected: list[Observation]


def answer_key(exercise: Exercise, seed: int, whole: bool = False, cases: list[Case] | None = None) -> Key:
    """What the reference does on `plan(exercise, seed)`.

    The last case is the one before it again, which a reference answers alike. Where answers are not compared, but must
    have the form of the reference's and certain properties, one case shows that form: it stands for all of them, unless
    `whole` is wanted. `cases` is that plan, where it is known already.

    Raises:
        TooBusy: it did not come to an end in many times the time that the exercise allows.
    """
    cases = plan(exercise, seed) if cases is None else cases
    asked = cases[:-1] if exercise.compare or whole else cases[:1]
    expected = run(exercise, exercise.reference, asked, PATIENCE, edits=False)
    if any(o.timed_out for o in expected):
        raise TooBusy(f"{exercise.name} cannot be judged: this machine is too busy to compute the right answer itself")
    return Key(cases, expected + expected[-1:] * (len(cases) - len(asked)))


def judge(exercise: Exercise, seed: int, student: list[Observation], key: Key | None = None) -> Verdict:
    """The verdict on a function's observations over `plan(exercise, seed)`.

    Args:
        exercise: what was asked for.
        seed: of the cases.
        student: what the function did on each of them.
        key: the exercise's `answer_key` for this seed, where several functions are judged.

    Raises:
        TooBusy: see `answer_key`.
    """
    key = key or answer_key(exercise, seed)
    cases, expected = key.cases, key.expected
    if len(student) != len(cases):
        raise ValueError(f"{len(student)} observations for {len(cases)} cases")
    evidence = Evidence(exercise, cases, student, expected)
    base = Verdict(
        exercise,
        "passed",
        exercise.layers,
        seed,
        remarks=remarks(evidence),
        printed=student[0].printed,
        cases=len(cases) - 1,
        seconds=sum(o.seconds for o in student),
    )
    for at, layer in enumerate(exercise.layers):
        problem = _LAYERS[layer](evidence)
        if problem is None:
            continue
        shapeless = layer == "shape and type" and not exercise.compare
        known = () if problem.unwritten or shapeless else diagnose(evidence)
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
            return Problem(
                f"{name} is not written yet: replace the line that raises by your code, and run its cell.",
                unwritten=True,
            )
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
        found = difference(wanted.answer, seen.answer, *evidence.tolerance, values=exercise.compare)
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
        found = difference(wanted, got, *evidence.tolerance)
        if found and i == len(evidence.cases) - 1:
            return _two_answers(evidence)
        if found:
            return Problem(_sentence(found.sentence), i, found.expected, found.got)
    return None


def _properties(evidence: Evidence) -> Problem | None:
    for check in evidence.exercise.properties:
        for i in evidence.numbered():
            try:
                broken = check.broken(evidence.cases[i].inputs, evidence.student[i].answer)
            except Exception as error:  # an answer of a form that nobody thought of is no reason to stop judging
                broken = (
                    f"what came back has an unexpected form ({type(error).__name__}: {error}). {evidence.exercise.note}"
                )
            if broken:
                return Problem(_sentence(broken), i)
    return None


def _side_effects(evidence: Evidence) -> Problem | None:
    exercise = evidence.exercise
    for i, seen in enumerate(evidence.student):
        edited = [name for name in seen.edited if name not in exercise.may_edit]
        if edited:
            names, first = " and ".join(edited), edited[0]
            many = isinstance(evidence.cases[i].inputs[exercise.arguments.index(first)], list)
            copy = f"{first}.clone()" + (f" of a tensor, list({first}) of a list" if many else "")
            return Problem(
                f"The values are right, but {exercise.function} changes its argument {names} in place: whoever calls "
                f"it loses what was there. Work on a copy, e.g. {copy}.",
                i,
            )
    same = evidence.student[-1].like(evidence.student[-2], *evidence.tolerance)
    return None if same else _two_answers(evidence)


def _two_answers(evidence: Evidence) -> Problem:
    """The last case repeats the one before it, so different answers cannot come from the inputs."""
    return Problem(
        f"Asked the same question twice, {evidence.exercise.function} gave two answers: it keeps something between "
        "calls (a global variable?) or draws random numbers that nobody can repeat.",
        len(evidence.cases) - 1,
    )


_LAYERS: dict[str, Callable[[Evidence], Problem | None]] = {
    "runs": _runs,
    "shape and type": _form,
    "by hand": _by_hand,
    "properties": _properties,
    "varied cases": _varied,
    "side effects": _side_effects,
}


def _sentence(text: str, note: str = "") -> str:
    text = text[:1].upper() + text[1:]
    end = "" if text.endswith("?") else "."
    return f"{text.rstrip('.')}{end} {note}".strip()
