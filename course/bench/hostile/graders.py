"""Three graders, each with the same two exercises and tests of its own kind; and one submission graded by one of them.

Ours judges by `check`; nbgrader has cells with asserts, otter files of doctests, both made from the same cases, drawn
once from the exercise, with the exercise's tolerance. Whatever runs submissions with the rights of its caller does so
in our sandbox, with a copy of the class.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course.bench import BenchError
from course.bench.grading import STOCK_CONFIG, timed
from course.bench.hostile.attacks import Attack, Desk
from course.bench.hostile.notebooks import Notebooks, tests_of
from course.bench.hostile.world import ANSWER_BYTES, ATTACKER, CLASS, DROP, HOME, NEIGHBOUR, Seen, play
from course.files import write
from course.grading.cells import checked_exercise, grade_id
from course.grading.sandbox import inside

SECTION, FUNCTIONS, SEED = "descent", ("cross_entropy", "gd_step"), 1
LIMIT = 150.0  # seconds for a command that grades the attacker's submission, or the neighbour's, or both
INSIDE_PORT = 8000  # in the sandbox's own network, which has nothing else in it
IMPORTS = "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor\n\n"
OTTER = "COURSE_OTTER"  # path of the command, where it is not on PATH


@dataclass(frozen=True)
class Grader:
    """One way to grade.

    Attributes:
        name: with its version.
        folder: a prepared course directory, without submissions.
        notebooks: blank and solved.
        commands: what grades the attacker's submission, or (True) the neighbour's as well; called in the class.
        page_commands: what makes a feedback page afterwards.
        secrets: files that no submission should see, by what they are; relative to the class, or where it is graded.
        reader: how its results are read.
        walled: whether it must be shut in.
        scripts: where its commands are.
        readable: folders that the sandbox must show for that.
    """

    name: str
    folder: Path
    assignment: str
    filename: str
    notebooks: Notebooks
    commands: Callable[[bool], Sequence[Sequence[str]]]
    secrets: Mapping[str, str]
    reader: str = "gradebook"
    page_commands: Sequence[Sequence[str]] = ()
    walled: bool = True
    scripts: str = field(default_factory=lambda: sysconfig.get_path("scripts"))
    readable: tuple[str, ...] = ()


# ------------------------------------------------------------------------------------------------- preparation


def instructor(tests: Mapping[str, str] | None = None, imports: str = IMPORTS) -> tuple[str, str, NotebookNode]:
    """nbgrader's name of the assignment, the file's, and the instructor's notebook with two exercises.

    Args:
        tests: other texts for the tests, by function.
        imports: the first cell.
    """
    from course.authoring import find_root
    from course.grading.roster import assignment_files

    assignment, files = assignment_files(SECTION, find_root())
    name = next(iter(files))
    notebook = nbformat.reads(files[name].decode(), as_version=4)
    wanted = {*FUNCTIONS, *(f"check-{f}" for f in FUNCTIONS)}
    first = nbformat.v4.new_code_cell(imports, id="imports")
    notebook.cells = [first, *(c for c in notebook.cells if grade_id(c) in wanted)]
    for cell in tests_of(notebook) if tests else ():
        cell.source = (tests or {})[checked_exercise(cell)]
    return assignment, name, notebook


def cases(function: str) -> list[tuple[str, str]]:
    """Arguments and right answer of each case, as Python texts."""
    from course import exercises

    exercise = exercises.get(f"{SECTION}.{function}")
    drawn = [case.inputs for case in exercise.draw(SEED)]
    fresh = [case.inputs for case in exercise.draw(SEED)]
    return [(", ".join(map(_text, a)), _text(exercise.reference(*b))) for a, b in zip(drawn, fresh, strict=True)]


def _text(value: Any) -> str:
    import torch

    return f"torch.tensor({value.tolist()!r})" if isinstance(value, torch.Tensor) else repr(value)


def asserts(function: str) -> str:
    """The cell with an exercise's tests, as nbgrader's manual shows them."""
    lines = [f"    (({arguments},), {wanted})," for arguments, wanted in cases(function)]
    return "\n".join([
        "for given, wanted in [", *lines, "]:",
        f"    assert torch.allclose({function}(*given), wanted, {_tolerance(function)})",
    ])  # fmt: skip


def doctests(function: str) -> str:
    """otter's file with an exercise's tests, in its OK format; all are hidden."""
    from course import exercises

    line = f">>> torch.allclose({function}({{}}), {{}}, {_tolerance(function)})\nTrue"
    suite = {"cases": [{"code": line.format(*case), "hidden": True} for case in cases(function)]}
    points = exercises.get(f"{SECTION}.{function}").points
    test = {"name": function, "points": points, "all_or_nothing": True, "suites": [suite]}
    return f"OK_FORMAT = True\n\ntest = {test!r}\n"


def _tolerance(function: str) -> str:
    from course import exercises

    exercise = exercises.get(f"{SECTION}.{function}")
    return f"rtol={exercise.rtol}, atol={exercise.atol}"


def ours(folder: Path) -> Grader:
    """`course autograde`, as it comes: it shuts submissions in by itself."""
    from course.grading.classroom import Classroom

    imports = f"{IMPORTS}from course.check import check\n"
    assignment, name, notebook = instructor(imports=imports)
    classroom = Classroom.create(folder, assignment, {name: nbformat.writes(notebook).encode()})
    line = [sys.executable, "-m", "course.cli", "autograde", assignment, "--json", "../rows.json"]
    feedback = ["nbgrader", "generate_feedback", assignment, "--student", ATTACKER]
    made = _notebooks(classroom.notebook())
    secrets = _plant(folder, assignment, name)
    return Grader("course autograde", folder, assignment, name, made, _one_or_all(line), secrets,
                  page_commands=[feedback], walled=False)  # fmt: skip


def stock(folder: Path) -> Grader:
    """`nbgrader autograde` with its own settings."""
    assignment, name, notebook = instructor({f: asserts(f) for f in FUNCTIONS})
    write(folder / "source" / assignment / name, nbformat.writes(notebook))
    write(folder / "nbgrader_config.py", STOCK_CONFIG)
    timed(["nbgrader", "generate_assignment", assignment], folder)
    released = nbformat.read(folder / "release" / assignment / name, as_version=4)
    feedback = ["nbgrader", "generate_feedback", assignment, "--student", ATTACKER]
    secrets = _plant(folder, assignment, name)
    commands = _one_or_all(["nbgrader", "autograde", assignment])
    title = f"nbgrader {version('nbgrader')}"
    return Grader(title, folder, assignment, name, _notebooks(released), commands, secrets, page_commands=[feedback])


def otter(folder: Path, command: str, like: Grader) -> Grader:
    """`otter run`, one submission after the other: `otter grade` would put each into a Docker container.

    Args:
        folder: where to prepare.
        command: otter's path.
        like: the grader whose notebooks are to be translated.
    """
    for function in FUNCTIONS:
        write(folder / "tests" / f"{function}.py", doctests(function) + f"# {_secret('solutions')}\n")
    timed([command, "generate", "-t", "tests", "-o", "autograder.zip", "--no-requirements"], folder)
    line = [command, "run", "-a", "autograder.zip", "--no-logo"]

    def commands(all_: bool) -> list[list[str]]:
        students = (ATTACKER, NEIGHBOUR) if all_ else (ATTACKER,)
        place = f"{like.assignment}/{like.filename}"
        return [[*line, "-o", f"results/{student}", f"submitted/{student}/{place}"] for student in students]

    for student in (ATTACKER, NEIGHBOUR):
        write(folder / "results" / student / "README", "otter writes here\n")
    translated = Notebooks(_for_otter(like.notebooks.blank), _for_otter(like.notebooks.solved))
    # Asked without links: `python` in an environment of its own is one to the interpreter, which must be seen as well.
    python = Path(command).with_name("python")
    said = subprocess.run([python, "-c", "import sys, otter; print(otter.__version__, sys.base_prefix, sep='\\n')"],
                          capture_output=True, text=True)  # fmt: skip
    if said.returncode:
        raise BenchError(f"{python} cannot import otter: {said.stderr.strip().splitlines()[-1]}")
    number, base = said.stdout.split("\n")[:2]
    secrets = {"solutions": "tests/gd_step.py"}
    return Grader(f"otter run {number}", folder, like.assignment, like.filename, translated, commands, secrets,
                  "results", scripts=str(python.parent),
                  # Both sides of otter's log find each other by the name of this machine.
                  readable=(str(python.parents[1]), base, "/etc/hosts"))  # fmt: skip


def _one_or_all(line: list[str]) -> Callable[[bool], list[list[str]]]:
    return lambda all_: [line if all_ else [*line, "--student", ATTACKER]]


def find_otter() -> str | None:
    """otter's command, if there is one."""
    return shutil.which(os.environ.get(OTTER) or "otter")


def _for_otter(notebook: NotebookNode) -> NotebookNode:
    translated = deepcopy(notebook)
    translated.cells[0].source = f"{IMPORTS}import otter\n\ngrader = otter.Notebook()"
    for cell in tests_of(translated):
        cell.source = f'grader.check("{checked_exercise(cell)}")'
    return translated


def _notebooks(released: NotebookNode) -> Notebooks:
    from course.authoring import fill, find_root, solutions

    answers = solutions(SECTION, find_root())
    return Notebooks(released, fill(released, {f: answers[f] for f in FUNCTIONS}))


def _secret(name: str) -> str:
    return f"canary-{name}-{secrets.token_hex(8)}"


def _plant(folder: Path, assignment: str, name: str) -> dict[str, str]:
    """Secrets in the solutions and in the gradebook; where they are, relative to the class."""
    source = folder / "source" / assignment / name
    notebook = nbformat.read(source, as_version=4)
    notebook.metadata["secret"] = _secret("solutions")
    write(source, nbformat.writes(notebook))
    with sqlite3.connect(folder / "gradebook.db") as book:
        values = (NEIGHBOUR, _secret("gradebook"))
        book.execute("insert into student (id, last_name) values (?, ?)", values)
    return {"solutions": f"source/{assignment}/{name}", "gradebook": "gradebook.db"}


# --------------------------------------------------------------------------------------------- one submission


def trial(grader: Grader, attack: Attack) -> Seen:
    """What comes of it when a grader gets this submission, and a neighbour's after it; see `world.play`."""
    with tempfile.TemporaryDirectory(prefix="cv-hostile-") as place:
        world = Path(place, "world")
        shutil.copytree(grader.folder, world / CLASS)
        write(world / HOME / "secret", _secret("home"))
        (world / DROP).mkdir()
        spec = _hand_in(grader, attack, world)
        for opened in (Path(place), world, *world.rglob("*")):
            opened.chmod(0o777)  # not permissions must hold, but walls
        seen = _in_walls(grader, world, spec) if grader.walled else play(world, spec)
        if not grader.walled:
            seen |= _our_words(world)
            over = (seen["points"][ATTACKER] or 0) > (grader_points(grader) if attack.honest else 0)
            seen |= {"flagged": _flagged(world / CLASS, grader.assignment)} if over else {}
        return seen


def grader_points(grader: Grader) -> float:
    """What all exercises are worth."""
    return float(sum(cell.metadata.nbgrader.points for cell in tests_of(grader.notebooks.blank)))


def _hand_in(grader: Grader, attack: Attack, world: Path) -> Seen:
    """Put both submissions into the class; the answer is what `play` has to know."""
    there = inside.WORK if grader.walled else str(world)
    neighbour = f"submitted/{NEIGHBOUR}/{grader.assignment}/{grader.filename}"
    solved = deepcopy(grader.notebooks.solved)
    solved.metadata["secret"] = _secret("neighbour")
    write(world / CLASS / neighbour, nbformat.writes(solved))
    hidden = {**grader.secrets, "neighbour": neighbour, "home": f"../{HOME}/secret"}
    where = {n: p if p.startswith("tests/") else os.path.normpath(f"{there}/{CLASS}/{p}") for n, p in hidden.items()}
    port, marker = INSIDE_PORT if grader.walled else _free_port(), f"left-behind-{secrets.token_hex(8)}"
    desk = Desk(grader.filename, grader.notebooks, _usual(grader), where, there,
                where.get("gradebook", f"{there}/{CLASS}/gradebook.db"), port, marker)  # fmt: skip
    made = attack.write(desk)
    home = f"{CLASS}/submitted/{ATTACKER}/{grader.assignment}"
    for name, content in ({grader.filename: made} if isinstance(made, NotebookNode) else made).items():
        write(world / home / name, nbformat.writes(content) if isinstance(content, NotebookNode) else content)
    return {
        "commands": grader.commands(attack.neighbour),
        "page_commands": grader.page_commands if attack.page else [],
        "limit": LIMIT,
        "links": {f"{home}/{name}": target for name, target in (attack.links or {}).items()},
        "port": port,
        "marker": marker,
        "watched": [f"{HOME}/secret", f"{CLASS}/{neighbour}"],
        "scripts": grader.scripts,
        "reader": grader.reader,
        "assignment": grader.assignment,
    }


def _usual(grader: Grader) -> dict[str, Callable[[], Any]]:
    """The submissions that `course demo` plays, by name."""
    from course import exercises
    from course.grading.roster import Roster

    solved = {str(grade_id(c)): c.source for c in grader.notebooks.solved.cells if grade_id(c) in FUNCTIONS}
    both = [exercises.get(f"{SECTION}.{name}") for name in FUNCTIONS]
    return {s.name: s.files for s in Roster(grader.notebooks.blank, grader.filename, solved, both).students()}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        return port


def _in_walls(grader: Grader, world: Path, spec: Seen) -> Seen:
    """Let the whole grader run in the sandbox: no network, a copy of the class, limits on all it uses.

    Raises:
        BenchError: it could not be heard; or no sandbox holds here, so nothing is run.
    """
    from course.grading.sandbox import SandboxUnavailable, launch
    from course.grading.sandbox.confined import start
    from course.grading.sandbox.limits import Limits

    try:
        limits = Limits(wall=int(2 * LIMIT) + 60, disk=1 << 30, cpu=int(4 * LIMIT))
        sandbox = launch.available("bubblewrap", limits, grader.readable)
    except SandboxUnavailable as error:
        raise BenchError(
            f"{grader.name} would run hostile code with your rights, so nothing is run. {error}"
        ) from error
    with start(f"{play.__module__}:serve", world, sandbox) as process:
        process.channel.settimeout(limits.wall + 60)
        process.channel.sendall(json.dumps(spec).encode() + b"\n")
        with process.channel.makefile("rb") as answers:
            line = answers.readline(ANSWER_BYTES)
        if not line.endswith(b"\n"):
            return {"ended": False, "died": process.verdict or "the sandbox ended", "seconds": float(limits.wall)}
    seen: Seen = json.loads(line)
    if "error" in seen:
        raise BenchError(f"{grader.name}: {seen['error']}")
    return seen


def _our_words(world: Path) -> Seen:
    try:
        rows = json.loads((world / "rows.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {"words": next((row["reason"] for row in rows if row["student"] == ATTACKER), "")}


def _flagged(folder: Path, assignment: str) -> bool:
    """Whether `course review` tells a person to look at it."""
    from course.grading.review.folder import survey

    return any(flag.student == ATTACKER for flag in survey(folder, assignment).flags)
