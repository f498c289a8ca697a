"""Notebooks with answers in them: student notebooks as somebody would hand them in."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.authoring.builder import find_sources
from course.authoring.cells import AuthoringError
from course.authoring.notebook import grade_id
from course.authoring.regions import solution_text
from course.authoring.release import RELEASE_DIRECTORY
from course.authoring.source import read


def fill(notebook: NotebookNode | Path | str, answers: Mapping[str, str]) -> NotebookNode:
    """A copy of a student notebook with other sources in the named solution cells; all else stays.

    Args:
        notebook: a notebook, or the path of one.
        answers: the text of the cell, by exercise (`descent.gd_step`) or by nbgrader's grade id
            (`gd_step`, `question-why`).

    Raises:
        AuthoringError: the notebook has no such solution cell; near matches are listed.
    """
    filled = deepcopy(notebook) if isinstance(notebook, NotebookNode) else nbformat.read(notebook, as_version=4)
    cells = {c.metadata.nbgrader.grade_id: c for c in filled.cells if c.metadata.get("nbgrader", {}).get("solution")}
    for name, text in answers.items():
        key = grade_id("exercise", name)
        if key not in cells:
            near = get_close_matches(key, cells, n=3) or list(cells)
            raise AuthoringError(f"this notebook has no solution cell for {name!r}; it has {', '.join(near)}")
        cells[key].source = text
    return filled


def solutions(section: str, root: Path | str | None = None) -> dict[str, str]:
    """The solved cells of a section's source, by grade id: exercises and model answers.

    Raises:
        AuthoringError: there is no such section, or no sources (an installed package carries none).
    """
    source = _source(section, _root(root))
    cells = read(source.read_text(encoding="utf-8"), str(source))
    return {
        grade_id(c.role, c.subject): solution_text(c.text, c.type) for c in cells if c.role in ("exercise", "question")
    }


def solved(section: str, root: Path | str | None = None) -> NotebookNode:
    """The student notebook of a section with the reference solutions in it, as a perfect student would submit it."""
    root = _root(root)
    folder = _source(section, root).parent.name
    path = root / RELEASE_DIRECTORY / folder / f"{folder.split('_', 1)[1]}.ipynb"
    if not path.is_file():
        raise AuthoringError(f"{path} is missing; run `course build {section}` first")
    return fill(path, solutions(section, root))


def find_root() -> Path:
    """The checkout we work in: the directory of this call or one above it, else the one `course` is run from.

    Raises:
        AuthoringError: neither is a checkout.
    """
    package = Path(__file__).resolve().parents[2]
    for place in (Path.cwd(), *Path.cwd().parents, package):
        if (place / "solutions").is_dir() and (place / "course" / "authoring").is_dir():
            return place
    raise AuthoringError("no sources here: `solutions` is part of a checkout of cv-course; change into one")


def _root(root: Path | str | None) -> Path:
    return find_root() if root is None else Path(root)


def _source(section: str, root: Path) -> Path:
    return find_sources(root, [section])[0]
