"""`course site`: the command, with progress, summary and advice."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from course.authoring import AuthoringError, find_root
from course.files import write_rows
from course.site.builder import Site, build
from course.site.errors import SiteError


def main(
    sections: Sequence[str], output: Path, solutions: bool, workers: int, root: Path | None, json_file: Path | None
) -> None:
    """Build the site; end the process with 1 if that is impossible, or if Sphinx complains.

    Args:
        sections: whose notebooks; all if empty.
        output: the site's folder.
        solutions: show the solved notebooks, or those that students get.
        workers: notebooks that run at once; 0: one per processor.
        root: the checkout; found if not given.
        json_file: also write a row for each notebook there; `-` prints them and nothing else.
    """
    console = Console(stderr=json_file is not None and str(json_file) == "-")
    try:
        with _Show(console) as show:
            made = build(root or find_root(), output, sections, solutions, workers, None, show.notebook, show.page)
    except (SiteError, AuthoringError, OSError) as error:
        console.print(f"[red]✗[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("\nInterrupted. Notebooks that have run are kept; the same command goes on from there.")
        sys.exit(130)
    if json_file:
        write_rows(
            [
                {"section": e.page.section, "page": f"{e.page.folder}/{e.page.section}.html", "seconds": e.seconds}
                for e in made.notebooks
            ],
            json_file,
        )
    _summary(console, made, solutions)
    if made.warnings:
        sys.exit(1)


def _summary(console: Console, made: Site, solutions: bool) -> None:
    for warning in made.warnings:
        console.print(f"[yellow]![/yellow] {escape(warning)}", soft_wrap=True)
    size = sum(path.stat().st_size for path in made.folder.rglob("*") if path.is_file()) / 1e6
    ran = sum(bool(e.seconds) for e in made.notebooks)
    count = len(made.notebooks)
    console.print(
        f"[green]✓[/green] {count} notebook{'' if count == 1 else 's'} ({ran} run now), {size:.1f} MB. "
        f"Open [bold]{escape(str(made.start))}[/bold]",
        soft_wrap=True,
    )
    if solutions:
        console.print("It shows the solutions. For a class that is graded on them: --without-solutions")


class _Show:
    """Progress: a bar for each notebook that runs, and one for the pages."""

    def __init__(self, console: Console) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        self._progress = Progress(*columns, console=console, transient=True)
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> _Show:
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def notebook(self, section: str, share: float | None) -> None:
        """How far a notebook is."""
        if section not in self._bars:
            self._bars[section] = self._progress.add_task(f"running {section}", total=1.0)
        self._progress.update(self._bars[section], completed=1.0 if share is None else share)

    def page(self, name: str) -> None:
        """A page is written."""
        if "" not in self._bars:
            self._bars[""] = self._progress.add_task("", total=None)
        self._progress.update(self._bars[""], description=f"writing {name}")
