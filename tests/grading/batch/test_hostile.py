"""The hostile class on the fast path: the same walls, the same scores, and a run that goes on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from course.grading.batch.assignment import Assignment
from course.grading.batch.run import Plan, autograde
from course.grading.batch.task import Graded, Task, grade
from course.grading.classroom import Classroom
from course.grading.forkserver import ForkServer
from course.grading.sandbox import launch
from course.grading.sandbox.launch import Sandbox
from tests.grading import attacks
from tests.grading.conftest import ASSIGNMENT, FILE, Notebooks
from tests.grading.test_sandbox import Hostile, Outside, left_running, outside, printed

__all__ = ["outside"]  # a fixture
pytestmark = pytest.mark.slow
MARKER = "left-behind-by-a-fast-one"
METHODS = [pytest.param(m, marks=pytest.mark.skipif(bool(o := launch.obstacle(m)), reason=o)) for m in launch.METHODS]
# These speak the protocol of Jupyter's kernels, which is not spoken here: their cell fails, and that is all.
OTHER_PROTOCOL = {"silent-flood", "huge-message", "lacking-message", "garbled-message", "odd-bundle", "forged-count"}
# What a cell prints is cut where it is printed; nobody else has to take it in.
HARMLESS = {*OTHER_PROTOCOL, "floods"}
# Without namespaces the machine's disk and the user's processes are others' too: who takes too many is ended.
ENDED = {"disk-bomb": "to files", "socket-files": "20,000 files", "fork-bomb": "processes and threads"}


@pytest.fixture(scope="module", params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def walled(method: str) -> Iterator[ForkServer]:
    """A fork server within these walls."""
    with ForkServer(launch.available(method)) as server:
        yield server


@pytest.fixture(scope="module")
def hostile(
    classroom: Classroom,
    notebooks: Notebooks,
    method: str,
    walled: ForkServer,
    outside: Outside,
    tmp_path_factory: pytest.TempPathFactory,
) -> Hostile:
    """All attacks in one run, with small limits, in a class of their own."""
    limits = {"method": method, "memory_mb": 1200, "disk_mb": 64, "processes": 64, "wall_seconds": 60}
    settings = Config(GradingProvisioner=limits, Execute={"timeout": 5})
    files = {p.name: p.read_bytes() for p in (classroom.folder / "source" / ASSIGNMENT).iterdir()}
    mine = Classroom.create(tmp_path_factory.mktemp("hostile") / "class", ASSIGNMENT, files, settings)
    private = [mine.folder, mine.folder / "gradebook.db", mine.folder / ".course_secret", walled.address]
    table = attacks.table(
        reads=[outside.canary, *private, "/home", Path.home() / ".bashrc"],
        writes=[outside.canary, mine.folder / "gradebook.db", "/new", "/jobs/new"],
        canary=outside.canary,
        connections=outside.connections,
        marker=MARKER,
    )
    for name, attack in table.items():
        mine.submit(name, {FILE: notebooks.with_cell(attack.cell, after="check-cross_entropy")})
    mine.submit("neighbour", {FILE: notebooks.solved})

    def engine(assignment: Assignment, sandbox: Sandbox) -> Any:
        work = partial(grade, assignment=assignment, sandbox=sandbox, address=walled.address)

        def run(tasks: Iterable[Task]) -> Iterator[tuple[Task, Graded]]:
            todo = list(tasks)
            with ThreadPoolExecutor(2) as pool:
                yield from zip(todo, pool.map(work, todo), strict=True)

        return run

    tally = autograde(mine, Plan(mine.students()), engine=engine)
    return Hostile(table, {o.student: o for o in tally.outcomes}, mine)


@pytest.mark.parametrize("name", attacks.NAMES)
def test_each_ends_in_a_correct_score_and_a_reason(name: str, hostile: Hostile, method: str) -> None:
    assert hostile.classroom is not None
    attack, outcome, told = hostile.attacks[name], hostile.outcomes[name], printed(hostile.classroom, name)
    earned = {f.exercise for f in outcome.findings if f.points == f.max_points}
    assert not outcome.failed, outcome.reason
    assert attacks.OUT not in told
    if method == "landlock" and ENDED.get(name, "nothing") in outcome.reason:
        assert outcome.score == outcome.max_score
        return
    if name not in OTHER_PROTOCOL and (method, name) != ("landlock", "kills"):  # whom it might kill is not inside there
        assert re.search(attack.told, told), told
    if attack.fatal and name not in HARMLESS:
        assert outcome.score == outcome.max_score, "the attack is left out, and the rest counts"
        assert re.search(attack.reason, outcome.reason), outcome.reason
    elif attack.spoils:
        assert earned >= {"descent.cross_entropy"}, outcome.reason
    else:
        assert outcome.score == outcome.max_score, outcome.reason
    assert len(told) < 6_000_000


def test_the_run_goes_on_and_others_lose_nothing(hostile: Hostile) -> None:
    assert set(hostile.outcomes) == {*attacks.NAMES, "neighbour"}
    assert hostile.outcomes["neighbour"].score == hostile.outcomes["neighbour"].max_score


def test_nothing_outside_is_touched_and_nothing_is_left_running(hostile: Hostile, outside: Outside) -> None:
    assert outside.untouched()
    assert not left_running(MARKER)
