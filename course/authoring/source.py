"""Reading a source: `solutions/<nn_name>/<name>.py`, a percent script with terse markers.

    # %% exercise="descent.gd_step"                the cell students write (a solution region inside)
    # %% check="descent.gd_step"                   its test; worth the exercise's points
    # %% [markdown] question="why" points=4        a written answer, graded by a person
    # %% locked=true                               given, and restored before grading
    # %% [markdown]                                text, and plain `# %%` code: given

`read` turns the text into cells; `load` lets `course.authoring.judging` say everything that is wrong with them.
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import jupytext

from course.authoring.cells import ROLES, Cell, Problem, Registry, Source, SourceError
from course.authoring.judging import problems

_MARKER = re.compile(r"# %%(?P<type> \[(?:markdown|md)\])?(?P<options>(?: \w+=(?:\"[^\"]*\"|[^\s\"=]+))*)\s*")
_OPTION = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)")


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
