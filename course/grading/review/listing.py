"""`course review`: what a person should look at, in a table."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from course.files import write_rows
from course.grading.review.flags import SEVERITIES, safe
from course.grading.review.folder import ReviewError, Survey, survey

COLOURS = {"high": "red", "medium": "yellow", "low": "dim"}


def main(assignment: str, folder: Path, json_file: Path | None = None) -> None:
    """Review an assignment and list the flags. Ends the process with 1 only if nothing could be reviewed.

    Args:
        assignment: nbgrader's name of it, e.g. `03_descent`.
        folder: the course directory.
        json_file: write the rows there; `-` prints them and nothing else.
    """
    alone = json_file is not None and str(json_file) == "-"
    console = Console(stderr=alone)
    try:
        found = _with_progress(console, assignment, folder)
        if json_file:
            write_rows([flag.row() for flag in found.flags], json_file)
    except ReviewError as error:
        _stop(console, str(error))
    except OSError as error:
        _stop(console, f"cannot read or write {error.filename}: {error.strerror}")
    if not alone:
        if found.flags:
            console.print(_table(found))
        for line in _summary(found):
            console.print(Text(line))


def _with_progress(console: Console, assignment: str, folder: Path) -> Survey:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading submissions", total=None)
        return survey(folder, assignment, lambda done, of: progress.update(task, completed=done, total=of))


def _table(found: Survey) -> Table:
    """One row for each flag; texts of students are printed, never interpreted."""
    table = Table(title="For a person to look at", title_justify="left", header_style="bold")
    table.add_column("student", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("why", overflow="fold")
    last = ""
    for flag in found.flags:
        row, place = flag.row(), _place(flag.cell, flag.line)
        where = "\n".join(part for part in (row["exercise"].split(".")[-1], place) if part)
        if last and last != flag.student:
            table.add_section()
        name = row["student"] if last != flag.student else ""
        last = flag.student
        severity = Text(flag.severity, COLOURS[flag.severity])
        table.add_row(Text(name), severity, Text(where), Text(row["what"]), Text(row["why"]))
    return table


def _place(cell: int, line: int) -> str:
    return f"cell {cell}" + (f", line {line}" if line else "") if cell else f"line {line}" if line else ""


def _summary(found: Survey) -> Iterator[str]:
    students, counts = len({f.student for f in found.flags}), Counter(f.severity for f in found.flags)
    told = ", ".join(f"{counts[s]} {s}" for s in SEVERITIES if counts[s])
    flagged = f"Flags: {told}, on {_count(students, 'student')}." if found.flags else "Nothing stands out."
    yield f"{_count(found.submissions, 'submission')} read, none was run. {flagged} Flags change no score."
    for name, number in found.common.items():
        yield (f"{name}: {number} answers are like so many others that this may be the way one writes it; not flagged.")
    if found.without_solution:
        yield "The model solution is not in the source folder, so it was not compared with (`course build` makes it)."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _stop(console: Console, message: str) -> None:
    console.print(Text.assemble(("✗ ", "red"), safe(message, 2000)), soft_wrap=True)
    sys.exit(1)
