"""Runs a student's function on one case and notes all that happened, as plain data.

The function may raise, never end, print, warn, edit its arguments or leave torch's settings changed:
each is noted, none of it reaches the caller.
"""

from __future__ import annotations

import inspect
import linecache
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from course.check.answers import NotPlain, Traits, difference, fresh, plain, same
from course.check.limits import call_within
from course.check.surroundings import Listener, quiet
from course.exercises.exercise import Case, Exercise
from course.neutral import neutral


@dataclass
class Observation:
    """What one call did."""

    answer: Any = None
    error: str | None = None
    message: str = ""
    line: str = ""
    inside: bool = True
    timed_out: bool = False
    unwritten: bool = False
    edited: tuple[str, ...] = ()
    printed: str = ""
    warned: tuple[str, ...] = ()
    requires_grad: bool = False
    devices: frozenset[str] = frozenset()
    seconds: float = 0.0

    @property
    def returned(self) -> bool:
        """Whether there is an answer to look at."""
        return self.error is None and not self.timed_out

    def like(self, other: Observation, rtol: float, atol: float) -> bool:
        """Whether two observations show the same behaviour."""
        if not (self.returned and other.returned):
            return (self.error, self.timed_out) == (other.error, other.timed_out)
        try:
            return difference(other.answer, self.answer, rtol, atol) is None
        except NotPlain:
            return False


def observe(
    exercise: Exercise,
    function: Callable[..., Any],
    case: Case,
    number: int = 0,
    patience: float = 1.0,
    edits: bool = True,
) -> Observation:
    """Drive `function` on copies of the case's inputs, for at most `patience` times the exercise's seconds.

    `number` seeds torch's global generator differently for each call, so that a function which draws from it
    instead of from the generator it was given does not look repeatable. Without `edits` nobody looks whether it
    changes its arguments.
    """
    inputs, traits, seen, out = fresh(case.inputs), Traits(), Observation(), Listener()
    started = time.perf_counter()

    def action() -> Any:
        with torch.enable_grad():
            return plain(exercise.drive(function, *inputs), traits)

    with neutral(1_000_003 + number), quiet(out) as caught:
        try:
            done, seen.answer = call_within(patience * exercise.seconds, action)
            seen.timed_out = not done
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a student's function may raise anything, SystemExit included
            seen.error = type(error).__name__
            _note(seen, error, function)
            if isinstance(error, NotImplementedError) and _is_stub(seen.message):
                _missing(seen, error, function, exercise.function)
        seen.warned = tuple(dict.fromkeys(_words(w.message)[:300] for w in caught[:20]))
    seen.seconds = time.perf_counter() - started
    seen.printed = out.text()
    seen.requires_grad, seen.devices = traits.requires_grad, frozenset(traits.devices)
    if edits:
        seen.edited = _edited(exercise, case.inputs, inputs)
    return seen


def _missing(seen: Observation, error: BaseException, function: Callable[..., Any], name: str) -> None:
    """Code is missing: that of the function itself, or that of another one which it calls."""
    own = getattr(inspect.unwrap(function), "__code__", None)
    frames = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    raised = frames[-1].co_name if frames else name
    seen.unwritten = own is None or raised in (own.co_name, name)
    if not seen.unwritten:
        seen.error = "Unusable"
        seen.message = f"{name} calls {raised}, which is not written yet. Write that one first, or use the library's."


def _is_stub(message: str) -> bool:
    return message == "" or "written" in message.lower() or "your code" in message.lower()


def _words(error: object) -> str:
    """What an exception or a warning says; nothing if it misbehaves when asked."""
    try:
        _, text = call_within(0.2, lambda: str.__str__(str(error)))
    except BaseException:
        return ""
    return text or ""


def _edited(exercise: Exercise, before: tuple[Any, ...], after: tuple[Any, ...]) -> tuple[str, ...]:
    def reduced(value: Any) -> Any:
        return plain(value, Traits())

    pairs = zip(exercise.arguments, before, after, strict=True)
    return tuple(name for name, a, b in pairs if not same(reduced(a), reduced(b)))


def _note(seen: Observation, error: BaseException, function: Callable[..., Any]) -> None:
    """Keep the message and the last line of the student's own code."""
    seen.message = _words(error)[:500]
    function = inspect.unwrap(function)  # a decorator of torch's is not the student's code
    if isinstance(function, type):  # a class lives where its methods do
        function = next((f for f in vars(function).values() if inspect.isfunction(f)), function)
    home = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == home]
    seen.inside = bool(frames) or home is None
    if frames:
        text = (frames[-1].line or linecache.getline(frames[-1].filename, frames[-1].lineno or 0)).strip()
        seen.line = f"line {frames[-1].lineno}: {text}" if text else f"line {frames[-1].lineno}"
