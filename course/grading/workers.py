"""Several submissions side by side: processes that grade, one fork server that starts their kernels."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path

from traitlets.config import Config

from course.grading.classroom import Classroom, Outcome
from course.grading.forkserver import ForkServer, ForkUnavailable
from course.grading.lifetime import end_with_parent
from course.grading.provisioner import GradingProvisioner

_classroom: Classroom | None = None


def grade_all(
    classroom: Classroom, students: Sequence[str], workers: int = 0, server: ForkServer | None = None
) -> Iterator[Outcome]:
    """Grade these students' submissions; outcomes come as they are ready.

    nbgrader's converters change the working directory and the environment, so each worker is a process. They
    take turns at writing to the gradebook. When a worker is killed (by the system, for want of memory), the rest
    is graded one by one, so that it is known which submission does it.

    Args:
        classroom: the class.
        students: whose submissions.
        workers: how many processes; one per processor unless given.
        server: a fork server that is running already, within the same walls.

    Raises:
        SandboxUnavailable: students' code cannot be shut in here; nothing was graded.
    """
    sandbox = GradingProvisioner(config=classroom.config).sandbox()
    own = None
    if server is None:
        with suppress(ForkUnavailable):
            server = own = ForkServer(sandbox)
    settings = deepcopy(classroom.settings)
    if server:
        settings.GradingProvisioner.address = server.address
    else:
        settings.GradingProvisioner.fork = False
    left = list(students)
    try:
        with suppress(BrokenProcessPool), _pool(classroom, settings, min(workers or processors(), len(left))) as pool:
            for future in as_completed([pool.submit(_grade, student) for student in left]):
                left.remove(future.result().student)
                yield future.result()
        while left:
            yield from _one_by_one(classroom, settings, left)
    finally:
        if own:
            own.close()


def _one_by_one(classroom: Classroom, settings: Config, left: list[str]) -> Iterator[Outcome]:
    """Grade until a worker is killed; the submission that was being graded then is given up."""
    with _pool(classroom, settings, 1) as pool:
        while left:
            student = left.pop(0)
            try:
                yield pool.submit(_grade, student).result()
            except BrokenProcessPool:
                sentence = "The process that graded this submission was killed: look at it before you run it."
                yield Outcome(student, 0.0, 0.0, remarks=(sentence,), failed=True)
                return


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _pool(classroom: Classroom, settings: Config, workers: int) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(
        max(1, workers),
        multiprocessing.get_context("spawn"),  # a fork of a process with threads may hang
        _start,
        (classroom.folder, classroom.assignment, settings),
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _start(folder: Path, assignment: str, settings: Config) -> None:
    global _classroom
    # Ctrl-C reaches every process of the terminal; a worker has nothing to tidy up that a resumed run does not.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    end_with_parent(parent.pid if parent else None)
    _classroom = Classroom(folder, assignment, settings)


def _grade(student: str) -> Outcome:
    assert _classroom is not None
    return _classroom.grade(student)
