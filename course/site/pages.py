"""The pages that are no notebooks: made from the exercises, the equivalences, the docs and the library's docstrings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course import equivalences, exercises
from course.authoring.builder import find_sources
from course.authoring.cells import Source
from course.authoring.source import load
from course.registry import SECTIONS
from course.site.execute import Page
from course.study.overview import dots, duration

LIBRARY = (*SECTIONS, "training", "data", "check", "study", "exercises", "effects", "widgets")
"""The modules whose docstrings are published."""

_OPENING = re.compile(r"\A# (?P<title>[^\n]+)\n+\*\*(?P<about>[^*]+)\*\*")


@dataclass(frozen=True)
class Chapter:
    """A section, as the start page lists it."""

    section: str
    folder: str
    title: str
    about: str
    tasks: int
    points: float
    minutes: int

    @property
    def page(self) -> str:
        """Where its notebook's page is, without the ending."""
        return f"{self.folder}/{self.section}"


def chapters(root: Path, sections: Sequence[str] = ()) -> list[Chapter]:
    """The course's sections in their order, all or those asked for.

    Raises:
        AuthoringError: there is no such section, or no sources.
    """
    return [_chapter(load(path, exercises, root)) for path in find_sources(root, sections)]


def _chapter(source: Source) -> Chapter:
    opening = _OPENING.match(source.cells[0].text)
    title, about = (opening["title"], " ".join(opening["about"].split())) if opening else (source.section.title(), "")
    tasks = _tasks(source.section)
    points = sum(float(t.points) for t in tasks) + sum(q.options["points"] for q in source.questions)
    minutes = sum(t.minutes for t in tasks) + sum(q.options.get("minutes", 0) for q in source.questions)
    return Chapter(
        source.section, source.folder, title, about, len(tasks) + len(source.questions), float(points), minutes
    )


def _tasks(section: str) -> list[Any]:
    return [*exercises.of_section(section), *exercises.challenges(section)]


def texts(root: Path, listed: Sequence[Chapter], pages: Sequence[Page], solved: bool) -> dict[str, str]:
    """Sources of the pages, by file name.

    Args:
        root: the checkout.
        listed: all of the course, for the start page.
        pages: the notebooks that are in the site.
        solved: whether solutions, and what is for instructors, may be shown.
    """
    chosen = [chapter for chapter in listed if chapter.section in {page.section for page in pages}]
    docs = ["exercises", "ledger", "equivalences", *(["grading"] if solved else [])]
    made = {
        "index.md": _start(listed, chosen, docs, solved),
        "exercises.md": _exercises(chosen, solved),
        "ledger.md": (root / "docs" / "ledger.md").read_text(encoding="utf-8"),
        "equivalences.md": equivalences.page(),
        "api/index.md": _api(),
    }
    if solved:
        made["grading.md"] = (root / "docs" / "grading.md").read_text(encoding="utf-8")
    return made | {f"api/{name}.rst": _module(name) for name in LIBRARY}


def _start(listed: Sequence[Chapter], chosen: Sequence[Chapter], docs: Sequence[str], solved: bool) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("course.site", ""), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    total = {
        "tasks": sum(c.tasks for c in listed),
        "points": f"{sum(c.points for c in listed):g}",
        "time": duration(sum(c.minutes for c in listed)),
    }
    return environment.get_template("start.md.jinja").render(
        chapters=listed, here=set(chosen), docs=docs, solved=solved, total=total, duration=duration
    )


def _exercises(chosen: Sequence[Chapter], solved: bool) -> str:
    parts = [
        "# Exercises",
        "",
        "Each exercise is a function of a few lines, judged on inputs that are drawn anew each time.",
    ]
    if solved:
        parts.append("The mistakes that its check knows are folded below it, with the sentence that a student reads.")
    for chapter in chosen:
        parts += ["", f"## {chapter.title}"]
        for task in _tasks(chapter.section):
            parts += ["", *_exercise(task, solved)]
    return "\n".join(parts) + "\n"


def _exercise(task: Any, solved: bool) -> list[str]:
    facts = f"{task.points:g} point{'' if task.points == 1 else 's'} · {task.minutes} min · {dots(task.difficulty)}"
    lines = [f"### {task.title}", "", f"`{task.signature}`<br>", facts]
    if isinstance(task, exercises.Challenge):
        steps = ", ".join(f"{points:g} from {100 * share:.0f} %" for share, points in task.steps)
        return [*lines, "", f"A challenge, measured on pictures that nobody has seen. Points: {steps} right."]
    lines[-1] += f"<br>\nchecked: {', '.join(task.layers)}"
    if solved:
        known = [f"- **{m.name.replace('_', ' ')}**: {m.sentence}" for m in task.misconceptions]
        lines += ["", "<details>", f"<summary>{len(known)} known mistakes</summary>", "", *known, "", "</details>"]
    return lines


def _api() -> str:
    return "\n".join(
        [
            "# The library",
            "",
            "What each lecture section builds, ready to use: batched, on any device, with formula, shapes and source.",
            "",
            "```{toctree}",
            ":maxdepth: 1",
            "",
            *LIBRARY,
            "```",
            "",
        ]
    )


def _module(name: str) -> str:
    title = f"``course.{name}``"
    return f"{title}\n{'=' * len(title)}\n\n.. automodule:: course.{name}\n   :members:\n   :member-order: bysource\n"
