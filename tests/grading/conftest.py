"""A small root with the smallest notebook that has every exercise of section 03, and one class graded from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from traitlets.config import Config

from course import exercises
from course.authoring import fill, solutions
from course.authoring.notebook import instructor_notebook, text_of
from course.authoring.source import load
from course.bench.hostile.attacks import FLOOD
from course.bench.hostile.forgers import FORGERS
from course.bench.hostile.notebooks import Notebooks
from course.grading.classroom import Classroom, Outcome
from course.grading.forkserver import ForkServer
from course.grading.planting import planted
from course.grading.provisioner import UNSAFE, GradingProvisioner
from course.grading.roster import Roster, Student
from course.grading.sandbox import SandboxUnavailable, launch
from course.grading.workers import grade_all

ASSIGNMENT, FILE = "03_descent", "descent.ipynb"
ROSTER = (
    "solved",
    "blank",
    "momentum_step-damped",
    "train-as_handed_out",
    "half-finished",
    "syntax-error",
    "kernel-crashes",
    "test-deleted",
    "test-duplicated",
    "points-changed",
    "foreign-kernel",
    "not-a-notebook",
    "too-large",
    "wrong-name",
)

# Where no sandbox holds, what is about walls is skipped, and the rest is tried without.
WALLED = ("test_sandbox.py", "test_confined.py", "test_both_ways.py", "test_hostile.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    try:
        launch.available()
    except SandboxUnavailable as reason:
        os.environ[UNSAFE] = "1"
        for item in items:
            if item.path.name in WALLED:
                item.add_marker(pytest.mark.skip(reason=str(reason).splitlines()[1].strip()))


def source() -> str:
    """The text source: one exercise, one check each, one written question."""
    imports = ("import torch", "import torch.nn.functional as F", "from course import descent")
    parts = ["\n".join(["# %%", *imports, "from course.check import check", ""])]
    for e in exercises.of_section("descent"):
        given = planted(e.given.implementation, e.function).partition("\ndef ")[2].splitlines()[1:] if e.given else []
        student = "\n".join(["    ### STUDENT", *(f"    # {line[4:]}" for line in given), ""]) if given else ""
        parts.append(
            f'# %% exercise="{e.name}"\ndef {e.signature}:\n    ### BEGIN SOLUTION\n'
            f'    return descent.{e.signature}\n{student}    ### END SOLUTION\n\n\n# %% check="{e.name}"\n'
            f'check("{e.name}", {e.function})\n'
        )
    parts.append(
        '# %% [markdown] question="why" points=4\n# ### BEGIN SOLUTION\n# Because it goes down.\n# ### END SOLUTION\n'
    )
    return "\n".join(parts)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `find_root` takes for a checkout."""
    root = tmp_path_factory.mktemp("root")
    for folder in ("solutions/03_descent", "course/authoring"):
        (root / folder).mkdir(parents=True)
    (root / "solutions/03_descent/descent.py").write_text(source(), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    """One fork server for all tests: it imports torch."""
    with ForkServer(GradingProvisioner().sandbox()) as server:
        yield server


@pytest.fixture(scope="session")
def classroom(root: Path, tmp_path_factory: pytest.TempPathFactory, server: ForkServer) -> Classroom:
    """A released assignment, with small limits."""
    made = load(root / "solutions/03_descent/descent.py", exercises, root)
    files = {FILE: text_of(instructor_notebook(made, exercises)).encode()}
    settings = Config(Execute={"timeout": 6, "iopub_timeout": 2})
    return Classroom.create(tmp_path_factory.mktemp("class"), ASSIGNMENT, files, settings)


@pytest.fixture(scope="session")
def roster(classroom: Classroom, root: Path) -> dict[str, Student]:
    """The demonstration's class, by name."""
    made = Roster(classroom.notebook(), FILE, solutions("descent", root), exercises.of_section("descent"))
    return {student.name: student for student in made.students()}


@pytest.fixture(scope="session")
def notebooks(classroom: Classroom, root: Path) -> Notebooks:
    """Blank, solved, and what can be made of them."""
    blank = classroom.notebook()
    return Notebooks(blank, fill(blank, solutions("descent", root)))


def meddling(notebooks: Notebooks) -> NotebookNode:
    """Names of Python's own taken, a module beside the notebook; and what was shown, and judged, is changed later."""
    shows = 'if not hasattr(gd_step, "told"):\n        gd_step.told = display("x", display_id="judged") or True'
    answers = {
        "gd_step": f"def gd_step(w, grad, lr):\n    {shows}\n    breakpoint()\n    return w - grad.mul_(lr)",
        "cross_entropy": "from mine import cross_entropy",
    }
    made = fill(notebooks.with_cell(MEDDLES, after="check-gd_step"), answers)
    first = 'from IPython.display import HTML\nglobals = vars = {}\ndisplay(HTML("<b>shown</b>"), display_id="shown")'
    made.cells.insert(1, new_code_cell(first))
    return made


MEDDLES = """
from IPython.display import update_display
for name in ("judged", "shown"):
    update_display({"text/plain": "1.0", "text/html": "<script>alert(1)</script>"}, raw=True, display_id=name)
get_ipython().execution_count = -5
1
"""


@pytest.fixture(scope="session")
def graded(
    classroom: Classroom, roster: dict[str, Student], notebooks: Notebooks, server: ForkServer
) -> dict[str, Outcome]:
    """Outcomes of a class with everything in it that goes wrong."""
    hangs = "import collections, itertools\ncollections.deque(itertools.repeat(0), maxlen=0)"  # compiled: hears nothing
    dies = "def gd_step(w, grad, lr):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGSEGV)"
    leaves = "def {}(*_, **__):\n    import os\n    os._exit(3)"
    functions = [e.function for e in exercises.of_section("descent")]
    strange = deepcopy(notebooks.solved)
    strange.cells[0].metadata.nbgrader = "what?"
    strange.cells[1].metadata.nbgrader = {"grade_id": ["x"], "grade": 7}
    special = {
        "endless-loop": notebooks.with_cell("while True: pass", after="check-gd_step"),
        "deaf-loop": notebooks.with_cell(hangs, after="check-gradient_descent"),
        "dies-in-check": fill(notebooks.solved, {"gd_step": dies}),
        "dies-always": fill(notebooks.solved, {name: leaves.format(name) for name in functions}),
        "flood": notebooks.with_cell(FLOOD),
        "check-renamed": notebooks.with_cell("check = lambda *a: None"),
        "check-generous": notebooks.with_cell("check = lambda *a: 100.0"),
        "imports-deleted": notebooks.without(None),
        "cells-deleted": notebooks.without("gd_step", "check-gd_step", "gradient_descent", "check-gradient_descent"),
        "tests-as-solutions": notebooks.with_metadata(solution=True, locked=False),
        "tests-ungraded": notebooks.with_metadata(grade=False),
        "skip-execution": notebooks.tagged(),
        "strange-metadata": strange,
    }
    special["meddler"] = meddling(notebooks)
    for name, (cell, function) in FORGERS.items():
        special[name] = notebooks.forged(cell, {"gd_step": function})
    for name in ROSTER:
        classroom.submit(name, roster[name].files())
    for name, notebook in special.items():
        classroom.submit(name, {FILE: notebook})
    classroom.submit("meddler", {FILE: special["meddler"], "mine.py": "from course.descent import cross_entropy\n"})
    classroom.submit("empty-handed", {})
    students = [*special, *ROSTER, "empty-handed"]
    return {o.student: o for o in grade_all(classroom, students, workers=2, server=server)}
