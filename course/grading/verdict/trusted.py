"""Outside of the sandbox: what a submission's answer is worth, and what the test's cell says about it.

Imports torch: import it when the first test is judged, not before.
"""

from __future__ import annotations

import ast
import json
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from nbformat import NotebookNode, from_dict

from course import exercises
from course.check.challenge import Entry, measured
from course.check.evidence import plan
from course.check.judge import TooBusy, answer_key, judge
from course.check.limits import call_within
from course.check.observe import Observation
from course.check.report import VERDICT_MIME, CheckFailed, Report
from course.exercises.challenge import Challenge
from course.exercises.exercise import Case, Exercise
from course.grading.clean import writable
from course.grading.outputs import display, raised, result
from course.grading.remarks import no_verdict
from course.grading.verdict.wire import Malformed, decode

JUDGE_SECONDS = 120.0


@dataclass(frozen=True)
class Question:
    """What the test of one exercise asks, as its cell in the gradebook has it.

    Attributes:
        exercise: what is judged.
        variable: the name under which the notebook has the student's function.
    """

    exercise: Exercise | Challenge
    variable: str

    @classmethod
    @lru_cache
    def of(cls, source: str) -> Question:
        """The question that a test's cell, `check("section.function", function)`, stands for.

        Raises:
            ValueError: the cell is something else; the message is for the instructor.
        """
        try:
            (statement,) = ast.parse(source).body
            call = statement.value  # type: ignore[attr-defined]
            name, variable = call.args
            if call.func.id != "check" or call.keywords:
                raise ValueError
            return cls(exercises.get(ast.literal_eval(name)), variable.id)
        except exercises.UnknownExercise as error:
            raise ValueError(f"This test is about an exercise that is not installed here: {error}") from error
        except (SyntaxError, ValueError, AttributeError) as error:
            form = 'check("section.function", function)'
            raise ValueError(f"This test cannot be judged: its cell must be {form} and nothing else.") from error

    def request(self, seed: int) -> str:
        """The line that makes a kernel answer; it must not tell a challenge's seed, which the test comes from."""
        told = self.exercise.start(seed) if isinstance(self.exercise, Challenge) else seed
        inside = '__import__("course.grading.verdict.inside", fromlist=["publish"])'
        # Whatever names the notebook has taken (`globals`, `get_ipython`): `__import__` is all that is called by name.
        return f"{inside}.publish({self.exercise.name!r}, {self.variable!r}, {told})"

    def outputs(self, content: bytes, seed: int, points: float) -> list[NotebookNode]:
        """The test's outputs, from the answer of a submission to the request with this seed.

        Args:
            content: what came out of the sandbox.
            seed: of the request.
            points: what the test is worth in the gradebook.

        Raises:
            TooBusy: this machine is; nobody must lose points for that.
        """
        task = self.exercise
        cases = None if isinstance(task, Challenge) else plan(task, seed)
        try:
            seen = decode(content, 1 if cases is None else len(cases))
        except Malformed as error:
            return [no_verdict(f"What came back is no answer: {error}.")]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about strange answers, to nobody who could do anything about them
                done, report = call_within(JUDGE_SECONDS, lambda: _judged(task, seed, seen, cases))
        except TooBusy:
            raise
        except Exception as error:  # an answer nobody thought of costs its author this test, and nobody else anything
            return [no_verdict(f"The answer could not be judged ({type(error).__name__}: {error!s:.200})")]
        if not done:
            return [no_verdict(f"Judging the answer took more than {JUDGE_SECONDS:g} seconds.")]
        said = json.dumps(_shown(report, points), ensure_ascii=False)
        return [from_dict(output) for output in json.loads(writable(said))]


def _judged(task: Exercise | Challenge, seed: int, seen: list[Observation], cases: list[Case] | None) -> Report | Entry:
    if isinstance(task, Challenge):
        return measured(task, seen[0], seed)
    return Report(judge(task, seed, seen, answer_key(task, seed, cases=cases)))


def _shown(report: Report | Entry, points: float) -> list[NotebookNode]:
    """As `check` would have shown it; the share that was earned, of as many points as the gradebook gives."""
    row = report.row()
    earned = row["points"] * points / row["max_points"]
    bundle: dict[str, Any] = dict(report._repr_mimebundle_())
    bundle[VERDICT_MIME] |= {"points": earned, "max_points": points}
    if earned:
        bundle["text/plain"] = repr(round(earned, 4))
        return [result(bundle)]
    bundle["text/plain"] = report.text()
    failure = CheckFailed(f"{row['exercise'].split('.')[-1]}: {row['sentence']}")
    said = raised("CheckFailed", str(failure), failure._render_traceback_())
    return [display(bundle), said]
