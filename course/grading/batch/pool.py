"""Workers on this machine: processes forked from one that has imported everything, before it has any thread.

A worker that is killed costs nothing but time: its task goes to another one. A task that kills worker after worker is
put aside.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from course.grading.lifetime import SHORT, end_with_parent

Job = TypeVar("Job")
Result = TypeVar("Result")
ATTEMPTS = 3


@dataclass(frozen=True)
class Failure:
    """A job without a result; `sentence` says why. `poisoned`: it killed one worker after the other."""

    sentence: str
    poisoned: bool = False


@dataclass
class _Worker(Generic[Job]):
    process: BaseProcess
    pipe: Connection
    job: Job | None = None


class Pool(Generic[Job, Result]):
    """Runs a function on jobs, each in one of several processes; used as a context.

    Args:
        work: the function; what it raises becomes a `Failure`.
        workers: how many processes.
    """

    def __init__(self, work: Callable[[Job], Result], workers: int) -> None:
        self._work = work
        self._workers: list[_Worker[Job]] = [self._start() for _ in range(workers)]

    def __enter__(self) -> Pool[Job, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()  # it owns nothing that could be lost
            worker.process.join()
            worker.pipe.close()

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Result | Failure]]:
        """Jobs with their results, as they come; a job is drawn when a worker is free for it."""
        source, again = iter(jobs), deque[Job]()
        attempts: dict[int, int] = {}
        while True:
            for worker in self._workers:
                if worker.job is None and (job := again.popleft() if again else next(source, None)) is not None:
                    self._give(worker, job)
            busy = {worker.pipe: worker for worker in self._workers if worker.job is not None}
            if not busy:
                return
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                worker = busy[pipe]
                job, worker.job = worker.job, None
                assert job is not None
                try:
                    yield job, pipe.recv()
                except (EOFError, OSError):
                    self._replace(worker)
                    attempts[id(job)] = attempts.get(id(job), 0) + 1
                    if attempts[id(job)] < ATTEMPTS:
                        again.append(job)
                    else:
                        yield job, Failure(f"it ended {ATTEMPTS} processes, one after the other", poisoned=True)

    def _give(self, worker: _Worker[Job], job: Job) -> None:
        worker.job = job
        with contextlib.suppress(OSError):  # killed while it had nothing to do: `run` will notice
            worker.pipe.send(job)

    def _replace(self, worker: _Worker[Job]) -> None:
        worker.process.join()
        worker.pipe.close()
        fresh = self._start()
        worker.process, worker.pipe = fresh.process, fresh.pipe

    def _start(self) -> _Worker[Job]:
        ours, theirs = multiprocessing.Pipe()
        context: Any = multiprocessing.get_context("fork" if can_fork() else "spawn")
        inherited = [worker.pipe for worker in getattr(self, "_workers", [])]
        process = context.Process(
            target=_serve, args=(theirs, self._work, [ours, *inherited], os.getpid()), daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)


def can_fork() -> bool:
    """Whether this process may be copied: it has one thread only, as far as can be known."""
    return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1


def sentence_of(error: Exception) -> str:
    """What happened, alike for all jobs that meet it: a full disk is told once, and not for each temporary file."""
    if isinstance(error, OSError) and error.strerror:
        temporary, place = tempfile.gettempdir(), str(error.filename or "")
        return f"{temporary if place.startswith((temporary, SHORT)) else place or temporary}: {error.strerror}"
    return f"{type(error).__name__}: {error!s:.300}"


def _serve(pipe: Connection, work: Callable[[Job], Result], others: list[Connection], pool: int) -> None:
    """In a worker: do jobs until the pool is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; the pool decides
    end_with_parent(pool)  # not only after the job at hand
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
    for other in others:
        other.close()  # or this worker would keep the others from noticing that the pool is gone
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            result: Result | Failure = work(job)
        except Exception as error:
            result = Failure(sentence_of(error))
        try:
            pipe.send(result)
        except OSError:
            os._exit(0)
