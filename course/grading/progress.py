"""How far grading is."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Rate(ProgressColumn):
    """Submissions per second."""

    def render(self, task: Task) -> Text:
        """As text; nothing before it is known."""
        return Text(f"{task.speed:.1f}/s" if task.speed else "", style="progress.data.speed")


def columns() -> tuple[ProgressColumn, ...]:
    """What is at work, the bar, how many, how fast, how much longer."""
    return TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn()


class Bar:
    """How many of a class are graded. Drawn from this thread alone: a process with several could not fork workers.

    Args:
        console: where.
        description: what is at work until `total` is known.
    """

    def __init__(self, console: Console, description: str) -> None:
        self._bar = Progress(*columns(), console=console, transient=True, auto_refresh=False)
        self._task = self._bar.add_task(description, total=None)

    def __enter__(self) -> Bar:
        self._bar.start()
        self._bar.refresh()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, total: int, completed: int = 0) -> None:
        """Grading begins: so much there is to do, and so much of it was done before."""
        self._bar.update(self._task, total=total, completed=completed, description="grading")
        self._bar.refresh()

    def advance(self) -> None:
        """One more is done."""
        self._bar.advance(self._task)
        self._bar.refresh()
