"""Tokens in the text of a source: filled in from the exercises when notebooks are built, so they cannot drift.

`{{card descent.gd_step}}` is one line on an exercise (or, with a question's name, on a question);
`{{overview descent}}` is a table of the section's exercises and of the source's questions, with totals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from course.authoring.cells import Cell, Registry

_TOKEN = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*([^{}\n]*?)\s*\}\}")


class TokenError(ValueError):
    """An unknown token, or one about something unknown."""


def expand(text: str, exercises: Registry, questions: Sequence[Cell] = ()) -> str:
    """Replace the tokens of a markdown text.

    Raises:
        TokenError: the token, the exercise, the question or the section is unknown.
    """
    tokens = {"card": _card, "overview": _overview}

    def value(match: re.Match[str]) -> str:
        name, subject = match.groups()
        if name not in tokens:
            near = get_close_matches(name, tokens, n=1) or list(tokens)
            hint = f"did you mean {{{{{near[0]} …}}}}? (In a formula, put a space between the braces.)"
            raise TokenError(f"unknown token {match[0]}: {hint}")
        try:
            return tokens[name](subject, exercises, questions)
        except LookupError as e:
            raise TokenError(f"{match[0]}: {e.args[0] if e.args else e}") from None

    return _TOKEN.sub(value, text)


def _card(subject: str, exercises: Registry, questions: Sequence[Cell]) -> str:
    for q in questions:
        if q.subject == subject:
            about = [f"about {_minutes(q.options['minutes'])}"] if "minutes" in q.options else []
            return " · ".join(["**Question**", _points(q.options["points"]), *about, "graded by a person"])
    e = exercises.get(subject)
    dots = f"difficulty {_dots(e.difficulty)}"
    return " · ".join(["**Exercise**", _points(e.points), f"about {_minutes(e.minutes)}", dots])


def _overview(subject: str, exercises: Registry, questions: Sequence[Cell]) -> str:
    listed = [*exercises.of_section(subject), *getattr(exercises, "challenges", lambda section: ())(subject)]
    rows = [(e.title, e.points, e.minutes, _dots(e.difficulty)) for e in listed]
    rows += [(_title(q), q.options["points"], q.options.get("minutes", 0), "written") for q in questions]
    lines = ["| | Exercise | Points | Minutes | Difficulty |", "|--:|:--|--:|--:|:--|"]
    for i, (title, points, minutes, difficulty) in enumerate(rows, 1):
        lines.append(f"| {i} | {title} | {points:g} | {minutes or '–'} | {difficulty} |")
    points, minutes = sum(r[1] for r in rows), sum(r[2] for r in rows)
    return "\n".join([*lines, f"| | **Together** | **{points:g}** | **{minutes}** | |"])


def _title(question: Cell) -> str:
    return str(question.options.get("title") or question.subject.replace("_", " ").capitalize())


def _points(points: float) -> str:
    return f"{points:g} point{'' if points == 1 else 's'}"


def _minutes(minutes: int) -> str:
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _dots(difficulty: int) -> str:
    return "●" * difficulty + "○" * (3 - difficulty)
