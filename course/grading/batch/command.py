"""`course autograde`: the command, with progress, summary and advice."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from traitlets.config import Config

from course.files import write_rows
from course.grading.batch.run import Plan, Tally, autograde, parse_shard
from course.grading.classroom import Classroom, ClassroomError, Outcome
from course.grading.clean import one_line, writable
from course.grading.forkserver import ForkServer
from course.grading.lifetime import Stopped, stoppable
from course.grading.progress import Bar
from course.grading.sandbox import SandboxError

SHOWN, NAMED = 15, 5
NARROWEST = 60  # columns: in fewer, tables lose their words; a terminal that is narrower breaks the lines


def main(
    assignment: str,
    folder: Path,
    students: list[str],
    workers: int,
    resume: bool,
    shard: str | None,
    scheduler: str | None,
    json_file: Path | None,
    server: ForkServer | None = None,
) -> None:
    """Grade what was handed in and is not graded yet; end the process with 1 if something was given up.

    Args:
        assignment: nbgrader's name of it.
        folder: the course directory.
        students: only these; all if empty.
        workers: processes on this machine; 0: as many as it has processors.
        resume: leave alone what is graded already.
        shard: "i/n": grade only that part, and leave entering it to a run without shard.
        scheduler: address of a Dask scheduler whose workers grade.
        json_file: also write the outcomes there; `-` prints them and nothing else.
        server: see `autograde`.
    """
    alone = json_file is not None and str(json_file) == "-"
    console = Console(stderr=alone)
    console.width = max(console.width, NARROWEST)
    try:
        with stoppable():
            classroom = Classroom(folder, assignment, Config())
            plan = Plan(_chosen(classroom, students), not resume, parse_shard(shard) if shard else None)
            engine = None
            if scheduler:
                from course.grading.batch.cluster import on_cluster

                engine = on_cluster(scheduler)
            with Bar(console, "starting") as bar:
                tally = autograde(classroom, plan, workers, engine, lambda news: _show(bar, news), server)
    except (ClassroomError, SandboxError, ValueError, OSError) as error:
        console.print(f"[red]✗[/red] {escape(_words(error))}", soft_wrap=True)
        sys.exit(1)
    except Stopped as stopped:
        with suppress(OSError):  # the terminal may be what is gone
            console.print(f"\n{stopped.sentence} What is graded is kept; the same command goes on from there.")
        sys.exit(stopped.exit_code)
    try:
        if json_file:
            write_rows([row(outcome) for outcome in tally.outcomes], json_file)
        if not alone:
            _summary(console, classroom, plan, tally)
    except OSError as error:
        sys.exit(f"All is graded and kept, but this could not be told ({error}).")
    if _given_up(tally):
        sys.exit(1)


def _given_up(tally: Tally) -> list[Outcome]:
    """What has no score: the next run tries again."""
    return [outcome for outcome in tally.outcomes if outcome.failed and not outcome.digest]


def _words(error: Exception) -> str:
    if type(error) in (ClassroomError, SandboxError, ValueError) or not getattr(error, "strerror", None):
        return str(error)
    assert isinstance(error, OSError)
    place = error.filename2 or error.filename or tempfile.gettempdir()
    return (
        f"{place}: {error.strerror}. Nothing that is graded is lost: put that right, and the same command goes on "
        "from there"
    )


def row(outcome: Outcome) -> dict[str, Any]:
    """Plain fields of an outcome."""
    return {
        "student": writable(outcome.student),
        "score": outcome.score,
        "max_score": outcome.max_score,
        "waiting": outcome.waiting,
        "failed": outcome.failed,
        "misconceptions": [f"{f.exercise}: {f.misconception}" for f in outcome.findings if f.misconception],
        "reason": outcome.reason,
        "seconds": outcome.seconds,
        "own_seconds": outcome.own_seconds,
    }


def _chosen(classroom: Classroom, wanted: list[str]) -> list[str]:
    there = classroom.students()
    if missing := sorted(set(wanted) - set(there)):
        raise ClassroomError(
            f"nothing of {', '.join(missing)} lies in {classroom.submission('').parent} for {classroom.assignment}"
        )
    if not there:
        place = classroom.submission("STUDENT")
        others = (
            {p.name for p in place.parents[1].glob("*/[!.]*") if p.is_dir()} if place.parents[1].is_dir() else set()
        )
        hint = f"; there is something for {', '.join(sorted(others)[:NAMED])}" if others else ""
        raise ClassroomError(f"nothing was handed in for {classroom.assignment}: {place} is where nbgrader looks{hint}")
    return wanted or there


def _show(bar: Bar, news: object) -> None:
    """A number: so much there is to do. Anything else: one more is done."""
    if isinstance(news, int):
        bar.start(news)
    else:
        bar.advance()


# --------------------------------------------------------------------------------------------- the summary


def _summary(console: Console, classroom: Classroom, plan: Plan, tally: Tally) -> None:
    name = escape(shlex.quote(classroom.assignment))
    if plan.shard:
        i, n = plan.shard
        console.print(f"Part {i} of {n}: {tally.stored} notebooks graded in {tally.seconds:.0f} s, and put by.")
        console.print(f"When all parts are done, [bold]course autograde {name}[/bold] enters them.")
        _failures(console, tally)
        return
    done = [outcome for outcome in tally.outcomes if not outcome.failed]
    if done:
        console.print(_exercises(done))
        if mistakes := _mistakes(done):
            console.print(mistakes)
    _failures(console, tally)
    waiting = sum(outcome.waiting > 0 for outcome in done)
    given_up = len(_given_up(tally))
    words = [f"{len(tally.outcomes) - given_up} graded in {tally.seconds:.0f} s"]
    words += [f"{given_up} not graded, which the same command tries again"] if given_up else []
    words += [f"{len(tally.skipped)} had been graded before"] if tally.skipped else []
    words += [f"{waiting} wait for a person to judge a written answer"] if waiting else []
    console.print("; ".join(words) + ".", soft_wrap=True)
    console.print(f"Feedback pages: [bold]nbgrader generate_feedback {name}[/bold]", soft_wrap=True)


def _failures(console: Console, tally: Tally) -> None:
    """What all of a class met (a full disk) is said once."""
    alike: dict[str, list[str]] = {}
    for outcome in sorted((o for o in tally.outcomes if o.failed), key=lambda o: bool(o.digest)):
        alike.setdefault(one_line(outcome.reason), []).append(one_line(outcome.student))
    for reason, students in list(alike.items())[:SHOWN]:
        more = f" and {len(students) - NAMED} more" if len(students) > NAMED else ""
        named = escape(", ".join(students[:NAMED]))
        console.print(f"[red]✗[/red] {named}{more}: {escape(reason)}", soft_wrap=True)
    if len(alike) > SHOWN:
        console.print(f"… and {len(alike) - SHOWN} more reasons; --json FILE writes all.")


def _exercises(outcomes: list[Outcome]) -> Table:
    table = Table(title="Exercises", title_justify="left", header_style="bold")
    for name in ("exercise", "right", "partly", "wrong", "unwritten", "not run"):
        table.add_column(name, justify="left" if name == "exercise" else "right")
    statuses = ("passed", "partial", "failed", "unwritten", "not run")
    counts: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        for finding in outcome.findings:
            counts.setdefault(finding.exercise, Counter())[finding.status] += 1
    for exercise, count in counts.items():
        table.add_row(exercise, *(str(count[status]) if count[status] else "·" for status in statuses))
    return table


def _mistakes(outcomes: list[Outcome]) -> Table | None:
    found = Counter((f.exercise, f.misconception, f.sentence) for o in outcomes for f in o.findings if f.misconception)
    if not found:
        return None
    table = Table(title="Where the class is stuck", title_justify="left", header_style="bold")
    table.add_column("", justify="right")
    table.add_column("mistake", overflow="fold")
    table.add_column("what the students read", overflow="fold")
    for (exercise, name, sentence), count in found.most_common(SHOWN):
        table.add_row(str(count), f"{exercise}: {name}", escape(sentence))
    return table
