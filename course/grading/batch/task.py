"""One submitted notebook becomes the graded one. Needs no gradebook and no class folder, so it can run anywhere.

The process that does this is trusted: it parses, asks, judges and writes. What is the student's runs in a session.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader import utils
from nbgrader.preprocessors import LimitOutput
from traitlets.config import Config

from course.files import naming
from course.grading.autograde import explanation
from course.grading.batch.assignment import Assignment, Notebook
from course.grading.cells import is_check, restored
from course.grading.clean import Shown, writable
from course.grading.diagnosis import Finding, changes, endings, findings
from course.grading.execute import KernelLost
from course.grading.forkserver import ForkUnavailable
from course.grading.handed_in import Unreadable, parse_submission
from course.grading.lifetime import TASK, folder_for
from course.grading.remarks import ended, no_answer, no_verdict, not_run
from course.grading.restarts import Restarts, runs
from course.grading.runner.session import Ended, Patience, Session
from course.grading.sandbox import SandboxError
from course.grading.sandbox.launch import Sandbox
from course.grading.verdict.examination import Examination
from course.grading.verdict.seeds import beside

T = TypeVar("T")
TRIES = 3
PYTHON = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "pygments_lexer": "ipython3"}


@dataclass(frozen=True)
class Task:
    """One notebook of one submission.

    Attributes:
        student: whose.
        notebook: its name in the assignment.
        files: regular files of the submission by relative path, the notebook's among them.
        refusal: why there is nothing to grade, found out where the files lie.
        key: a digest of everything the result depends on.
    """

    student: str
    notebook: str
    files: Mapping[str, bytes] = field(repr=False)
    refusal: str = ""
    key: str = ""


@dataclass(frozen=True)
class Graded:
    """What grading a notebook came to.

    Attributes:
        student, notebook, key: of the task.
        text: the autograded notebook.
        scores: points of each graded cell; None: for a person to judge.
        unanswered: cells that are as they were released.
        findings, remarks: see `Outcome`.
        refusal: why it could not be graded; empty if it could.
        seconds: what grading it took, and what of this the submission's own process.
    """

    student: str
    notebook: str
    key: str
    text: str = field(repr=False)
    scores: dict[str, float | None]
    unanswered: tuple[str, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...] = ()
    refusal: str = ""
    seconds: float = 0.0
    own_seconds: float = 0.0

    def to_json(self) -> str:
        """As text."""
        return writable(json.dumps(asdict(self), ensure_ascii=False))

    @classmethod
    def from_json(cls, text: str) -> Graded:
        """From text.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        fields = json.loads(text)
        fields["findings"] = tuple(Finding(**f) for f in fields["findings"])
        return cls(**{**fields, "remarks": tuple(fields["remarks"]), "unanswered": tuple(fields["unanswered"])})


def grade(task: Task, assignment: Assignment, sandbox: Sandbox, address: str | None) -> Graded:
    """Grade a notebook.

    Args:
        task: the notebook.
        assignment: what it belongs to.
        sandbox: the walls around what is the student's.
        address: of a fork server within the same walls, or None.

    Raises:
        SandboxError: no process can be shut in; nothing is known about the submission then.
    """
    started = time.perf_counter()
    notebook = next(n for n in assignment.notebooks if n.name == task.notebook)
    own, remarks = 0.0, tuple[str, ...]()
    try:
        if task.refusal:
            raise Unreadable(task.refusal)
        submitted = parse_submission(f"{task.notebook}.ipynb", task.files[f"{task.notebook}.ipynb"])
        remarks = tuple(changes(submitted, _template(notebook)))
        graded = restored(submitted, notebook.released, notebook.kernelspec)
        own, refusal = _execute(graded, task, assignment, sandbox, address), ""
        remarks += tuple(endings(graded))
    except Unreadable as reason:
        refusal = str(reason)
        graded, remarks = explanation(refusal, notebook.released), (refusal,)
        graded.metadata["kernelspec"] = NotebookNode(notebook.kernelspec)
    LimitOutput(config=Config(LimitOutput=assignment.limit_output)).preprocess(graded, {})
    graded.metadata["language_info"] = NotebookNode(PYTHON)
    return Graded(
        student=task.student,
        notebook=task.notebook,
        key=task.key,
        text=writable(nbformat.writes(graded)),
        scores={c.metadata.nbgrader.grade_id: utils.determine_grade(c)[0] for c in graded.cells if utils.is_grade(c)},
        unanswered=tuple(_unanswered(graded)),
        findings=tuple(findings(graded)),
        remarks=remarks,
        refusal=refusal,
        seconds=round(time.perf_counter() - started, 3),
        own_seconds=round(own, 3),
    )


def _template(notebook: Notebook) -> NotebookNode:
    """The assignment's cells as a notebook, to compare a submission with."""
    template = new_notebook(metadata={"kernelspec": NotebookNode(notebook.kernelspec)})
    for original in notebook.released.values():
        about = NotebookNode(nbgrader=NotebookNode(original["nbgrader"]))
        kind = original["nbgrader"]["cell_type"]
        template.cells.append(NotebookNode(cell_type=kind, source=original["source"], metadata=about))
    return template


def _unanswered(notebook: NotebookNode) -> list[str]:
    return [
        str(cell.metadata.nbgrader.grade_id)
        for cell in notebook.cells
        if utils.is_solution(cell) and cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
    ]


# --------------------------------------------------------------------------------------------- execution


def _execute(
    notebook: NotebookNode, task: Task, assignment: Assignment, sandbox: Sandbox, address: str | None
) -> float:
    """Run all cells, judge the tests; seconds that the submission's process was waited for.

    Raises:
        Unreadable: its files are too many or too large.
    """
    about = {"student": task.student, "assignment": assignment.name, "notebook": task.notebook}
    others = beside(task.files, f"{task.notebook}.ipynb")
    examination = Examination(assignment.secret, about, notebook, others)
    # In the server's folder, which goes when the run does: a worker may be killed at any time.
    with folder_for(TASK, os.path.dirname(address) if address else None) as folder:
        with naming(folder):
            _lay_out(Path(folder), task, assignment)
            Path(folder, f"{task.notebook}.ipynb").write_text(writable(json.dumps(notebook)), encoding="utf-8")
        for trial in range(TRIES):
            _clear(notebook)
            deadline = time.monotonic() + assignment.patience.notebook
            start = partial(_session, Path(folder), sandbox, address, assignment.patience, deadline)
            try:
                return _Run(notebook, examination, Restarts(notebook.cells, deadline)).run(start)
            except (KernelLost, ForkUnavailable):
                address = None if trial else address  # without the server: slower, but alone
    raise SandboxError("the processes that were to run this submission were ended from outside, again and again")


def _lay_out(folder: Path, task: Task, assignment: Assignment) -> None:
    """What a submission finds beside itself: its own files, over which the assignment's go."""
    for name, content in {**task.files, **assignment.files}.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _clear(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def _session(files: Path, sandbox: Sandbox, address: str | None, patience: Patience, deadline: float) -> Session:
    """A process that has the time that is left."""
    return Session(files, sandbox, address, replace(patience, notebook=deadline - time.monotonic()))


class _Run:
    """A notebook's way through as many processes as it takes."""

    def __init__(self, notebook: NotebookNode, examination: Examination, restarts: Restarts) -> None:
        self._cells, self._examination, self._restarts = notebook.cells, examination, restarts
        self._next, self._count, self._shown = 0, 0, Shown()
        self._own = 0.0

    def run(self, start: Callable[[], Session]) -> float:
        """Run all cells, judge the tests; seconds that the processes were waited for."""
        while self._next < len(self._cells):
            with start() as session:
                event = self._go_on(session)
            if event:
                for cell in filter(runs, self._cells[self._next :]):
                    not_run(cell, event)
                break
        return self._own

    def _go_on(self, session: Session) -> str:
        """From where the last process ended. If this one ends, and is the last: the event."""
        index = 0
        try:
            for index in self._restarts.to_repeat(self._next):
                self._wait(partial(session.run, self._cells[index].source))
            while self._next < len(self._cells):
                index, self._next = self._next, self._next + 1
                if runs(self._cells[index]):
                    self._take(session, self._cells[index])
        except Ended as end:
            cell = self._cells[index]
            if index == self._next - 1:  # otherwise it has run before, and shows what it put out then
                cell.outputs = end.outputs
            another = self._restarts.allowed_after(index)
            event = ended(cell, index, str(end), another)
            return "" if another else event
        return ""

    def _take(self, session: Session, cell: NotebookNode) -> None:
        """Run a cell, or let the session answer a test, and judge."""
        self._count += 1
        if not is_check(cell):
            outputs = self._wait(partial(session.run, cell.source))
            cell.execution_count, cell.outputs = self._count, self._shown.keep(outputs)
            return
        try:
            question = self._examination.question(cell)
        except ValueError as error:
            cell.outputs = [no_verdict(str(error))]
            return
        seed = self._examination.seed(cell)
        answer = self._wait(partial(session.ask, question.exercise.name, question.variable, seed))
        cell.outputs = self._examination.judge(cell, [answer]) if isinstance(answer, bytes) else [no_answer(answer)]

    def _wait(self, reply: Callable[[], T]) -> T:
        started = time.perf_counter()
        try:
            return reply()
        finally:
            self._own += time.perf_counter() - started
