"""Students who may never come back are judged in a forked process, with a deadline and a limit on memory."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course import exercises
from course.check import verdict
from course.check.report import Report

MEMORY = 1 << 30
Outcome = dict[str, Any]


def patient(name: str, seconds: float = 0.3) -> exercises.Exercise:
    """The exercise `descent.<name>` with another time limit."""
    return dataclasses.replace(exercises.get(f"descent.{name}"), seconds=seconds)


@pytest.fixture
def brief() -> Callable[..., exercises.Exercise]:
    """`brief(name)`: an exercise whose time limit suits tests."""
    return patient


@pytest.fixture
def isolated() -> Callable[..., Outcome]:
    """`isolated(function, exercise)`: the verdict's row, text and HTML, from a process that cannot take us down."""
    return _isolated


def _isolated(
    function: Callable[..., Any],
    exercise: exercises.Exercise,
    seed: int = 0,
    limit: float = 5.0,
    off_main_thread: bool = False,
) -> Outcome:
    outcome: Outcome = {}

    def go() -> None:
        try:
            report = Report(verdict(exercise, function, seed))
            outcome.update(report.row(), text=report.text(), html=report.html(), repr=repr(report))
        except BaseException as error:  # whatever gets out of the judge is what the test is about
            outcome["crash"] = f"{type(error).__name__}: {error}"

    def task() -> Outcome:
        if off_main_thread:
            thread = threading.Thread(target=go, daemon=True)
            thread.start()
            thread.join()
        else:
            go()
        return outcome

    return _forked(task, limit)


@pytest.fixture(scope="session")
def forked() -> Callable[..., Any]:
    """`forked(task, limit)`: what the task returns (as JSON), from a process that cannot take us down."""
    return _forked


def _forked(task: Callable[[], Any], limit: float) -> Any:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _in_child(task, writing)
    os.close(writing)
    try:
        text = _read(reading, limit)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
    if text is None:
        pytest.fail(f"the judge did not come back within {limit:g} s")
    outcome = json.loads(text) if text else {"crash": "the process died"}
    if "crash" in outcome:
        pytest.fail(f"the judge itself crashed: {outcome['crash']}")
    return outcome


def _in_child(task: Callable[[], Any], writing: int) -> None:
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            json.dump(task(), pipe)
    finally:
        os._exit(0)


def _read(pipe: int, limit: float) -> str | None:
    deadline, parts = time.monotonic() + limit, []
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([pipe], [], [], left)[0]:
            return None
        part = os.read(pipe, 1 << 16)
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
    return None
