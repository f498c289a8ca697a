"""Reading and judging a source: `solutions/<nn_name>/<name>.py`, a percent script with terse markers.

    # %% exercise="descent.gd_step"                the cell students write (a solution region inside)
    # %% check="descent.gd_step"                   its test; worth the exercise's points
    # %% [markdown] question="why" points=4        a written answer, graded by a person
    # %% locked=true                               given, and restored before grading
    # %% [markdown]                                text, and plain `# %%` code: given

`read` turns the text into cells; `problems` says everything that is wrong with them, each with its line.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

import jupytext

from course.authoring.regions import CellType, RegionError, regions, solution_text, student_text
from course.authoring.tokens import TokenError, expand

ROLES = {
    "exercise": {"exercise"},
    "check": {"check", "points"},
    "question": {"question", "points", "title", "minutes"},
    "locked": {"locked"},
}
PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")
_MARKER = re.compile(r"# %%(?P<type> \[(?:markdown|md)\])?(?P<options>(?: \w+=(?:\"[^\"]*\"|[^\s\"=]+))*)\s*")
_OPTION = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)")
_FIGURE = re.compile(r"figures/[\w./-]*\w")


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


def load(path: Path, exercises: Registry, root: Path | None = None) -> Source:
    """Read a source and judge it.

    Raises:
        SourceError: it is broken; all problems are listed, with file (relative to `root`) and line.
    """
    shown = path.relative_to(root).as_posix() if root and path.is_relative_to(root) else str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as e:
        line = path.read_bytes()[: e.start].count(b"\n") + 1
        raise SourceError(shown, [Problem(line, "not UTF-8 text; save the file as UTF-8")]) from e
    source = Source(path, shown, read(text, shown))
    if found := list(problems(source, exercises)):
        raise SourceError(shown, found)
    return source


def read(text: str, shown: str = "source") -> tuple[Cell, ...]:
    """The cells of a percent script. Comments above the first marker belong to nobody.

    Raises:
        SourceError: a marker is malformed, code stands above the first one, or there is none.
    """
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if re.match(r"\s*#\s*%%(%|\s|$)", line)]
    if not starts:
        raise SourceError(shown, [Problem(1, "no cell; cells start with a line `# %%` or `# %% [markdown]`")])
    found = [
        Problem(i + 1, "code above the first `# %%`; put it into a cell")
        for i, line in enumerate(lines[: starts[0]])
        if line.strip() and not line.startswith("#")
    ][:1]
    options: list[dict[str, Any]] = []
    for i in starts:
        try:
            options.append(_options(lines[i]))
        except ValueError as e:
            found.append(Problem(i + 1, str(e)))
    if found:
        raise SourceError(shown, found)
    return tuple(_cell(lines[a:b], a, o) for a, b, o in zip(starts, [*starts[1:], len(lines)], options, strict=True))


def _options(line: str) -> dict[str, Any]:
    example = 'a marker looks like `# %% exercise="descent.gd_step"` or `# %% [markdown] question="why" points=4`'
    match = _MARKER.fullmatch(line)
    if match is None:
        raise ValueError(f"malformed marker {line.strip()!r}: {example}")
    options: dict[str, Any] = {}
    for key, value in _OPTION.findall(match["options"]):
        if key in options:
            raise ValueError(f"malformed marker: `{key}=` twice")
        try:
            options[key] = json.loads(value)
        except json.JSONDecodeError:
            raise ValueError(f"malformed marker: {key}={value} needs quotes, {key}={json.dumps(value)}") from None
    _judge_options(options, markdown=match["type"] is not None)
    return options


def _judge_options(options: dict[str, Any], markdown: bool) -> None:
    roles = [r for r in ROLES if r in options]
    if len(roles) > 1:
        raise ValueError(f"a cell has one role, not {' and '.join(roles)}")
    known = ROLES[roles[0]] if roles else set[str]()
    if unknown := [k for k in options if k not in known]:
        near = get_close_matches(unknown[0], [*ROLES, *known], n=1)
        allowed = f"`{roles[0]}` takes {', '.join(sorted(known))}" if roles else f"roles are {', '.join(ROLES)}"
        raise ValueError(f"unknown option `{unknown[0]}`{f' (did you mean `{near[0]}`?)' if near else ''}: {allowed}")
    role = roles[0] if roles else None
    if role in ("exercise", "check") and markdown:
        raise ValueError(f"`{role}` belongs on a code cell, without [markdown]")
    if role == "question":
        _judge_question(options, markdown)
    if role == "locked" and options["locked"] is not True:
        raise ValueError("write `locked=true`, or leave it out")


def _judge_question(options: dict[str, Any], markdown: bool) -> None:
    name = str(options["question"])
    if not markdown:
        raise ValueError("`question` belongs on a text cell: `# %% [markdown] question=… points=…`")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"a question's name has small letters, digits and `_` only, not {name!r}")
    for key in ("points", "minutes"):
        value = options.get(key, 1 if key == "minutes" else None)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"question {name!r} needs `{key}=` a positive number")


def _cell(lines: list[str], start: int, options: dict[str, Any]) -> Cell:
    cells = jupytext.reads("\n".join(lines), fmt="py:percent").cells
    assert len(cells) == 1, f"jupytext cuts {lines[0]!r} into {len(cells)} cells"
    text = cells[0].source
    blank = next((i for i, line in enumerate(lines[1:]) if line.strip()), 0)
    quoted = cells[0].cell_type == "markdown" and lines[1 + blank : 2 + blank] in (['"""'], ["'''"], ['r"""'])
    return Cell(cells[0].cell_type, text.strip("\n"), start + 1, start + 2 + blank + quoted, options)


# ------------------------------------------------------------------------------------------------ judging


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
