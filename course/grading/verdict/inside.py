"""In the sandbox: answer a request of the grader. Nothing that happens here awards a point.

Whatever a submission has done to this process, to torch or to this very module, all it can bring about is another
answer; the answer has to be right for inputs that are drawn anew outside.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from typing import Any

from course import exercises
from course.check.challenge import attempt
from course.check.evidence import plan, run
from course.exercises.challenge import Challenge
from course.grading.verdict import ANSWER_MIME
from course.grading.verdict.wire import encode
from course.neutral import neutral


class NotAFunction(TypeError):
    """The name stands for something that cannot be called."""


def answer(namespace: Mapping[str, Any], name: str, variable: str, seed: int) -> bytes:
    """What the function called `variable` did on the cases of the exercise `name` that belong to this seed.

    Of a challenge, what it did from this start: the seed itself, which the test pictures come from, is not told here.

    Raises:
        NameError, NotAFunction: there is no such function.
    """
    if variable not in namespace:
        raise NameError(f"name '{variable}' is not defined")
    function, task = namespace[variable], exercises.get(name)
    sys.breakpointhook = _go_on
    if not callable(function):
        raise NotAFunction(f"{variable} is no function any more, but a value of type {type(function).__name__}.")
    if isinstance(task, Challenge):
        return encode([attempt(task, function, seed)])
    with neutral():
        return encode(run(task, function, plan(task, seed)))


def _go_on(*_: Any, **__: Any) -> None:
    """What a forgotten `breakpoint()` does: there is nobody to look."""


def publish(name: str, variable: str, seed: int) -> None:
    """The answer as an output of the running cell, which calls this, where a Jupyter kernel carries it."""
    from IPython.display import display

    namespace = sys._getframe(1).f_globals
    content = base64.b64encode(answer(namespace, name, variable, seed)).decode("ascii")
    display({ANSWER_MIME: content}, raw=True)
