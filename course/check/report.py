"""How a verdict reads: `repr` for nbgrader (points), HTML for the notebook, text for the terminal, JSON for tools."""

from __future__ import annotations

import html
import re
import textwrap
from typing import Any

from course.check.answers import show
from course.check.judge import Verdict
from course.check.pictures import pictures
from course.study.card import legible

VERDICT_MIME = "application/vnd.cv-course.verdict+json"
_COLOURS = {"passed": "#009E73", "partial": "#E69F00", "failed": "#D55E00", "unwritten": "#0072B2"}
HEADS = {"passed": "✓ right", "partial": "◐ nearly", "failed": "✗ not yet", "unwritten": "○ not written yet"}


class CheckFailed(AssertionError):
    """Raised in grading for an exercise that earned nothing; prints as one line instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return textwrap.wrap(f"CheckFailed: {self}", 88)  # feedback pages cut longer lines


class Report:
    """What `check` returns. Its `repr` is the points earned, which nbgrader reads as (partial) credit.

    `hints` is what is offered at the end to whoever learns alone, as HTML and as text; `note` a sentence at the
    beginning, about the version that was checked.
    """

    def __init__(self, verdict: Verdict, hints: tuple[str, str] = ("", ""), note: str = "") -> None:
        self.verdict = verdict
        self.hints = hints
        self.note = note

    def __repr__(self) -> str:
        return repr(round(self.verdict.points, 4))

    @property
    def points(self) -> float:
        """Points earned."""
        return self.verdict.points

    @property
    def passed(self) -> bool:
        """Whether everything is right."""
        return self.verdict.status == "passed"

    def with_hints(self, hints: tuple[str, str], note: str = "") -> Report:
        """The same, and what is offered besides."""
        return Report(self.verdict, hints, note)

    def row(self) -> dict[str, Any]:
        """The verdict as plain fields, for tables and for the notebook's metadata."""
        v = self.verdict
        return {
            "exercise": v.exercise.name,
            "status": v.status,
            "points": v.points,
            "max_points": float(v.exercise.points),
            "layer": v.layer,
            "misconception": v.misconception.name if v.misconception else None,
            "sentence": v.sentence,
            "seed": v.seed,
        }

    def text(self) -> str:
        """The report for a terminal."""
        v = self.verdict
        lines = [f"{HEADS[v.status]} · {v.exercise.function} · {_points(v)}", *filter(None, [self.note])]
        if v.status == "passed":
            lines.append(f"Checked on {v.cases} inputs: {', '.join(v.passed)}.")
        else:
            lines.append(v.sentence)
            lines += [f"For example: {v.case.label}."] if v.case else []
            lines += [f"  {name}: {value}" for name, value in self._evidence()]
        lines += [f"Also: {m.sentence}" for m in v.looks_like[1:3]]
        lines += [f"Note: {r}" for r in v.remarks]
        if v.printed:
            lines.append("Printed by your function:\n" + v.printed.rstrip()[:600])
        lines += [self.hints[1]] if self.hints[1] else []
        return "\n".join(lines)

    def html(self) -> str:
        """The report for a notebook; readable on light and dark, and without any style sheet."""
        v = self.verdict
        parts = [headline(v.status, v.exercise.function, _points(v)), noted(self.note), _layers(v)]
        if v.status != "passed":
            parts.append(_paragraph(v.sentence, strong=v.misconception is not None))
            if v.misconception and v.problem and v.layer != "side effects":
                parts.append(_paragraph(v.problem.sentence))
            parts += [_paragraph(f"For example: {v.case.label}.")] if v.case else []
            parts += [pictures(v), _table(self._evidence())]
        parts += [_paragraph(f"Also: {m.sentence}") for m in v.looks_like[1:3]]
        parts += [_paragraph(r) for r in v.remarks]
        if v.printed:
            parts.append(
                "<details><summary>Printed by your function</summary>"
                f"<pre style='max-height:12em;overflow:auto'>{html.escape(v.printed[:2000])}</pre></details>"
            )
        if v.status in ("partial", "failed"):
            parts.append(
                f'<p style="margin:.5em 0 0;opacity:.75;font-size:90%">Inputs are drawn anew each time; '
                f"<code>seed={v.seed}</code> as a further argument brings these back.</p>"
            )
        parts.append(self.hints[0])
        return framed(v.status, "".join(parts))

    def _evidence(self) -> list[tuple[str, str]]:
        v = self.verdict
        if v.problem is None or v.case is None:
            return []
        rows = [(n, show(x)) for n, x in zip(v.exercise.arguments, v.case.inputs, strict=True)]
        if v.problem.expected is not None or v.problem.got is not None:
            rows += [("expected", show(v.problem.expected)), ("got", show(v.problem.got))]
        return rows

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self.html(), VERDICT_MIME: self.row()}


def headline(status: str, function: str, points: str) -> str:
    """The first line in HTML: how it stands, what was checked, what it earned."""
    return (
        f'<p style="margin:0 0 .3em"><b style="{legible(_COLOURS[status])}">{HEADS[status]}</b> · '
        f"<code>{html.escape(function)}</code> · {points}</p>"
    )


def noted(note: str) -> str:
    """A sentence below the first line, in HTML."""
    return f'<p style="margin:0 0 .3em"><i>{html.escape(note)}</i></p>' if note else ""


def framed(status: str, body: str) -> str:
    """HTML with a bar in the colour of a status at its left."""
    return (
        f'<div role="status" style="border-left:4px solid {_COLOURS[status]};padding:.4em .9em;margin:.3em 0;'
        f'max-width:50em;line-height:1.45">{body}</div>'
    )


def _points(v: Verdict) -> str:
    return f"{v.points:g} of {v.exercise.points:g} point{'s' if v.exercise.points != 1 else ''}"


def _layers(v: Verdict) -> str:
    marks = []
    for name in v.exercise.layers:
        mark = "✓" if name in v.passed else "✗" if name == v.layer and v.status != "unwritten" else "·"
        marks.append(f'<span style="white-space:nowrap">{mark} {name}</span>')
    return f'<p style="margin:0 0 .3em;opacity:.8;font-size:90%">{" &ensp; ".join(marks)}</p>'


def _paragraph(text: str, strong: bool = False) -> str:
    body = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text).replace("\n", "<br>"))
    return f'<p style="margin:.3em 0">{f"<b>{body}</b>" if strong else body}</p>'


def _table(rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cell = 'style="text-align:left;padding:.1em .8em .1em 0;vertical-align:top;background:none;border:none"'
    body = "".join(
        f"<tr style='background:none'><th scope='row' {cell}>{html.escape(n)}</th>"
        f"<td {cell}><code style='white-space:pre-wrap'>{html.escape(x)}</code></td></tr>"
        for n, x in rows
    )
    return f'<table style="border-collapse:collapse;margin:.3em 0;font-size:92%">{body}</table>'
