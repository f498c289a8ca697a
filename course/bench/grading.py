"""How long a class takes: `course autograde` beside stock `nbgrader autograde`, on the same submissions, in one run.

Stock is timed on a few of them, half before and half after ours: it starts a kernel, imports torch, and waits for the
kernel to end, for each. Both start from nothing, as a command. Scores must agree, or there is nothing to compare.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from course.bench import BenchError
from course.files import write, write_picture, write_rows

SECTION, CLASS = "descent", 100
STOCK_CONFIG = """c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "cv-course"
"""
Row = dict[str, Any]


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure.

    Args:
        json_file: where to write the rows; `-` prints them instead of the table.
        plot: where to write a plot, a PNG file.
        repeats: how many submissions stock nbgrader gets.
        only: must be empty.

    Raises:
        BenchError: there is no part of it that could be measured alone.
    """
    if only:
        raise BenchError("this measures one class as a whole: leave --only out")
    alone = json_file is not None and str(json_file) == "-"
    console = Console(stderr=alone)
    with tempfile.TemporaryDirectory(prefix="cv-bench-") as home:
        rows = measure(Path(home), repeats, CLASS, lambda text: console.print(f"[dim]{text}[/dim]"))
    if json_file:
        write_rows(rows, json_file)
    if plot:
        _plot(rows, plot)
    if not alone:
        console.print(_table(rows))
        console.print(sentence(rows))


def measure(home: Path, sample: int, students: int, say: Any = lambda _: None) -> list[Row]:
    """Two rows: stock on a sample, ours on a class that begins with the sample.

    Raises:
        RuntimeError: a command failed, or scores differ.
    """
    say("setting up the class")
    ours, names = _class(home / "ours", students)
    stock = [names[: sample // 2], names[sample // 2 : sample]]
    folders = [_stock_class(ours, home / f"stock{i}", part) for i, part in enumerate(stock)]
    nbgrader = shutil.which("nbgrader", path=sysconfig.get_path("scripts")) or "nbgrader"
    by_stock = [nbgrader, "autograde", _assignment(ours)]
    rows_file = home / "rows.json"
    by_us = [sys.executable, "-m", "course.cli", "autograde", _assignment(ours), "--json", str(rows_file)]
    say(f"stock nbgrader, {len(stock[0])} submissions")
    before = timed(by_stock, folders[0])
    say(f"course autograde, {students} submissions")
    mine = timed(by_us, ours)
    say(f"stock nbgrader, {len(stock[1])} submissions")
    after = timed(by_stock, folders[1])
    graded = json.loads(rows_file.read_text(encoding="utf-8"))
    _compare(folders, {row["student"]: row["score"] for row in graded})
    beyond = sorted(row["seconds"] - row["own_seconds"] for row in graded)[len(graded) // 2]
    ours_row = _row("course autograde", students, mine)
    return [_row("nbgrader autograde", sample, before + after), ours_row | {"beyond_own_code": round(beyond, 3)}]


def sentence(rows: Sequence[Row]) -> str:
    """The result in words."""
    stock, ours = rows
    return (
        f"{ours['submissions']} submissions in {ours['seconds']:.0f} s, start-up included: "
        f"{stock['each'] / ours['each']:.0f} times as fast as nbgrader, which was timed on {stock['submissions']}. "
        f"Beyond the students' own code, a submission takes {ours['beyond_own_code']:.2f} s (median)."
    )


def _row(way: str, submissions: int, seconds: float) -> Row:
    return {"way": way, "submissions": submissions, "seconds": round(seconds, 2), "each": seconds / submissions}


def timed(command: list[str], folder: Path) -> float:
    """How many seconds a command takes in a folder, with the scripts of this environment at hand.

    Raises:
        BenchError: it failed.
    """
    started = time.perf_counter()
    path = sysconfig.get_path("scripts") + os.pathsep + os.environ.get("PATH", "")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": path})
    if done.returncode:
        raise BenchError(f"{' '.join(command)} failed: {(done.stderr or done.stdout)[-2000:]}")
    return time.perf_counter() - started


def _assignment(folder: Path) -> str:
    return next(p.name for p in (folder / "source").iterdir())


def _class(folder: Path, students: int) -> tuple[Path, list[str]]:
    """A released assignment and its class: the solved notebook, and one known mistake each."""
    from course import exercises
    from course.authoring import find_root, solutions
    from course.grading.classroom import Classroom
    from course.grading.roster import Roster, assignment_files

    root = find_root()
    assignment, files = assignment_files(SECTION, root)
    classroom = Classroom.create(folder, assignment, files)
    roster = Roster(classroom.notebook(), next(iter(files)), solutions(SECTION, root), exercises.of_section(SECTION))
    kinds = [s for s in roster.students() if s.kind in ("solved", "misconception")]
    names = [f"student{i:03}" for i in range(students)]
    for i, name in enumerate(names):
        classroom.submit(name, kinds[i % len(kinds)].files())
    return folder, names


def _stock_class(ours: Path, folder: Path, names: Sequence[str]) -> Path:
    """The same assignment and some of the submissions, under nbgrader's own settings."""
    for part in ("source", "release"):
        shutil.copytree(ours / part, folder / part)
    shutil.copy(ours / "gradebook.db", folder)
    for name in names:
        shutil.copytree(ours / "submitted" / name, folder / "submitted" / name)
    write(folder / "nbgrader_config.py", STOCK_CONFIG)
    return folder


def _compare(folders: Sequence[Path], ours: dict[str, float]) -> None:
    from nbgrader.api import Gradebook

    for folder in folders:
        with Gradebook(f"sqlite:///{folder}/gradebook.db") as gradebook:
            for submission in gradebook.assignment_submissions(_assignment(folder)):
                name, theirs = submission.student.id, submission.code_score
                if abs(theirs - ours[name]) > 1e-6:
                    raise RuntimeError(f"{name} has {theirs} points from nbgrader and {ours[name]} from us")


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="A class, graded", title_justify="left", header_style="bold")
    for name in ("", "submissions", "seconds", "each"):
        table.add_column(name, justify="left" if not name else "right")
    for row in rows:
        table.add_row(row["way"], str(row["submissions"]), f"{row['seconds']:.1f}", f"{row['each']:.2f}")
    return table


def _plot(rows: Sequence[Row], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.2), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh([row["way"] for row in rows], [row["each"] for row in rows], color=["#999999", "#0072B2"])
    axes.bar_label(bars, fmt="%.2f s", padding=4)
    axes.set(title="Grading a submission, start-up included", xlabel="seconds of wall-clock time")
    axes.spines[["top", "right"]].set_visible(False)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    write_picture(figure, path, axes.get_title(), sentence(rows))
