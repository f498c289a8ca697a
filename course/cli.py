"""The `course` command. Thin: each command imports what it needs, when it needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.progress import Progress


def _speak_what_the_terminal_can() -> None:
    """A sign that its encoding lacks becomes a question mark, and ends nothing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace" if stream is sys.stderr else "replace")


app = typer.Typer(
    callback=_speak_what_the_terminal_can,
    help="Courseware for computer vision basics, image classification and training strategies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich help takes longer to import than everything else together
)

Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the rows to this file as JSON ('-': print them).")
]
Section = Annotated[str | None, typer.Argument(help="A lecture section, e.g. descent; all of them if left out.")]


@app.command()
def exercises(section: Section = None, json_file: Json = None) -> None:
    """List the exercises: points, minutes, layers of the check, known misconceptions."""
    rows = [
        {
            "section": e.section,
            "exercise": e.name,
            "title": e.title,
            "signature": e.signature,
            "points": float(e.points),
            "minutes": e.minutes,
            "difficulty": e.difficulty,
            "layers": list(e.layers),
            "misconceptions": [m.name for m in e.misconceptions],
        }
        for e in _chosen(section)
    ]
    if _wrote(rows, json_file):
        return
    for row in rows:
        dots = "●" * row["difficulty"] + "○" * (3 - row["difficulty"])
        head = f"[bold]{row['exercise']}[/bold]  {row['title']}"
        _print(f"{head} · {_points(row['points'])} · {row['minutes']} min · {dots}")
        for name in ("layers", "misconceptions"):
            _print(f"{name}: {', '.join(row[name])}", indent=2)
    _print(f"{len(rows)} exercises, {sum(r['points'] for r in rows):g} points")


@app.command()
def verify(
    section: Section = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to try.")] = 3,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    json_file: Json = None,
) -> None:
    """The gate: right answers pass, stubs and every known mistake fail and are named. Exits 1 otherwise."""
    _one_thread()
    chosen = _chosen(section)
    from course.check import gate

    tried = range(first_seed, first_seed + seeds)
    with _progress() as progress:
        task = progress.add_task("verifying", total=len(chosen) * seeds)

        def advance(name: str) -> None:
            progress.update(task, advance=1, description=name)

        found = gate.verify(chosen, tried, advance)
    if _wrote([c.row() for c in found], json_file):
        raise typer.Exit(1 if found else 0)
    for culprit in found:
        _print(f"[red]✗[/red] {_plain(str(culprit))}")
    mistakes = sum(len(e.misconceptions) + bool(e.given) for e in chosen)
    ways = sum(1 + len(e.alternatives) for e in chosen)
    if found:
        _print(f"[red]{len(found)} culprits[/red] in {len(chosen)} exercises, seeds {tried[0]} … {tried[-1]}")
        raise typer.Exit(1)
    _print(
        f"[green]✓[/green] {len(chosen)} exercises sound over seeds {tried[0]} … {tried[-1]}: "
        f"{ways} right answers pass, {mistakes} mistakes fail and are named"
    )


@app.command()
def audit(
    section: Section = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to try.")] = 3,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    json_file: Json = None,
) -> None:
    """Send forged answers (zeros, an echo, yesterday's …) to every exercise's judge. Exits 1 if one earns points."""
    _one_thread()
    chosen = _chosen(section)
    from course.grading.verdict import audit as auditing

    tried = range(first_seed, first_seed + seeds)
    with _progress() as progress:
        task = progress.add_task("auditing", total=len(chosen) * seeds)
        holes = auditing.audit(chosen, tried, lambda name: progress.update(task, advance=1, description=name))
    if _wrote([hole.row() for hole in holes], json_file):
        raise typer.Exit(1 if holes else 0)
    for hole in holes:
        _print(f"[red]✗[/red] {_plain(str(hole))}")
    words = "no impostor earned a point" if not holes else f"{len(holes)} holes"
    mark = "[red]✗[/red]" if holes else "[green]✓[/green]"
    _print(f"{mark} {len(chosen)} exercises, seeds {tried[0]} … {tried[-1]}: {words}")
    if holes:
        raise typer.Exit(1)


@app.command()
def effects(
    section: Section = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to measure.")] = 5,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Enter the results into this folder's ledger.md and .json.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Measure again, over seeds, every claim that a notebook makes. Exits 1 if one does not hold."""
    _one_thread()
    from course.effects import UnknownEffect, every, measure, names, of_section, record

    try:
        chosen = of_section(section) if section else every()
    except UnknownEffect as error:
        _fail(str(error))
    rows = list[dict[str, Any]]()
    with _progress() as progress:
        task = progress.add_task("measuring", total=len(chosen) * seeds)
        for effect in chosen:
            progress.update(task, description=effect.name)
            rows += measure([effect], range(first_seed, first_seed + seeds), lambda _: progress.advance(task))
            if ledger:  # one by one: an interruption loses one experiment, not all
                try:
                    record(ledger, rows[-1:], names())
                except (OSError, ValueError) as error:
                    _fail(str(error))
    if not _wrote(rows, json_file):
        for row in rows:
            verdict = "[green]holds[/green]" if row["holds"] else "[red]does not hold[/red]"
            _print(f"[bold]{row['effect']}[/bold] · {verdict} · {row['seconds']:.2f} s a seed")
            _print(_plain(row["claim"]), indent=2)
            for name, (mean, spread) in row["numbers"].items():
                _print(f"{_plain(name)}: [bold]{mean:.4g}[/bold] ± {spread:.2g}", indent=4)
    if not all(row["holds"] for row in rows):
        raise typer.Exit(1)


@app.command()
def parallel(
    processes: Annotated[int, typer.Option(min=2, help="How many processes train together.")] = 2,
    batch: Annotated[int, typer.Option(help="Samples per process and step: 8, 16, 32 or 64.")] = 16,
    lr: Annotated[float, typer.Option(help="The rate that goes with one process's batch.")] = 0.1,
    epochs: Annotated[int, typer.Option(min=1)] = 6,
    json_file: Json = None,
) -> None:
    """Train with several processes (torchrun, DDP) and with one, and compare: the linear scaling rule for real."""
    _one_thread()
    from course.parallel import COLUMNS, Comparison, ParallelError, compare

    try:
        with _progress() as progress:
            progress.add_task(f"training with {processes} processes, then with one", total=None)
            found = compare(processes, batch, lr, epochs)
    except (ValueError, ParallelError) as error:
        _fail(str(error))
    assert isinstance(found, Comparison)
    if _wrote(found.rows(), json_file):
        return
    from rich.table import Table

    table = Table(*COLUMNS)
    for row in found.cells():
        table.add_row(*row)
    _print(table)
    _print(found.sentence)


@app.command()
def bench(
    section: Annotated[str, typer.Argument(help="What to measure, e.g. features.")] = "features",
    repeats: Annotated[int, typer.Option(min=3, help="Rounds; medians are over them.")] = 9,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the ratios into this PNG file.")] = None,
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only what has this in its name, e.g. CutMix.")] = "",
    json_file: Json = None,
) -> None:
    """Measure the references' speed beside their peers', interleaved, on one thread; of widgets, in a browser."""
    _one_thread()
    from course.bench import BenchError
    from course.bench import section as find

    try:
        benchmark = find(section)
    except KeyError as error:
        _fail(str(error.args[0]))
    try:
        benchmark.main(json_file, plot, repeats, only)
    except BenchError as error:
        _fail(str(error))


@app.command()
def build(
    sections: Annotated[list[str] | None, typer.Argument(help="Lecture sections; all of them if left out.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the committed notebooks are current.")
    ] = False,
    root: Annotated[Path, typer.Option(help="The checkout.")] = Path("."),
) -> None:
    """Make the notebooks from their text sources in solutions/ (--check: say which ones are stale)."""
    from course.authoring import AuthoringError
    from course.authoring import build as build_notebooks

    try:
        with _progress() as progress:
            task = progress.add_task("building", total=None)
            built = build_notebooks(
                root, sections or (), check, progress=lambda name: progress.update(task, description=f"building {name}")
            )
    except AuthoringError as error:
        _fail(str(error))
    for one in built:
        advice = f" — {_plain(one.advice())}" if one.advice() else ""
        _print(f"{'[green]✓[/green]' if one.ok else '[red]✗[/red]'} notebooks/{one.folder}: {one.status}{advice}")
    if not all(one.ok for one in built):
        raise typer.Exit(1)


@app.command()
def site(
    sections: Annotated[
        list[str] | None, typer.Argument(help="Whose notebooks, e.g. descent; all of them if left out.")
    ] = None,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the site goes.")] = Path("build/site"),
    solutions: Annotated[
        bool,
        typer.Option(
            "--solutions/--without-solutions",
            help="The solved notebooks and the pages for instructors, or the notebooks as students get them.",
        ),
    ] = True,
    workers: Annotated[int, typer.Option(min=0, help="Notebooks run at once; 0: one per processor.")] = 0,
    root: Annotated[Path | None, typer.Option(help="The checkout; found from here if left out.")] = None,
    json_file: Json = None,
) -> None:
    """Make a static website of the course: notebooks with outputs, ledger, equivalences, exercises, library.

    Notebooks run once and are kept, so that a second run is quick. The site shows solutions: do not publish it where a
    class is graded on these exercises, or build it --without-solutions.
    """
    _one_thread()
    from course.site import command

    command.main(sections or [], output, solutions, workers, root, json_file)


@app.command()
def demo(
    section: Annotated[str, typer.Argument(help="Whose notebook is released, e.g. descent.")] = "descent",
    folder: Annotated[Path | None, typer.Option(help="Where to work; a new temporary folder if left out.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only these students (for a quick look); repeatable.")] = None,
    json_file: Json = None,
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run the submissions without protection, as you.")
    ] = False,
) -> None:
    """Release a notebook with nbgrader, make a class of submissions, autograde them, show who made which mistake."""
    _one_thread()
    from course.grading import demo as demonstration

    demonstration.main(section, folder, only, json_file, unsafe_no_sandbox)


@app.command()
def autograde(
    assignment: Annotated[str, typer.Argument(help="nbgrader's name of the assignment, e.g. 03_descent.")],
    folder: Annotated[Path, typer.Option(help="The course directory, with nbgrader_config.py in it.")] = Path("."),
    student: Annotated[list[str] | None, typer.Option(help="Only this student; repeatable.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: as many as processors.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume/--again", help="Leave alone what is graded already, or grade all again.")
    ] = True,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Grade only this part of the class, for job arrays.")
    ] = None,
    scheduler: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Let a Dask cluster grade.")] = None,
    json_file: Json = None,
) -> None:
    """Grade a class in a sandbox, fast: the scores and the gradebook of `nbgrader autograde`."""
    _one_thread()
    from course.grading.ahead import usual_server

    with nullcontext() if scheduler else usual_server() as server:
        from course.grading.batch import command

        command.main(assignment, folder, student or [], workers, resume, shard, scheduler, json_file, server)


@app.command()
def report(
    assignment: Annotated[str, typer.Argument(help="nbgrader's name of the assignment, e.g. 03_descent.")],
    folder: Annotated[Path, typer.Option(help="The course directory, with nbgrader_config.py in it.")] = Path("."),
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="The page; in reports/ if left out.")] = None,
    json_file: Json = None,
) -> None:
    """Make a page about a graded assignment: scores, exercises, where the class is stuck, what to look at."""
    from course.grading.report import page

    page.main(assignment, folder, output, json_file)


@app.command()
def progress(
    section: Section = None,
    reset: Annotated[bool, typer.Option("--reset", help="Forget it: of this section, or all.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before forgetting.")] = False,
    json_file: Json = None,
) -> None:
    """Show what you have passed, and what is left. It is kept on this machine only, and never sent."""
    _chosen(section)
    from course.study import book, overview

    lines = overview.lines(section)
    if reset:
        tried = {line.exercise for line in lines if line.status != "untouched"}
        if not yes:
            typer.confirm(f"Forget what is kept about {_exercises(len(tried))}?", abort=True)
        try:
            forgotten = book.forget({line.exercise for line in lines} if section else None)
        except OSError as error:
            _fail(f"cannot write to {book.folder()} ({error.strerror or error})")
        _print(f"forgotten: what was kept about {_exercises(forgotten)}")
        return
    if not _wrote([line.row() for line in lines], json_file):
        _show_progress(lines, section)
    if trouble := book.trouble():
        _print(f"[yellow]![/yellow] {_plain(trouble)}", stderr=True)


@app.command()
def review(
    assignment: Annotated[str, typer.Argument(help="nbgrader's name of the assignment, e.g. 03_descent.")],
    folder: Annotated[Path, typer.Option(help="The course directory, with nbgrader_config.py in it.")] = Path("."),
    json_file: Json = None,
) -> None:
    """Read what was handed in (it is not run), and list what a person should look at; scores stay as they are."""
    _one_thread()
    from course.grading.review import listing

    listing.main(assignment, folder, json_file)


@app.command()
def leaderboard(
    source: Annotated[Path, typer.Argument(help="A class folder with graded submissions, or a JSON file of results.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files go.")] = Path("leaderboard"),
    challenge: Annotated[str, typer.Option(help="Which challenge.")] = "recipe.best_recipe",
    assignment: Annotated[str | None, typer.Option(help="Which assignment, if several have the challenge.")] = None,
    pseudonyms: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Show pseudonyms; this private file remembers whose they are."),
    ] = None,
    title: Annotated[str, typer.Option(help="The heading.")] = "Leaderboard",
) -> None:
    """Make a challenge's leaderboard, to be published: leaderboard.md, .csv and .json."""
    from course.grading import leaderboard as board

    try:
        results = board.collect(source, challenge, assignment)
        if pseudonyms and pseudonyms.resolve().parent == out.resolve():
            _fail(f"{pseudonyms} would lie beside what is published: keep it elsewhere")
        names = board.pseudonyms([r.student for r in results], pseudonyms) if pseudonyms else None
        lines = board.rank(results, names)
        written = board.publish(lines, out, title)
    except board.LeaderboardError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"cannot write {error.filename}: {error.strerror}")
    from rich.table import Table

    table = Table("rank", "name", "right on new pictures", "points")
    for line in lines:
        table.add_row(str(line.rank), _plain(line.name), f"{100 * line.score:.1f} %", f"{line.points:g}")
    _print(table)
    left_out = len(results) - len(lines)
    _print(f"{len(lines)} on the leaderboard, {left_out} without a score; {', '.join(map(str, written))}")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Option(help="Your own copy of the notebooks.")] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Only make the copy.")] = False,
) -> None:
    """Open JupyterLab on your own copy of the notebooks; further options go to `jupyter lab`."""
    from course import lab as student_lab

    raise typer.Exit(student_lab.main(folder, no_open, context.args))


@app.command()
def doctor(json_file: Json = None) -> None:
    """Say what is missing in this environment, and how to mend it."""
    from course import doctor as diagnosis

    raise typer.Exit(diagnosis.main(json_file))


# ------------------------------------------------------------------------------------------------ shared


def _chosen(section: str | None) -> Sequence[Any]:
    from course import exercises as registry

    try:
        return registry.of_section(section) if section else registry.every()
    except registry.UnknownExercise as error:
        _fail(str(error))


def _exercises(count: int) -> str:
    return f"{count} exercise{'' if count == 1 else 's'}"


def _show_progress(lines: Sequence[Any], section: str | None) -> None:
    from rich.table import Table

    from course.study import book, overview

    head, rows = overview.tabulated(lines, section)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))  # nine columns, in a terminal of 80
    for i, name in enumerate(head):
        # A section's name is what one types next: folded where it must be, never cut.
        table.add_column(name, justify="left" if i < 2 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(_plain, row))
    _print(table)
    _print(_plain(overview.headline(lines)))
    if not book.trouble():
        _print(f"kept in {_plain(str(book.path()))}, on this machine only; written questions are not counted")
    if damaged := ", ".join(path.name for path in book.set_aside()):
        _print(f"[yellow]![/yellow] could not be read, and lies beside it: {_plain(damaged)}", stderr=True)


def _one_thread() -> None:
    """Small tensors: more threads only wait for each other."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _fail(message: str) -> NoReturn:
    _print(f"[red]✗[/red] {_plain(message)}", stderr=True)
    raise typer.Exit(1)


def _points(points: float) -> str:
    return f"{points:g} point{'' if points == 1 else 's'}"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _print(what: Any, stderr: bool = False, indent: int = 0) -> None:
    from rich.console import Console
    from rich.padding import Padding

    Console(stderr=stderr).print(Padding(what, (0, 0, 0, indent)) if indent else what)


@contextmanager
def _progress() -> Iterator[Progress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        yield progress


def _wrote(rows: Sequence[Mapping[str, Any]], path: Path | None) -> bool:
    """Write rows as JSON where asked to; True if nothing else should be printed."""
    if path is None:
        return False
    from course.files import write_rows

    try:
        write_rows(rows, path)
    except OSError as error:
        _fail(f"cannot write {path}: {error.strerror}")
    return str(path) == "-"


if __name__ == "__main__":
    app()
