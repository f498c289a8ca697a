"""A submission as syntax trees: read as text, with IPython's input transformer where it is not plain Python."""

from __future__ import annotations

import ast
import re
import time
import warnings
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache

from nbformat import NotebookNode

from course.check.limits import call_within
from course.grading.cells import grade_id

LONGEST_CELL, LONGEST_NOTEBOOK = 100_000, 300_000
"""Characters of code; our longest cell has 2 000. Python takes a gigabyte to parse a cell of 10 MB."""
CELL_SECONDS, NOTEBOOK_SECONDS = 2.0, 20.0
"""IPython reads the whole cell again for each `%magic`, `!command` and `name?` in it: 600 lines of them take 14 s."""
TOO_SLOW = (None, f"what stands above it took more than {NOTEBOOK_SECONDS:g} seconds to read")
DEEPEST = 300
"""Syntax nodes in one another; our deepest cell has 30. Whatever follows the tree recurses a few calls for each."""
TOO_MUCH = (None, f"there is too much code above it: at most {LONGEST_NOTEBOOK:,} characters are read")
# Cell magics whose body is ordinary Python that runs in the notebook.
TRANSPARENT = ("capture", "prun", "time", "timeit")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)([^\n]*)")
_LINE_MAGIC = re.compile(r"^([ \t]*(?:\w+[ \t]*=[ \t]*)?)%(timeit|time|prun)[ \t]+(?=\S)")
_WITH_VALUE = {"timeit": "nrp", "prun": "lsTD"}  # options that are followed by a value
_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


@dataclass(frozen=True, eq=False)
class Cell:
    """A code cell, or a Python file that was handed in.

    Attributes:
        number: its place in the notebook, from 1; 0 for a file.
        name: nbgrader's name of the cell, or the file's name; may be empty.
        source: the text.
        given: whether it stands so in the assignment; what students did not write is not reviewed.
        tree: what Python would run; None if it cannot be read.
        problem: why it cannot.
    """

    number: int
    name: str
    source: str
    given: bool = False
    tree: ast.Module | None = field(default=None, repr=False)
    problem: str = ""


class Share:
    """How much of one notebook, or of the files beside it, is read: so many characters, and for so long."""

    def __init__(self) -> None:
        self._left, self._started = LONGEST_NOTEBOOK, time.process_time()

    def parse(self, source: str) -> tuple[ast.Module | None, str]:
        """As `parse`, while there is something left."""
        self._left -= len(source)
        if self._left < 0:
            return TOO_MUCH
        return parse(source) if time.process_time() - self._started < NOTEBOOK_SECONDS else TOO_SLOW


def read(notebook: NotebookNode, released: Collection[str] = ()) -> list[Cell]:
    """The code cells of a notebook; those whose text (see `plain`) is in `released` are the assignment's own."""
    cells: list[Cell] = []
    share = Share()
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type not in ("code", "markdown") and cell.source.strip():
            problem = f"a cell of type {cell.cell_type!s:.20}: it does not run, and notebooks show it as plain text"
            cells.append(Cell(number, grade_id(cell) or "", cell.source, plain(cell.source) in released, None, problem))
        elif cell.cell_type == "code" and cell.source.strip():
            given = plain(cell.source) in released
            tree, problem = _parse_given(cell.source) if given else share.parse(cell.source)
            cells.append(Cell(number, grade_id(cell) or "", cell.source, given, tree, problem))
    return cells


def plain(source: str) -> str:
    """A cell's text without what editors change of their own accord: blanks at the ends of lines and of the cell."""
    return "\n".join(line.rstrip(" \t\r") for line in source.strip(" \t\r\n").split("\n"))


def parse(source: str) -> tuple[ast.Module | None, str]:
    """The syntax tree of a cell, its lines counted as in the cell; or None, and why."""
    if len(source) > LONGEST_CELL:
        return None, f"it has {len(source):,} characters; at most {LONGEST_CELL:,} are read"
    try:
        return _not_too_deep(_tree(source))
    except (SyntaxError, ValueError):
        pass
    except (RecursionError, MemoryError):
        return None, "it is nested too deeply"
    try:
        done, text = call_within(CELL_SECONDS, lambda: _transformed(source))
        return _not_too_deep(_tree(text)) if done else (None, "IPython takes too long to read it")
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return None, f"{getattr(error, 'msg', error)}" + (f" (line {line})" if line else "")
    except (RecursionError, MemoryError):
        return None, "it is nested too deeply"
    except Exception as error:  # IPython's transformer stumbles over some texts, `=%"""` and a null byte for one
        return None, f"IPython cannot read it ({type(error).__name__})"


_parse_given = lru_cache(maxsize=512)(parse)  # the same in each submission


def _tree(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a student's invalid escapes are not the instructor's concern
        tree = compile(source, "<cell>", "exec", _FLAGS, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _not_too_deep(tree: ast.Module) -> tuple[ast.Module | None, str]:
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return tree, ""
    return None, "it is nested too deeply"


def _transformed(source: str) -> str:
    """Python in which `!ls`, `%cd` and `name?` are calls of `get_ipython()`, as the kernel would make of it."""
    from IPython.core.inputtransformer2 import TransformerManager

    magic = _CELL_MAGIC.match(source)
    if magic and magic[1] in TRANSPARENT:  # the body is what matters, and keeps its lines
        setup = _statement(magic[1], magic[2]) if magic[1] in _WITH_VALUE else ""
        source = "\n" * magic[0].count("\n") + setup + source[magic.end() :]
    source = "\n".join(_untimed(line) for line in source.split("\n"))
    body = source.lstrip("\n")  # the transformer drops empty lines at the top
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return "\n" * (len(source) - len(body)) + TransformerManager().transform_cell(body)


def _untimed(line: str) -> str:
    """The statement of a line such as `%timeit -n 3 f(x)`."""
    found = _LINE_MAGIC.match(line)
    return found[1] + _statement(found[2], line[found.end() :]) if found else line


def _statement(magic: str, said: str) -> str:
    """What a magic runs: all that is not an option."""
    words = re.compile(rf"\s*-(?:[{_WITH_VALUE.get(magic, '_')}]\s*\S+|\w+)(?=\s|$)")
    said = said.lstrip()
    while found := words.match(said):
        said = said[found.end() :].lstrip()
    return said
