"""Ways to spoil a notebook that was handed in."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from course.grading.cells import grade_id


@dataclass
class Notebooks:
    """The blank and the solved notebook of an assignment, and what can be made of them."""

    blank: NotebookNode
    solved: NotebookNode
    made: dict[str, NotebookNode] = field(default_factory=dict)

    def with_cell(self, text: str, after: str | None = None) -> NotebookNode:
        """The solved notebook with another cell: behind a named one, or behind the imports."""
        notebook = deepcopy(self.solved)
        names = [grade_id(c) for c in notebook.cells]
        notebook.cells.insert(names.index(after) + 1 if after else 1, new_code_cell(text))
        return notebook

    def forged(self, text: str, answers: Mapping[str, str]) -> NotebookNode:
        """The blank notebook with another cell behind the imports, and other texts in the named cells."""
        notebook = deepcopy(self.blank)
        for cell in notebook.cells:
            cell.source = answers.get(str(grade_id(cell)), cell.source)
        notebook.cells.insert(1, new_code_cell(text))
        return notebook

    def with_metadata(self, **changes: object) -> NotebookNode:
        """The blank notebook with changed nbgrader metadata in its tests."""
        notebook = deepcopy(self.blank)
        for cell in tests_of(notebook):
            cell.metadata.nbgrader.update(changes)
        return notebook

    def tagged(self) -> NotebookNode:
        """The blank notebook whose cells ask not to be executed."""
        notebook = deepcopy(self.blank)
        for cell in notebook.cells:
            cell.metadata.tags = ["skip-execution"]
        return notebook

    def without(self, *names: str | None) -> NotebookNode:
        """The solved notebook without some cells."""
        notebook = deepcopy(self.solved)
        notebook.cells = [c for c in notebook.cells if grade_id(c) not in names]
        return notebook

    def rewritten(self, text: str) -> NotebookNode:
        """The blank notebook whose tests are unlocked, say something else, and seem to have been run already."""
        notebook = self.with_metadata(solution=True, locked=False)
        for cell in tests_of(notebook):
            cell.source = text
            cell.outputs = [new_output("execute_result", {"text/plain": str(cell.metadata.nbgrader.points)})]
        return notebook


def tests_of(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells with exercises' tests."""
    return [cell for cell in notebook.cells if str(grade_id(cell)).startswith("check-")]
