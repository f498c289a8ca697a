"""Workers: a killed one costs time only, a job that kills them is put aside."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

# Workers are forked from a process with one thread, which a test's process need not be.
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from course.grading.batch.pool import Failure, Pool, can_fork

notes = Path(sys.argv[1])

def work(job):
    if job == "poison":
        os._exit(7)
    if job == "raises":
        raise ValueError("as it must")
    if job == "killed once" and not (notes / "killed").exists():
        (notes / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job.upper()

assert can_fork()
jobs = ["a", "poison", "raises", "killed once", *"bcdefgh"]
with Pool(work, 2) as pool:
    workers = {worker.process.pid for worker in pool._workers}
    results = dict(pool.run(jobs))
    assert can_fork(), "a thread was started, and no more worker can be"
assert results.pop("poison") == Failure("it ended 3 processes, one after the other", poisoned=True)
assert results.pop("raises") == Failure("ValueError: as it must")
assert results == {job: job.upper() for job in ["a", "killed once", *"bcdefgh"]}, results
for pid in workers:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        continue
    raise SystemExit(f"worker {pid} is still there")
"""


def test_killed_workers_are_replaced_and_poison_is_put_aside(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "killed").exists()
