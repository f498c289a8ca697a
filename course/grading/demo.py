"""`course demo`: a whole class, from release to feedback, in one folder, before your eyes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from traitlets.config import Config

from course.files import write, write_rows
from course.grading.batch.run import Plan, autograde
from course.grading.classroom import Classroom, ClassroomError, Outcome
from course.grading.forkserver import ForkServer, ForkUnavailable
from course.grading.lifetime import Stopped, stoppable
from course.grading.progress import Bar
from course.grading.provisioner import GradingProvisioner
from course.grading.roster import Roster, Student, assignment_files
from course.grading.runner import WARM
from course.grading.sandbox import SandboxError
from course.grading.workers import grade_all

MARKER, LOCK = ".course-demo.json", ".course-demo.lock"
Rows = list[dict[str, Any]]


def main(
    section: str = "descent",
    folder: Path | None = None,
    only: list[str] | None = None,
    json_file: Path | None = None,
    unsafe_no_sandbox: bool = False,
) -> None:
    """Make a class, grade it, show who made which mistake. Ends the process with 1 if one is missed.

    Args:
        section: which notebook is released, e.g. `descent`.
        folder: where to work: new, empty, or of an earlier demo, which then goes on; temporary unless given.
        only: students' names, or patterns such as `momentum_step-*`.
        json_file: also write the rows there; `-` prints them and nothing else.
        unsafe_no_sandbox: run the submissions without a sandbox.
    """
    from course.authoring import AuthoringError

    settings = Config({"GradingProvisioner": {"unsafe_no_sandbox": True}} if unsafe_no_sandbox else {})

    alone = json_file is not None and str(json_file) == "-"
    console = Console(stderr=alone)
    try:
        place = _open(folder)
    except ClassroomError as error:
        _stop(console, str(error))
    try:
        with stoppable(), FileLock(place / LOCK, timeout=0):
            classroom, rows = _run(place, section, only or [], settings, console)
    except Timeout:
        _stop(console, f"another demo is at work in {place}; wait for it, or choose a new --folder")
    except (ClassroomError, AuthoringError, SandboxError) as error:
        _stop(console, str(error))
    except Stopped as stopped:
        with suppress(OSError):  # the terminal may be what is gone
            console.print(f"\n{stopped.sentence} What is graded is kept.")
            console.print(f"Go on with [bold]course demo --folder {escape(str(place))}[/bold]", soft_wrap=True)
        sys.exit(stopped.exit_code)
    if json_file:
        write_rows(rows, json_file)
    if not alone:
        console.print(_table(rows))
    well = _verdict(console, rows)
    _where_next(console, classroom, rows)
    if not well:
        sys.exit(1)


# ------------------------------------------------------------------------------------------------ the work


def _run(place: Path, section: str, only: list[str], settings: Config, console: Console) -> tuple[Classroom, Rows]:
    """Set the class up, hand in, grade what is not graded yet; rows in the roster's order."""
    sandboxed = GradingProvisioner(config=settings).sandbox()
    with ExitStack() as stack:
        server = None
        try:  # it imports torch while we set the class up
            server = stack.enter_context(ForkServer(sandboxed, warm=WARM if sandboxed else ""))
        except ForkUnavailable as reason:
            console.print(f"[dim]Grading is slower here: {escape(str(reason))}.[/dim]")
        bar = stack.enter_context(Bar(console, "setting up"))
        classroom, students = _set_up(place, section, settings)
        by_name = {s.name: s for s in _chosen(students, only)}
        rows: dict[str, dict[str, Any]] = {}
        for name, student in by_name.items():
            outcome = classroom.outcome(name)
            if outcome is None:
                classroom.submit(name, student.files())
            else:
                rows[name] = _row(student, outcome)
        bar.start(len(by_name), len(rows))

        def take(outcome: Outcome) -> None:
            rows[outcome.student] = _row(by_name[outcome.student], outcome)
            bar.advance()

        if left := [name for name in by_name if name not in rows]:
            _grade(classroom, left, bool(sandboxed), server, take)
    return classroom, [rows[name] for name in by_name]


def _grade(
    classroom: Classroom, names: Sequence[str], sandboxed: bool, server: ForkServer | None, take: Callable[..., None]
) -> None:
    """As `course autograde` does; without a sandbox, through nbgrader's own."""
    if sandboxed:
        autograde(
            classroom, Plan(names), report=lambda news: take(news) if isinstance(news, Outcome) else None, server=server
        )
    else:
        for outcome in grade_all(classroom, names, server=server):
            take(outcome)


def _set_up(place: Path, section: str, settings: Config) -> tuple[Classroom, list[Student]]:
    """The course directory, made where it is not yet, and the class."""
    from course import exercises
    from course.authoring import find_root, solutions

    root = find_root()
    assignment, files = assignment_files(section, root)
    filename = next(iter(files))
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()
    state = json.loads((place / MARKER).read_text(encoding="utf-8"))
    if state.get("source", digest) != digest:
        raise ClassroomError(f"{place} was made from another version of the notebook; choose a new --folder")
    if "source" in state:
        classroom = Classroom(place, assignment, settings)
    else:
        classroom = Classroom.create(place, assignment, files, settings)
        write(place / MARKER, json.dumps({**state, "source": digest}))
    tasks = exercises.of_section(section), exercises.challenges(section)
    return classroom, Roster(classroom.notebook(), filename, solutions(section, root), *tasks).students()


def _open(folder: Path | None) -> Path:
    """The folder to work in: ours already, or empty."""
    place = Path(tempfile.mkdtemp(prefix="course-demo-")) if folder is None else folder.expanduser().resolve()
    if place.exists() and not place.is_dir():
        raise ClassroomError(f"{place} is a file; give a folder")
    if not (place / MARKER).is_file():
        if place.exists() and any(place.iterdir()):
            raise ClassroomError(f"{place} is not empty, and not of an earlier demo; give a new folder")
        write(place / MARKER, json.dumps({"made by": "course demo"}))
    return place


def _chosen(students: list[Student], only: list[str]) -> list[Student]:
    names = [s.name for s in students]
    wanted = set[str]()
    for pattern in only:
        found = [n for n in names if fnmatchcase(n, pattern)]
        if not found:
            near = get_close_matches(pattern, names, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
            raise ClassroomError(f"no student {pattern!r} in this class: {hint}")
        wanted.update(found)
    return [s for s in students if s.name in wanted or not only]


def _row(student: Student, outcome: Outcome) -> dict[str, Any]:
    """Plain fields: what was handed in, what came of it, and whether that is right."""
    named = [f.misconception for f in outcome.findings if f.misconception]
    return {
        "student": student.name,
        "kind": student.kind,
        "exercise": student.exercise,
        "misconception": student.misconception,
        "diagnosed": ", ".join(named) or None,
        "score": outcome.score,
        "max_score": outcome.max_score,
        "expected_score": sum(student.points.values()),
        "waiting": outcome.waiting,
        "reason": outcome.reason,
        "about": student.about,
        "objections": student.objections(outcome),
        "seconds": outcome.seconds,
    }


# ------------------------------------------------------------------------------------------------- the show


def _table(rows: Rows) -> Table:
    table = Table(title="A class, graded", title_justify="left", header_style="bold")
    table.add_column("")
    table.add_column("student", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("what was diagnosed", overflow="fold")
    for row in rows:
        mark = "[red]✗[/red]" if row["objections"] else "[green]✓[/green]"
        told = escape(row["reason"]) or "[green]everything right[/green]"
        if row["kind"] == "misconception" and row["diagnosed"]:
            told = f"[bold]{escape(row['diagnosed'])}[/bold]: {told.partition(': ')[2]}"
        table.add_row(mark, row["student"], f"{row['score']:g}/{row['max_score']:g}", told)
    return table


def _verdict(console: Console, rows: Rows) -> bool:
    """Say whether everything came out as it must."""
    for row in (r for r in rows if r["kind"] == "solved"):
        open_points = f"; {row['waiting']:g} points wait for you: a written question" if row["waiting"] else ""
        console.print(f"The solved notebook has {row['score']:g} of {row['max_score']:g} points{open_points}.")
    wrong = [r for r in rows if r["objections"]]
    for row in wrong:
        console.print(f"[red]✗[/red] {row['student']}: {escape('; '.join(row['objections']))}", soft_wrap=True)
    mistakes = [r for r in rows if r["kind"] == "misconception"]
    right = sum(not r["objections"] for r in mistakes)
    if mistakes:
        mark = "[green]✓[/green]" if right == len(mistakes) else "[red]✗[/red]"
        text = f"{right} of {len(mistakes)} mistakes lost the points of their exercise, no more, and were named"
        console.print(f"{mark} {text}")
    if len(rows) > len(mistakes):
        others = [r for r in rows if r["kind"] != "misconception"]
        fine = sum(not r["objections"] for r in others)
        mark = "[green]✓[/green]" if fine == len(others) else "[red]✗[/red]"
        console.print(f"{mark} {fine} of {len(others)} other submissions ended as they must")
    return not wrong


def _example(classroom: Classroom, rows: Rows) -> Path | None:
    """The feedback page that is worth a look; nbgrader makes it if it is not there."""
    graded = [row for row in rows if (classroom.folder / "autograded" / row["student"]).is_dir()]
    if not graded:
        return None
    student = next((row["student"] for row in graded if row["reason"]), graded[0]["student"])
    pages = classroom.folder / "feedback" / student / classroom.assignment
    if not any(pages.glob("*.html")):
        classroom.feedback(student)
    return next(pages.glob("*.html"))


def _where_next(console: Console, classroom: Classroom, rows: Rows) -> None:
    folder = classroom.folder
    ours = os.path.join(sysconfig.get_path("scripts"), "jupyter")
    jupyter = "jupyter" if shutil.which("jupyter") == ours else ours  # another environment's knows nothing of nbgrader
    nbgrader = f"{jupyter.removesuffix('jupyter')}nbgrader"
    page = _example(classroom, rows)
    for name, place in (
        ("Feedback", page or "none yet"),
        ("", f"cd {folder} && {nbgrader} generate_feedback {classroom.assignment}   (everybody's)"),
        ("Gradebook", folder / "gradebook.db"),
        ("Formgrader", f"cd {folder} && {jupyter} lab   (menu Nbgrader → Formgrader)"),
    ):
        console.print(f"{name:<12}{escape(str(place))}", soft_wrap=True)


def _stop(console: Console, message: str) -> Any:
    console.print(f"[red]✗[/red] {escape(message)}", soft_wrap=True)
    sys.exit(1)
