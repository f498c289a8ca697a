"""On a Dask cluster that speaks TLS: a killed worker's tasks are done by others, a poisoned task is put aside."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from course.grading.batch.assignment import Assignment
from course.grading.batch.cluster import _run, on_cluster
from course.grading.batch.pool import Failure
from course.grading.batch.task import Graded, Task
from course.grading.classroom import ClassroomError
from course.grading.runner.session import Patience
from course.grading.sandbox.launch import Sandbox

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")
dask = pytest.importorskip("dask")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
ASSIGNMENT, SANDBOX = Assignment("03_descent", (), {}, b"s", Patience(), 1, {}), Sandbox("landlock")


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
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two workers, each a process, that speak TLS only; the user's configuration of Dask has the keys."""
    pytest.importorskip("cryptography", reason="Dask makes keys for a test with it")
    keys = distributed.Security.temporary()
    folder = tmp_path_factory.mktemp("tls")
    for name in ("tls_ca_file", "tls_client_cert", "tls_client_key"):
        (folder / name).write_text(getattr(keys, name))
    tls = {
        "require-encryption": True,
        "tls.ca-file": str(folder / "tls_ca_file"),
        "tls.client.cert": str(folder / "tls_client_cert"),
        "tls.client.key": str(folder / "tls_client_key"),
    }
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),  # each costs the start of a worker
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, protocol="tls://", security=keys
        ) as cluster,
        dask.config.set({f"distributed.comm.{name}": value for name, value in tls.items()}),
    ):
        yield cluster


@pytest.fixture(scope="module")
def client(cluster: Any) -> Iterator[Any]:
    """As `course autograde --scheduler` connects: by address, with the keys of the configuration."""
    engine = on_cluster(cluster.scheduler_address)(ASSIGNMENT, SANDBOX)
    assert isinstance(engine, partial)
    with engine.args[0] as client:
        yield client


def test_whoever_has_no_key_is_not_let_in(cluster: Any) -> None:
    assert cluster.scheduler_address.startswith("tls://")
    with pytest.raises(ClassroomError, match="no Dask scheduler"):
        on_cluster(cluster.scheduler_address.replace("tls://", "tcp://"))


def test_a_machine_that_stalls_is_waited_for(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask's event loop has ten seconds to start; a failed `assert` is not for an instructor's eyes."""
    connect, calls = distributed.Client, []

    def stalled(times: int) -> Any:
        def client(*args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            assert len(calls) > times
            return connect(*args, **kwargs)

        return client

    monkeypatch.setattr(distributed, "Client", stalled(2))
    engine = on_cluster(cluster.scheduler_address)(ASSIGNMENT, SANDBOX)
    assert isinstance(engine, partial)
    engine.args[0].close()
    calls.clear()
    monkeypatch.setattr(distributed, "Client", stalled(99))
    with pytest.raises(ClassroomError, match="event loop"):
        on_cluster(cluster.scheduler_address)


def test_a_killed_worker_loses_nothing_and_poison_is_put_aside(client: Any, tmp_path: Path) -> None:
    names = [f"s{i:02}" for i in range(30)]
    tasks = [Task(name, "descent", {"note": str(tmp_path).encode()}, key=name) for name in ["poison", "raises", *names]]
    results: dict[str, Any] = {}
    killed = 0
    for task, result in _run(client, ASSIGNMENT, SANDBOX, tasks, work):
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
