"""All tests of one submitted notebook: what is asked, on which inputs, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from course.grading.remarks import no_verdict
from course.grading.verdict.seeds import content_of, seed_for

if TYPE_CHECKING:
    from course.grading.verdict.trusted import Question


class Examination:
    """Asks and judges; the tests' cells must be those of the gradebook already.

    Args:
        secret: of the class.
        about: student, assignment and notebook, as nbgrader calls them.
        notebook: as it was handed in, with the assignment's cells restored.
        beside: a digest of what was handed in with it; empty if nothing was.
    """

    def __init__(self, secret: bytes, about: Mapping[str, str], notebook: NotebookNode, beside: str = "") -> None:
        self._secret = secret
        own = (about["student"], about["assignment"], about["notebook"], content_of(notebook))
        self._parts = (*own, beside) if beside else own

    def question(self, cell: NotebookNode) -> Question:
        """What a test asks.

        Raises:
            ValueError: nothing that can be judged; the message is for the instructor.
        """
        from course.grading.verdict.trusted import Question  # torch is imported for notebooks that have tests only

        return Question.of(cell.source)

    def seed(self, cell: NotebookNode) -> int:
        """Which inputs this test draws.

        A challenge's has 53 bits, as many as JSON keeps everywhere: what the kernel is told is made from it, and nobody
        must find it by trying.
        """
        task = self.question(cell).exercise
        return seed_for(self._secret, *self._parts, task.name, bits=53 if hasattr(task, "start") else 31)

    def judge(self, cell: NotebookNode, answers: list[bytes]) -> list[NotebookNode]:
        """The test's outputs, from what came back when it was asked."""
        if len(answers) != 1:
            return [no_verdict(f"The submission gave {len(answers)} answers to one question.")]
        return self.question(cell).outputs(answers[0], self.seed(cell), float(cell.metadata.nbgrader.points))
