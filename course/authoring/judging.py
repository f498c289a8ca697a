"""Judging a source that has been read: everything that is wrong with it, each with its line."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

from course.authoring.cells import PICTURES, Cell, Problem, Registry, Source
from course.authoring.regions import RegionError, regions, solution_text, student_text
from course.authoring.tokens import TokenError, expand

_FIGURE = re.compile(r"figures/[\w./-]*\w")


def problems(source: Source, exercises: Registry) -> Iterator[Problem]:
    """Everything that is wrong with a source."""
    unknown = False
    for cell in source.cells:
        yield from _regions_and_syntax(cell)
        if cell.type == "markdown":
            yield from _text(cell, source, exercises)
        if cell.role in ("exercise", "check"):
            try:
                yield from _named(cell, source, exercises.get(cell.subject))
            except LookupError as e:
                unknown = True
                yield Problem(cell.line, str(e.args[0] if e.args else e))
    yield from _twice(source)
    if not unknown:  # a misspelt name is one problem, not three
        yield from _missing(source, exercises)


def _regions_and_syntax(cell: Cell) -> Iterator[Problem]:
    if not cell.text.strip():
        yield Problem(cell.line, "an empty cell; remove its marker")
        return
    try:
        found = regions(cell.text, cell.type)
        student = student_text(cell.text, cell.type)
    except RegionError as e:
        yield Problem(cell.first + e.line, e.message)
        return
    wants = cell.role in ("exercise", "question")
    if wants and not found:
        yield Problem(cell.line, f"the {cell.role}'s cell has no `### BEGIN SOLUTION` … `### END SOLUTION`")
    if found and not wants:
        yield Problem(cell.first + found[0].begin, "a solution outside of an exercise's or a question's cell")
    if cell.type == "markdown" or _has_magic(cell.text):
        return
    if problem := _syntax(cell.text, cell.first):
        yield problem
        return
    for region in found:
        if region.student is None and not region.indent:
            line = cell.first + region.begin
            yield Problem(
                line, "a region outside of any function needs a `### STUDENT` part; a stub here stops Run All"
            )
    if problem := _syntax(student, cell.first):
        yield Problem(cell.line, f"the student version does not parse: {problem.message}")


def _has_magic(text: str) -> bool:
    return any(line.lstrip().startswith(("%", "!")) for line in text.split("\n"))


def _syntax(text: str, first: int) -> Problem | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            compile(text, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as e:
        return Problem(first + (e.lineno or 1) - 1, f"syntax error: {e.msg}")
    return None


def _text(cell: Cell, source: Source, exercises: Registry) -> Iterator[Problem]:
    for i, line in enumerate(cell.text.split("\n")):
        try:
            expand(line, exercises, source.questions)
        except TokenError as e:
            yield Problem(cell.first + i, str(e))
        for figure in _FIGURE.findall(line):
            if figure not in source.figures:
                kinds = ", ".join(PICTURES)
                yield Problem(cell.first + i, f"no picture {figure} beside the source (pictures are {kinds})")


def _named(cell: Cell, source: Source, exercise: Any) -> Iterator[Problem]:
    if exercise.name.split(".")[0] != source.section:
        yield Problem(cell.line, f"{exercise.name} belongs to another section than {source.section}")
    if cell.options.get("points", exercise.points) != exercise.points:
        said, worth = cell.options["points"], exercise.points
        yield Problem(cell.line, f"points={said}, but the exercise is worth {worth:g}; leave `points` out")
    try:
        tree = ast.parse(solution_text(cell.text))
        ast.parse(student_text(cell.text))
    except (SyntaxError, RegionError):
        return  # said already
    function = exercise.name.split(".")[1]
    if cell.role == "exercise" and function not in _defined(tree):
        yield Problem(cell.line, f"this cell does not define {function}")
    elif cell.role == "exercise" and not _hands_out(cell.text, function, getattr(exercise, "given", None)):
        where = f"course.exercises.{source.section}.{function}"
        yield Problem(cell.line, f"students must get the code that the gate judges: `given` in {where}")
    if cell.role == "check" and not _ends_with_check(cell.text, tree, exercise.name, function):
        yield Problem(cell.line, f'the last line of this cell must be `check("{exercise.name}", {function})`')


def _defined(tree: ast.Module) -> set[str]:
    named = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    assigned = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    return named | assigned


def _hands_out(text: str, function: str, given: Any) -> bool:
    """Whether the student version is the code that the exercise says it hands out (a bug hunt's faulty version)."""
    if given is None:
        return True
    handed_out = ast.parse(student_text(text))
    promised = ast.parse(textwrap.dedent(inspect.getsource(given.implementation)))
    return _body(handed_out, function) == _body(promised, given.implementation.__name__)


def _body(tree: ast.Module, function: str) -> list[str]:
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == function]
    statements = found[-1].body[ast.get_docstring(found[-1]) is not None :] if found else []
    return [ast.unparse(s) for s in statements]


def _ends_with_check(text: str, tree: ast.Module, name: str, function: str) -> bool:
    # nbgrader reads the points from what the cell shows: nothing may follow, and a semicolon would hide it
    last = tree.body[-1] if tree.body else None
    call = isinstance(last, ast.Expr) and ast.unparse(last) == f"check({name!r}, {function})"
    return call and not text.rstrip().endswith(";")


def _twice(source: Source) -> Iterator[Problem]:
    seen: dict[tuple[str, str], int] = {}
    for cell in source.cells:
        if cell.role in ("exercise", "check", "question"):
            first = seen.setdefault((cell.role, cell.subject), cell.line)
            if first != cell.line:
                message = f"a second {cell.role} cell for {cell.subject!r}; the first is in line {first}"
                yield Problem(cell.line, message)


def _missing(source: Source, exercises: Registry) -> Iterator[Problem]:
    where = {(c.role, c.subject): c.line for c in source.cells if c.role in ("exercise", "check")}
    for (role, name), line in where.items():
        missing = "exercise" if role == "check" else "check"
        other = where.get((missing, name))
        if other is None:
            yield Problem(line, f'{name} has no {missing} cell: `# %% {missing}="{name}"`')
        elif role == "check" and other > line:
            yield Problem(line, f"the check of {name} stands above its exercise, which is in line {other}")
    try:
        expected = exercises.of_section(source.section)
    except LookupError:
        return
    for exercise in expected:
        if not {("exercise", exercise.name), ("check", exercise.name)} & set(where):
            yield Problem(source.cells[-1].line, f'no cell `# %% exercise="{exercise.name}"`')
