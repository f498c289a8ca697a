"""All exercises, by lecture section: `course.exercises.<section>` has one file per exercise."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib import import_module

from course.exercises.exercise import Case, Draw, Exercise, Misconception, Property, mistakes

__all__ = [
    "Case",
    "Draw",
    "Exercise",
    "Misconception",
    "Property",
    "UnknownExercise",
    "every",
    "get",
    "mistakes",
    "of_section",
    "sections",
]

SECTIONS = ("descent",)


class UnknownExercise(LookupError):
    """No exercise or section of that name; the message lists near matches."""


def sections() -> tuple[str, ...]:
    """Names of the lecture sections that have exercises, in the lecture's order."""
    return SECTIONS


@cache
def of_section(section: str) -> tuple[Exercise, ...]:
    """The exercises of a section, in the notebook's order.

    Raises:
        UnknownExercise: there is no such section.
    """
    if section not in SECTIONS:
        raise UnknownExercise(f"no section {section!r}; there {_list(SECTIONS)}")
    return import_module(f"course.exercises.{section}").EXERCISES


def every() -> tuple[Exercise, ...]:
    """All exercises of all sections."""
    return tuple(e for s in SECTIONS for e in of_section(s))


def get(name: str) -> Exercise:
    """The exercise called `section.function`.

    Raises:
        UnknownExercise: there is none; the message lists the nearest names.
    """
    table = {e.name: e for e in every()}
    if name in table:
        return table[name]
    wanted = str(name)
    near = get_close_matches(wanted, table, n=3, cutoff=0.5)
    near += [n for n, e in table.items() if e.function == wanted.split(".")[-1] and n not in near]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there {_list(table)}"
    raise UnknownExercise(f"no exercise {wanted!r}: {hint}")


def _list(names: Iterable[str]) -> str:
    names = list(names)
    return ("is " if len(names) == 1 else "are ") + ", ".join(names)
