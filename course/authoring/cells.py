"""What a source is made of: cells with roles, the exercises that they name, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from course.authoring.regions import CellType

ROLES = {
    "exercise": {"exercise"},
    "check": {"check", "points"},
    "question": {"question", "points", "title", "minutes"},
    "locked": {"locked"},
}
"""What a cell is for, and the options of its marker then."""

PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")


class Registry(Protocol):
    """What is needed of `course.exercises`; tests bring their own."""

    def get(self, name: str) -> Any:
        """The exercise of that name; a LookupError that lists near matches if there is none."""

    def of_section(self, section: str) -> Sequence[Any]:
        """All exercises of a section; a LookupError if there is no such section."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and the line of the source where."""

    line: int
    message: str


class AuthoringError(Exception):
    """Notebooks could not be built; the message says what to do."""


class SourceError(AuthoringError):
    """A source is broken; one line `file:line: what is wrong` per problem."""

    def __init__(self, path: Path | str, found: Sequence[Problem]) -> None:
        self.path, self.problems = Path(path), tuple(sorted(found, key=lambda p: p.line))
        super().__init__("\n".join(f"{path}:{p.line}: {p.message}" for p in self.problems))


@dataclass(frozen=True)
class Cell:
    """One cell: its text, the line of its marker, the line of its first text, and the marker's options."""

    type: CellType
    text: str
    line: int
    first: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def role(self) -> str | None:
        """exercise, check, question, locked, or None for what is simply given."""
        return next((r for r in ROLES if r in self.options), None)

    @property
    def subject(self) -> str:
        """What the role is about: the exercise's or the question's name."""
        return str(self.options[self.role]) if self.role else ""


@dataclass(frozen=True)
class Source:
    """A source that has been read: section `descent` in the folder `solutions/03_descent`."""

    path: Path
    shown: str
    cells: tuple[Cell, ...]

    @property
    def folder(self) -> str:
        """The folder's name, which is nbgrader's assignment id: `03_descent`."""
        return self.path.parent.name

    @property
    def section(self) -> str:
        """The lecture section: `descent`."""
        return self.path.stem

    @property
    def questions(self) -> tuple[Cell, ...]:
        """The cells with a written question."""
        return tuple(c for c in self.cells if c.role == "question")

    @property
    def figures(self) -> dict[str, Path]:
        """Pictures that go along with the notebook, by path relative to it."""
        below = sorted((self.path.parent / "figures").rglob("*"))
        pictures = [p for p in below if p.is_file() and p.suffix.lower() in PICTURES and p.name[0] != "."]
        return {p.relative_to(self.path.parent).as_posix(): p for p in pictures}
