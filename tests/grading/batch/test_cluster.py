"""On a Dask cluster: a killed worker's tasks are done by others, a poisoned task is put aside."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from course.grading.batch.assignment import Assignment
from course.grading.batch.cluster import _run
from course.grading.batch.pool import Failure
from course.grading.batch.task import Graded, Task
from course.grading.runner.session import Patience
from course.grading.sandbox.launch import Sandbox

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")
pytestmark = pytest.mark.slow


def work(task: Task, assignment: Assignment, sandbox: Sandbox) -> Graded:
    """Slow enough to be killed in the middle; some students are poison, some raise."""
    if task.student.startswith("poison"):
        os.kill(os.getpid(), signal.SIGKILL)
    if task.student.startswith("raises"):
        raise ValueError("as it must")
    Path(task.files["note"].decode(), f"{task.student}.{os.getpid()}").touch()
    time.sleep(0.2)
    return Graded(task.student, task.notebook, task.key, assignment.name, {"a": 1.0}, (), ())


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers, each a process; a killed one is started again."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_killed_worker_loses_nothing_and_poison_is_put_aside(client: Any, tmp_path: Path) -> None:
    names = [f"s{i:02}" for i in range(30)]
    tasks = [Task(name, "descent", {"note": str(tmp_path).encode()}, key=name) for name in ["poison", "raises", *names]]
    assignment = Assignment("03_descent", (), {}, b"s", Patience(), 1, {})
    results: dict[str, Any] = {}
    killed = 0
    for task, result in _run(client, assignment, Sandbox("landlock"), tasks, work):
        results[task.student] = result
        if len(results) == 8 and not killed:
            killed = next(iter(client.run(os.getpid).values()))
            os.kill(killed, signal.SIGKILL)
    assert killed
    assert set(results) == {"poison", "raises", *names}
    poison, raises = results.pop("poison"), results.pop("raises")
    assert isinstance(poison, Failure)
    assert poison.poisoned
    assert raises == Failure("ValueError: as it must")
    assert {r.student for r in results.values()} == set(names)
    assert all(r.text == "03_descent" and r.scores == {"a": 1.0} for r in results.values())
