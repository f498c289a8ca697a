"""Right answers to the exercises as texts, for tests that read and never run them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from course import exercises
from course.authoring import solutions
from course.grading.planting import planted

ROOT = Path(__file__).parents[2]


@cache
def of_students(section: str) -> dict[str, str]:
    """Answers as students write them, by `function__style`, from the tests' files: the text of the definition."""
    source = (ROOT / "tests/check/right_answers" / f"{section}.py").read_text(encoding="utf-8")
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and "__" in node.name:
            text = ast.get_source_segment(source, node) or ""
            found[node.name] = text.replace(node.name, node.name.split("__")[0], 1)
    return found


@cache
def right_answers(name: str) -> dict[str, str]:
    """The model solution, the alternatives (`alternative …`), and answers as students write them, by what they are."""
    e = exercises.get(name)
    texts = {n: t for n, t in of_students(e.section).items() if n.startswith(f"{e.function}__")}
    texts |= {f"alternative {f.__name__}": planted(f, e.function) for f in getattr(e, "alternatives", ())}
    return texts | {"model": solutions(e.section, ROOT)[e.function]}
