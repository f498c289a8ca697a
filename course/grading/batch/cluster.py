"""The same tasks on a Dask cluster: Slurm, Kubernetes, or processes of one machine.

Workers are stateless: a task brings all it needs, and each worker process keeps a fork server for the walls that its
machine allows. Only the client, which called `course autograde`, reads submissions and writes the gradebook.

Dask's protocol runs code by design; whoever reaches the scheduler owns its workers. Use TLS (`distributed.comm.tls` in
Dask's configuration, a `tls://` address), also on one machine that others use.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from course.grading.batch.assignment import Assignment
from course.grading.batch.pool import Failure, sentence_of
from course.grading.batch.run import Engine
from course.grading.batch.task import Graded, Task, grade
from course.grading.classroom import ClassroomError
from course.grading.forkserver import ForkServer, ForkUnavailable
from course.grading.runner import WARM
from course.grading.sandbox.launch import Sandbox, available

RETRIES, AHEAD, CONNECT_SECONDS, STARTS = 2, 200, 30, 3
_servers: dict[Sandbox, ForkServer | None] = {}


def on_cluster(address: str) -> Callable[[Assignment, Sandbox], Engine]:
    """What `autograde` takes as its engine.

    Raises:
        ClassroomError: Dask is not installed, or there is no scheduler at this address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ClassroomError("--scheduler needs Dask: pip install 'cv-course[cluster]'") from None
    try:
        client = _patiently(lambda: Client(address, timeout=CONNECT_SECONDS))
    except (OSError, ValueError, RuntimeError) as error:  # the last: Dask's configuration forbids what is not encrypted
        raise ClassroomError(f"there is no Dask scheduler at {address} ({error})") from error

    def engine(assignment: Assignment, sandbox: Sandbox) -> Engine:
        return partial(_run, client, assignment, sandbox)

    return engine


def _patiently(connect: Callable[[], Any]) -> Any:
    """Dask gives its own event loop ten seconds to start and fails an `assert` after; a machine may stall longer."""
    for _ in range(STARTS):
        with suppress(AssertionError):
            return connect()
    raise ClassroomError(f"this machine did not start Dask's event loop, {STARTS} times; is it overloaded?")


def _run(
    client: Any,
    assignment: Assignment,
    sandbox: Sandbox,
    tasks: Iterable[Task],
    work: Callable[[Task, Assignment, Sandbox], Graded] | None = None,
) -> Iterator[tuple[Task, Graded | Failure]]:
    """Keep the cluster busy with a bounded number of tasks; results as they come."""
    from distributed import KilledWorker, as_completed

    source, running = iter(tasks), as_completed()
    by_key: dict[str, Task] = {}

    def submit() -> None:
        task = next(source, None)
        if task is not None:
            name = f"grade-{task.key}"
            by_key[name] = task
            # The assignment travels with each task: data scattered beforehand are lost with the workers that hold them.
            running.add(
                client.submit(work or _grade_remotely, task, assignment, sandbox, key=name, retries=RETRIES, pure=False)
            )

    for _ in range(AHEAD):
        submit()
    for future in running:
        task = by_key.pop(future.key)
        error = future.exception()
        if isinstance(error, KilledWorker):
            yield task, Failure(f"it ended {error.allowed_failures + 1} workers, one after the other", poisoned=True)
        elif error is not None:
            yield task, Failure(sentence_of(error))
        else:
            yield task, future.result()
        submit()


def _grade_remotely(task: Task, assignment: Assignment, sandbox: Sandbox) -> Graded:
    """In a worker: within the walls that this machine has, with the limits that were asked for."""
    walls = available("auto", sandbox.limits, sandbox.readable)
    server = _servers.get(walls)
    if walls not in _servers or (server is not None and not server.alive):
        try:
            server = _servers[walls] = ForkServer(walls, warm=WARM)
        except ForkUnavailable:
            _servers[walls] = None
    return grade(task, assignment, walls, server.address if server else None)


@atexit.register
def _close() -> None:
    for server in _servers.values():
        if server:
            server.close()
