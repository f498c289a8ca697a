"""All that a worker needs to know of an assignment: plain data, read once from the gradebook by whoever owns it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

import course
from course.grading.autograde import Autograder
from course.grading.cells import Released, cells_of
from course.grading.execute import Execute
from course.grading.places import own_files
from course.grading.runner.session import Patience
from course.grading.verdict.seeds import secret_of


@dataclass(frozen=True)
class Notebook:
    """One notebook of an assignment, as the gradebook knows it."""

    name: str
    released: Released
    kernelspec: dict[str, Any]


@dataclass(frozen=True)
class Assignment:
    """An assignment.

    Attributes:
        name: nbgrader's.
        notebooks: all of them.
        files: what lies beside them in the source folder, by relative path; replaces what students hand in.
        secret: of the class; by it the inputs of tests are drawn.
        patience, max_bytes: limits of time and size.
        limit_output: nbgrader's settings for long outputs.
        digest: changes when any of this does, or any code of the course: what was graded before counts no more.
    """

    name: str
    notebooks: tuple[Notebook, ...]
    files: dict[str, bytes] = field(repr=False)
    secret: bytes = field(repr=False)
    patience: Patience
    max_bytes: int
    limit_output: dict[str, Any]

    @property
    def digest(self) -> str:
        """See the class."""
        what: list[Any] = [_code(), self.name, self.secret.hex(), self.max_bytes, self.limit_output]
        what += [[n.name, n.released, n.kernelspec] for n in self.notebooks]
        what += [[name, hashlib.sha256(content).hexdigest()] for name, content in sorted(self.files.items())]
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    @classmethod
    def load(cls, name: str, config: Config, directory: CourseDirectory) -> Assignment:
        """Read an assignment that was released.

        Raises:
            MissingEntry: the gradebook does not know it.
            Missing: its source files cannot be read.
        """
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            notebooks = tuple(
                Notebook(n.name, cells_of(n), json.loads(n.kernelspec or "{}"))
                for n in gradebook.find_assignment(name).notebooks
            )
        execute, autograder = Execute(config=config), Autograder(config=config)
        return cls(
            name,
            notebooks,
            own_files(directory, name, autograder.exclude_overwriting.get(name, [])),
            secret_of(directory.root),
            Patience(float(execute.timeout or execute.notebook_timeout), float(execute.notebook_timeout)),
            autograder.max_bytes,
            dict(config.LimitOutput),
        )


@cache
def _code() -> str:
    """A digest of the course's own code, by which answers are judged."""
    home, known = Path(course.__file__).parent, hashlib.sha256()
    for path in sorted(home.rglob("*.py")):
        known.update(f"{path.relative_to(home)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return known.hexdigest()
