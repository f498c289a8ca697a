"""Past a cell that ends the process: what follows runs in a new one, which first runs again what came before.

So a crash costs what crashed, and not the exercises after it. Tests are asked once: one in which a process ended is
not asked again, and those that have their verdict keep it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from nbformat import NotebookNode

from course.grading.cells import is_check

MOST = 3
"""How many new processes a notebook gets."""


class Restarts:
    """One notebook's processes that ended.

    Args:
        cells: the notebook's.
        deadline: when the whole notebook's time is up, on `time.monotonic`'s clock.
    """

    def __init__(self, cells: Sequence[NotebookNode], deadline: float) -> None:
        self._cells, self._deadline = cells, deadline
        self._fatal: list[int] = []

    def allowed_after(self, index: int) -> bool:
        """A process ended in this cell; whether there may be another."""
        self._fatal.append(index)
        return len(self._fatal) <= MOST and time.monotonic() < self._deadline

    def to_repeat(self, end: int) -> Iterator[int]:
        """Which of the cells before `end` a new process runs first: no tests, and none in which one ended."""
        for index, cell in enumerate(self._cells[:end]):
            if runs(cell) and not is_check(cell) and index not in self._fatal:
                yield index


def runs(cell: NotebookNode) -> bool:
    """Whether there is something to run."""
    return bool(cell.cell_type == "code" and cell.source.strip())
