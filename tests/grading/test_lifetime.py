"""What a run leaves when it is killed goes with the next one, and nothing else does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from course.grading import lifetime

MAKES = """
import sys, time
from course.grading import lifetime
for prefix in (lifetime.FORK, lifetime.TASK):
    print(lifetime.make(prefix), flush=True)
time.sleep(600)
"""
POOL = """
import os, time
from course.grading.batch.pool import Pool
def work(_):
    print(os.getpid(), flush=True)
    time.sleep(600)
with Pool(work, 1) as pool:
    list(pool.run([1]))
"""


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """As `tmp_path`, but short enough for a socket to lie in it."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp" if os.path.isdir("/tmp") else None) as folder:
        yield Path(folder)


@pytest.mark.skipif(lifetime.fcntl is None, reason="no locks")
def test_folders_of_dead_runs_are_swept_and_no_others(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "SHORT", str(short_path))
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    mine = lifetime.make(lifetime.KERNEL)
    (short_path / "cv-fork-older").mkdir()  # of a version that locked nothing: perhaps alive
    (short_path / "cv-fork-link").symlink_to(short_path / "cv-fork-older")
    (short_path / "cv-fork-file").touch()
    command, env = [sys.executable, "-c", MAKES], {**os.environ, "TMPDIR": str(short_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as p:
        assert p.stdout is not None
        theirs = [p.stdout.readline().strip() for _ in range(2)]
        assert lifetime.sweep() == []
        assert all(map(os.path.isdir, theirs))
        p.kill()
    assert sorted(lifetime.sweep()) == sorted(theirs)
    assert not any(map(os.path.exists, theirs))
    assert {e.name for e in short_path.iterdir()} == {
        os.path.basename(mine),
        *(f"cv-fork-{n}" for n in ("older", "link", "file")),
    }
    lifetime.discard(mine)
    assert not os.path.exists(mine)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers end after their job")
def test_a_worker_ends_with_its_pool_and_not_after_its_job() -> None:
    with subprocess.Popen([sys.executable, "-c", POOL], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        process.kill()
    stat = Path(f"/proc/{worker}/stat")
    assert within(20, lambda: not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.fixture
def heard() -> Iterator[None]:
    """Signals as in a terminal: who started the tests in the background, or with nohup, had some of them ignored."""
    usual: dict[int, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard")
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of Unix")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_who_is_stopped_tidies_up_undisturbed(name: str) -> None:
    number = getattr(signal, name)
    before, tidied = signal.getsignal(number), []

    def impatient() -> None:
        with lifetime.stoppable():
            try:
                os.kill(os.getpid(), number)
                time.sleep(5)
            finally:
                for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    os.kill(os.getpid(), again)
                tidied.append(True)

    with pytest.raises(lifetime.Stopped) as stopped:
        impatient()
    assert tidied
    assert stopped.value.exit_code == 128 + number
    assert name == "SIGINT" or name in stopped.value.sentence
    assert signal.getsignal(number) is before
