"""Runs a student's function on one case and notes all that happened, as plain data.

The function may raise, never end, print, warn, edit its arguments or leave torch's settings changed:
each is noted, none of it reaches the caller.
"""

from __future__ import annotations

import contextlib
import ctypes
import inspect
import io
import linecache
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from course.check.answers import Traits, difference, fresh, plain, same
from course.exercises.exercise import Case, Exercise

PRINT_LIMIT = 4_000
IMPORT_SECONDS = 60.0


class TimeLimit(BaseException):
    """Raised inside a student's function when its time is up; no `except Exception` catches it."""


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
        except TypeError:
            return False


def observe(exercise: Exercise, function: Callable[..., Any], case: Case, number: int = 0) -> Observation:
    """Drive `function` on copies of the case's inputs.

    `number` seeds torch's global generator differently for each call, so that a function which draws from it
    instead of from the generator it was given does not look repeatable.
    """
    inputs, traits, seen = fresh(case.inputs), Traits(set()), Observation()
    out = _Bounded()
    started = time.perf_counter()
    with _settings_kept(number), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            try:
                with time_limit(exercise.seconds), torch.enable_grad():
                    answer = exercise.drive(function, *inputs)
                seen.answer = plain(answer, traits)
            except TimeLimit:
                seen.timed_out = True
            except NotImplementedError as error:
                seen.unwritten, seen.error = not str(error) or _is_stub(error), "NotImplementedError"
                _note(seen, error, function)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a student's function may raise anything, SystemExit included
                seen.error = type(error).__name__
                _note(seen, error, function)
        seen.warned = tuple(dict.fromkeys(str(w.message)[:300] for w in caught))
    seen.seconds = time.perf_counter() - started
    seen.printed = out.getvalue()
    seen.requires_grad, seen.devices = traits.requires_grad, frozenset(traits.devices)
    seen.edited = _edited(exercise, case.inputs, inputs)
    return seen


def _is_stub(error: NotImplementedError) -> bool:
    return "write" in str(error).lower() or "your code" in str(error).lower()


def _edited(exercise: Exercise, before: tuple[Any, ...], after: tuple[Any, ...]) -> tuple[str, ...]:
    def reduced(value: Any) -> Any:
        return plain(value, Traits(set()))

    pairs = zip(exercise.arguments, before, after, strict=True)
    return tuple(name for name, a, b in pairs if not same(reduced(a), reduced(b)))


def _note(seen: Observation, error: BaseException, function: Callable[..., Any]) -> None:
    """Keep the message and the last line of the student's own code."""
    with contextlib.suppress(Exception):
        seen.message = str(error)[:500]
    function = inspect.unwrap(function)  # a decorator of torch's is not the student's code
    home = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == home]
    seen.inside = bool(frames) or home is None
    if frames:
        text = (frames[-1].line or linecache.getline(frames[-1].filename, frames[-1].lineno or 0)).strip()
        seen.line = f"line {frames[-1].lineno}: {text}" if text else f"line {frames[-1].lineno}"


class _Bounded(io.StringIO):
    """Keeps the first characters that are written and forgets the rest."""

    def write(self, text: str) -> int:
        room = PRINT_LIMIT - self.tell()
        if room > 0:
            super().write(str(text)[:room])
        return len(text)


@contextlib.contextmanager
def _settings_kept(seed: int) -> Iterator[None]:
    """Give back torch's global generator, gradient mode and default type as they were."""
    dtype, grad = torch.get_default_dtype(), torch.is_grad_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1_000_003 + seed)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(grad)


# --------------------------------------------------------------------------------------------- time limit


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeLimit` in this thread when the time is up, by a timer signal or, off the main thread, by CPython."""
    main = threading.current_thread() is threading.main_thread()
    with _by_signal(seconds) if main and hasattr(signal, "setitimer") else _by_thread(seconds):
        yield


@contextlib.contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    started = time.monotonic()

    def stop(_: int, frame: FrameType | None) -> None:
        if not (_importing(frame) and time.monotonic() - started < IMPORT_SECONDS):
            raise TimeLimit

    previous = signal.signal(signal.SIGALRM, stop)
    # The timer repeats: a bare `except:` in the student's loop swallows the first alarm, seldom the tenth.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.05)
    try:
        yield
    finally:
        _quietly(lambda: signal.setitimer(signal.ITIMER_REAL, 0))
        signal.signal(signal.SIGALRM, previous)


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: torch loads parts of itself on first use, and half a module is worse
    than a late alarm."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _quietly(action: Callable[[], object]) -> None:
    """Do something that a late alarm may interrupt; do it again then."""
    for _ in range(3):
        try:
            action()
            return
        except TimeLimit:
            continue


@contextlib.contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    victim, done, started = threading.get_ident(), threading.Event(), time.monotonic()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            wait = 0.05
            late = time.monotonic() - started > IMPORT_SECONDS
            if late or not _importing(sys._current_frames().get(victim)):
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(victim), ctypes.py_object(TimeLimit))
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
