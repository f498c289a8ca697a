"""What an autograded notebook says where something went wrong: outputs that nbgrader scores 0, in sentences."""

from __future__ import annotations

import textwrap

from nbformat import NotebookNode

from course.grading.cells import checked_exercise, grade_id, is_check
from course.grading.clean import writable
from course.grading.outputs import raised


def error_output(name: str, sentence: str) -> NotebookNode:
    """An error, with a sentence for the student."""
    name, sentence = writable(name), writable(sentence)
    # Wrapped, because feedback pages show these lines as they are, and cut what does not fit.
    return raised(name, sentence, textwrap.wrap(f"{name}: {sentence}", 88))


def no_verdict(sentence: str) -> NotebookNode:
    """A test without a result."""
    return error_output("NoVerdict", sentence)


def no_answer(errors: list[NotebookNode]) -> NotebookNode:
    """A test that a submission did not answer, because of the last of these errors."""
    if not errors or not errors[-1].ename:
        return no_verdict("The submission gave no answer to this test.")
    error = errors[-1]
    if error.ename == "CellTimeoutError" and error.traceback:
        return raised(error.ename, "", [line[:500] for line in error.traceback[:3]])
    return error_output(error.ename[:100], error.evalue[:1000])


def not_run(cell: NotebookNode, event: str) -> None:
    """This cell comes after the event that ended the run: if it is a test, it says so."""
    cell.execution_count = None
    if is_check(cell):
        cell.outputs = [error_output("NotRun", f"This check could not run: {event}.")]


def ended(cell: NotebookNode, index: int, event: str, goes_on: bool = False) -> str:
    """The process ended in this cell: it says so; the answer is the event with its place."""
    checking = is_check(cell)
    where = f"while {checked_exercise(cell)} was being checked" if checking else f"in {_place(cell, index)}"
    then = f" What comes after ran in a new one{'' if checking else ', without this cell'}." if goes_on else ""
    cell.outputs.append(error_output("KernelDied", f"{event[0].upper()}{event[1:]} {where}.{then}"))
    return f"{event} {where}"


def _place(cell: NotebookNode, index: int) -> str:
    """How a person finds a cell again."""
    lines = [line for line in cell.source.splitlines() if line.strip()]
    name = grade_id(cell)
    return f"cell {index + 1}" + (f" ({name})" if name else f", which starts with `{lines[0][:60]}`" if lines else "")
