"""Our references beside those of other libraries: where they agree, how closely, and which conventions differ.

Each section has one module, `course.equivalences.<section>`, with a tuple EQUIVALENCES. Each entry computes both, so
that the table is measured whenever it is made, and tests hold it to its tolerances.
"""

from __future__ import annotations

from importlib import import_module

from course.equivalences.equivalence import Equivalence, row
from course.registry import SECTIONS

__all__ = ["Equivalence", "every", "of_section", "page"]

HEAD = "| ours, theirs | convention | at\u00a0most | measured |"


def of_section(section: str) -> tuple[Equivalence, ...]:
    """The equivalences of a lecture section."""
    found: tuple[Equivalence, ...] = import_module(f"course.equivalences.{section}").EQUIVALENCES
    return found


def every() -> tuple[Equivalence, ...]:
    """All of them, in the lecture's order."""
    return tuple(e for section in SECTIONS for e in of_section(section))


def page(seeds: range = range(5)) -> str:
    """The table in Markdown, with the differences measured now."""
    lines = [
        "# Equivalences",
        "",
        "Our functions are the lecture's formulas. Here is what they are called elsewhere, which convention to mind,",
        "and how far any two numbers may differ. What was measured, when this page was made, is the largest difference",
        f"over {len(seeds)} random inputs; 0 means the same numbers.",
    ]
    for section in SECTIONS:
        lines += ["", f"## {section}", "", HEAD, "|:--|:--|--:|--:|"]
        lines += [row(e, seeds) for e in of_section(section)]
    return "\n".join(lines) + "\n"
