"""All exercises, by lecture section: `course.exercises.<section>` has one file per exercise."""

from __future__ import annotations

from course.exercises.exercise import Case, Draw, Exercise, Misconception, Property, mistakes
from course.registry import SECTIONS, Registry

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


class UnknownExercise(LookupError):
    """No exercise or section of that name; the message lists near matches."""


_ALL: Registry[Exercise] = Registry("course.exercises", "EXERCISES", "exercise", UnknownExercise)


def sections() -> tuple[str, ...]:
    """Names of the lecture sections that have exercises, in the lecture's order."""
    return SECTIONS


def of_section(section: str) -> tuple[Exercise, ...]:
    """The exercises of a section, in the notebook's order.

    Raises:
        UnknownExercise: there is no such section.
    """
    return _ALL.of_section(section)


def every() -> tuple[Exercise, ...]:
    """All exercises of all sections."""
    return _ALL.every()


def get(name: str) -> Exercise:
    """The exercise called `section.function`.

    Raises:
        UnknownExercise: there is none; the message lists the nearest names.
    """
    return _ALL.get(name)
