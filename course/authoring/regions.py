"""Solution regions: the part of a cell that instructors see and students write.

    def gd_step(w, grad, lr):
        ### BEGIN SOLUTION
        return w - lr * grad
        ### END SOLUTION

Students get a stub in place of the region or, where the region has a `### STUDENT` part, the code that
stands there in comments (a bug hunt hands out a faulty version). This is plain text work, so that the
reader of sources, nbgrader's preprocessor and the filling of notebooks all cut at the same lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

BEGIN, STUDENT, END = "### BEGIN SOLUTION", "### STUDENT", "### END SOLUTION"
# `course.check` knows this message: a stub is "not written yet", other errors are mistakes.
CODE_STUB = """\
# Your code goes here, in place of the next line.
raise NotImplementedError("your code is not written yet")"""
TEXT_STUB = "*Your answer goes here.*"
LONG = 20
"""Lines longer than this tell something; shorter ones (`return loss`) may stand in any code."""

_ALMOST = re.compile(r"(BEGIN|END)[ _]SOLUTION|#\s*STUDENT\s*$", re.IGNORECASE)
CellType = Literal["code", "markdown"]


class RegionError(ValueError):
    """A solution region is not well formed; `line` counts from 0 within the cell."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message

    def __str__(self) -> str:
        return f"line {self.line + 1} of the cell: {self.message}"


@dataclass(frozen=True)
class Region:
    """One region: lines `begin` … `end` of the cell, both markers included.

    `student` holds the lines that students get instead, uncommented; None means the usual stub.
    """

    begin: int
    end: int
    indent: str
    solution: tuple[str, ...]
    student: tuple[str, ...] | None


def regions(text: str, cell_type: CellType = "code") -> list[Region]:
    """The solution regions of a cell, in order.

    Raises:
        RegionError: markers are nested, misspelt, missing, or a STUDENT line is not a comment.
    """
    found: list[Region] = []
    begin = middle = None
    lines = text.split("\n")
    for i, line in enumerate(lines):
        marker = _marker(i, line)
        if marker == BEGIN and begin is not None:
            raise RegionError(i, f"`{BEGIN}` again before `{END}`")
        if marker in (STUDENT, END) and begin is None:
            raise RegionError(i, f"`{marker}` without `{BEGIN}` above it")
        if marker == STUDENT and middle is not None:
            raise RegionError(i, f"a second `{STUDENT}` in one region")
        if marker == BEGIN:
            begin = i
        elif marker == STUDENT:
            middle = i
        elif marker == END and begin is not None:
            found.append(_region(lines, begin, middle, i, cell_type))
            begin = middle = None
    if begin is not None:
        raise RegionError(begin, f"`{BEGIN}` has no `{END}`")
    return found


def student_text(
    text: str, cell_type: CellType = "code", code_stub: str = CODE_STUB, text_stub: str = TEXT_STUB
) -> str:
    """What students get: each region replaced by its STUDENT part, or by the stub.

    Raises:
        RegionError: a region is not well formed, or a line of a solution would reach the students.
    """
    found = regions(text, cell_type)
    stub = (code_stub if cell_type == "code" else text_stub).split("\n")
    lines = _replace(text, {r: r.student if r.student is not None else _indented(stub, r.indent) for r in found})
    student = "\n".join(lines)
    for line, leaked in leaks(found, student):
        raise RegionError(line, f"this line of the solution is also in the student version: {leaked!r}")
    return student


def solution_text(text: str, cell_type: CellType = "code") -> str:
    """The solved cell: the solutions without markers and STUDENT parts."""
    return "\n".join(_replace(text, {r: r.solution for r in regions(text, cell_type)}))


def leaks(found: list[Region], student: str) -> list[tuple[int, str]]:
    """Telling lines of solutions that appear in `student` though no STUDENT part hands them out."""
    handed_out = {line.strip() for r in found for line in r.student or ()}
    return [
        (r.begin + 1 + i, line.strip())
        for r in found
        for i, line in enumerate(r.solution)
        if len(line.strip()) > LONG and line.strip() not in handed_out and line.strip() in student
    ]


def _marker(i: int, line: str) -> str | None:
    if line.strip() in (BEGIN, STUDENT, END):
        return line.strip()
    if _ALMOST.search(line):
        raise RegionError(i, f"{line.strip()!r} looks like a marker; write `{BEGIN}`, `{STUDENT}` or `{END}`")
    return None


def _region(lines: list[str], begin: int, middle: int | None, end: int, cell_type: CellType) -> Region:
    solution = tuple(lines[begin + 1 : end if middle is None else middle])
    if not any(line.strip() for line in solution):
        raise RegionError(begin, "the solution is empty")
    student = None
    if middle is not None:
        after = range(middle + 1, end)
        student = tuple(_uncomment(i, lines[i]) if cell_type == "code" else lines[i] for i in after)
    return Region(begin, end, _indent(lines[begin]), solution, student)


def _uncomment(i: int, line: str) -> str:
    if not line.strip():
        return ""
    indent, code = _indent(line), line.strip()
    if not code.startswith("#"):
        raise RegionError(i, f"lines after `{STUDENT}` must be comments; students get them without the `# `")
    return (indent + code[1:].removeprefix(" ")).rstrip()


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _indented(lines: list[str], indent: str) -> tuple[str, ...]:
    return tuple(indent + line if line else "" for line in lines)


def _replace(text: str, parts: dict[Region, tuple[str, ...]]) -> list[str]:
    lines, done, out = text.split("\n"), 0, []
    for region, part in parts.items():
        out += [*lines[done : region.begin], *part]
        done = region.end + 1
    return out + lines[done:]
