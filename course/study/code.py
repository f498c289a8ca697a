"""Code beside code: a student's source, read and never run, and a right answer, with their difference.

Both are shown without docstrings, and the answer without the library's checks of its arguments: what is left is what
there is to compare.
"""

from __future__ import annotations

import ast
import hashlib
import html
import inspect
import linecache
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher, ndiff
from itertools import zip_longest
from types import FunctionType
from typing import Any

from course.exercises.challenge import Challenge
from course.exercises.exercise import Exercise
from course.study.card import scrolling

_ALIKE = 0.5  # from here on two lines are two versions of one line
_LEFT, _RIGHT = "rgba(213,94,0,.16)", "rgba(0,114,178,.16)"


def source_of(function: Callable[..., Any]) -> str | None:
    """The source of a function or class, also of one defined in a notebook; None if it cannot be found."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except Exception:  # whatever somebody calls a function
        return _class_in_cell(function) if isinstance(function, type) else None


def _class_in_cell(cls: type) -> str | None:
    """Before Python 3.13 `inspect` does not find classes of a notebook, but it knows the cell of their methods."""
    codes = [getattr(value, "__code__", None) for value in vars(cls).values()]
    for file in {code.co_filename for code in codes if code is not None}:
        text = "".join(linecache.getlines(file))
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                return ast.get_source_segment(text, node)
    return None


def digest(function: Callable[..., Any]) -> str:
    """Eight characters by which a version of a function is known again; empty where its source cannot be found."""
    source = source_of(function)
    return hashlib.sha256(source.encode()).hexdigest()[:8] if source else ""


def overtaken(function: Callable[..., Any], name: str) -> bool:
    """Whether the cell that was to define `name` anew stopped with an error, so that `function` is an older version.

    Outside IPython, or where the source cannot be found, nobody knows: False.
    """
    shell, source = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)(), source_of(function)
    if shell is None or not source or not isinstance(function, FunctionType | type):
        return False
    if (function.__module__, function.__name__) != ("__main__", name):
        return False
    cells = getattr(shell.history_manager, "input_hist_raw", [])
    defines = re.compile(rf"^\s*(?:def|class)\s+{re.escape(name)}\b", re.MULTILINE)
    last = next((cell for cell in reversed(cells) if defines.search(cell)), source)
    return "".join(source.split()) not in "".join(last.split())


def handed_out(exercise: Exercise | Challenge, function: Callable[..., Any]) -> bool:
    """Whether this is still the code that a bug hunt hands out: nobody has tried anything yet."""
    if isinstance(exercise, Challenge) or exercise.given is None:
        return False
    return _statements(source_of(function)) == _statements(source_of(exercise.given.implementation))


def _statements(source: str | None) -> list[str] | None:
    """What a function does, whatever its comments, docstring and annotations; None if that cannot be read."""
    node = _definition(bare(source or ""))
    return [ast.unparse(statement) for statement in node.body] if node else None


def answer(exercise: Exercise | Challenge, own: str | None = None) -> str:
    """A right answer, ready to be read: under the exercise's name, and with the student's own first line."""
    function = exercise.shown or exercise.reference
    source = re.sub(r"\s*# noqa\S*.*$", "", source_of(function) or "", flags=re.MULTILINE)
    source = bare(source, guards=True)
    source = re.sub(rf"^(def|class) {function.__name__}\b", rf"\1 {exercise.function}", source, flags=re.MULTILINE)
    first, mine = _head(source), _head(own or "")
    if first and mine and _parameters(source) == _parameters(own or ""):
        return mine + source.removeprefix(first)
    return source


def bare(source: str, guards: bool = False) -> str:
    """Source without docstrings, and with `guards` also without checks of arguments."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source.strip("\n")
    gone = {line for node in ast.walk(tree) for line in _dropped(node, guards)}
    lines = [line.rstrip() for i, line in enumerate(source.splitlines(), 1) if i not in gone]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).replace(":\n\n", ":\n").strip("\n")


def _dropped(node: ast.AST, guards: bool) -> Iterator[int]:
    body = getattr(node, "body", None)
    if not isinstance(body, list):
        return
    keep = list(body)
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
        keep = keep[1:]
    if guards:
        keep = [statement for statement in keep if not _guard(statement)]
    if keep:  # a body must not become empty
        for statement in body:
            if statement not in keep:
                yield from range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _guard(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return not statement.orelse and isinstance(statement.body[-1], ast.Raise)
    called = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(called, ast.Call) and isinstance(called.func, ast.Name) and "check" in called.func.id


def _definition(source: str) -> ast.FunctionDef | None:
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    return body[0] if body and isinstance(body[0], ast.FunctionDef) and not body[0].decorator_list else None


def _head(source: str) -> str:
    """The lines up to the colon of a function's definition."""
    node = _definition(source)
    if node is None or node.body[0].lineno == node.lineno:
        return ""
    return "".join(source.splitlines(keepends=True)[: node.body[0].lineno - 1])


def _parameters(source: str) -> list[str]:
    node = _definition(source)
    return [a.arg for a in node.args.args] if node else []


# ------------------------------------------------------------------------------------------------ the difference


def rows(left: str, right: str) -> list[tuple[str | None, str | None, bool]]:
    """Lines side by side, None where a side has none, and whether the two are the same but for spaces."""
    a, b = left.splitlines(), right.splitlines()
    matcher = SequenceMatcher(None, [_squeezed(x) for x in a], [_squeezed(x) for x in b], autojunk=False)
    found: list[tuple[str | None, str | None, bool]] = []
    for kind, i, j, k, m in matcher.get_opcodes():
        same = kind == "equal"
        found += [(x, y, same) for x, y in zip_longest(a[i:j], b[k:m])]
    return found


def _squeezed(line: str) -> str:
    return " ".join(line.split("#")[0].split())


def side_by_side(left: str, right: str) -> str:
    """An HTML table: the student's lines, a right answer's, marked by colour and by sign where they differ."""
    head = "".join(
        f'<th scope="col" style="{_cell()};width:50%">{html.escape(title)}</th>'
        for title in ("your code", "a right answer")
    )
    body = "".join(
        f'<tr style="background:none">{_td(x, y, same, "−", _LEFT)}{_td(y, x, same, "+", _RIGHT)}</tr>'
        for x, y, same in rows(left, right)
    )
    style = "width:100%;min-width:36em;table-layout:fixed;border-collapse:collapse;margin:.3em 0;font-size:92%"
    table = f'<thead><tr style="background:none">{head}</tr></thead><tbody>{body}</tbody>'
    return scrolling(f'<table style="{style}">{table}</table>')


def _cell(background: str = "none") -> str:
    return f"text-align:left;vertical-align:top;padding:.05em .5em;border:none;background:{background}"


def _td(line: str | None, other: str | None, same: bool, mark: str, colour: str) -> str:
    if line is None:
        return f'<td style="{_cell()}"></td>'
    code = html.escape(line) if same or other is None else _marked(line, other)
    background = "none" if same else colour
    sign = "&nbsp;" if same else f'<span aria-label="{"only here" if other is None else "different"}">{mark}</span>'
    # A long line goes on below, set in, so that it is not taken for a new one.
    style = "display:block;white-space:pre-wrap;overflow-wrap:anywhere;padding:0 0 0 4ch;text-indent:-4ch"
    style += ";background:none;color:inherit"
    return f'<td style="{_cell(background)}"><code style="{style}">{sign} {code}</code></td>'


def _marked(line: str, other: str) -> str:
    """A line with the parts in bold that its other version has not."""
    matcher = SequenceMatcher(None, other, line, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return html.escape(line)
    parts = [
        html.escape(line[k:m]) if kind == "equal" else f"<b>{html.escape(line[k:m])}</b>"
        for kind, _, _, k, m in matcher.get_opcodes()
        if k < m
    ]
    return "".join(parts)


def as_text(left: str, right: str) -> str:
    """The same for a terminal: − your lines, + a right answer's."""
    return "\n".join(line.rstrip() for line in ndiff(left.splitlines(), right.splitlines()) if line[0] != "?")
