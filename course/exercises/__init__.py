"""All exercises, by lecture section: `course.exercises.<section>` has one file per exercise."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from course.exercises.challenge import Challenge
from course.exercises.exercise import Case, Draw, Exercise, Misconception, Property, mistakes
from course.registry import SECTIONS, Registry

__all__ = [
    "Case",
    "Challenge",
    "Draw",
    "Exercise",
    "Misconception",
    "Property",
    "UnknownExercise",
    "challenges",
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


def challenges(section: str) -> tuple[Challenge, ...]:
    """The challenges of a section; most have none. They are no exercises: no answer is right, some are better.

    Raises:
        UnknownExercise: there is no such section.
    """
    of_section(section)
    found: tuple[Challenge, ...] = getattr(import_module(f"course.exercises.{section}"), "CHALLENGES", ())
    return found


def get(name: str) -> Any:
    """The exercise, or the challenge, called `section.function`.

    Raises:
        UnknownExercise: there is none; the message lists the nearest names.
    """
    section = str(name).split(".")[0]
    if section in SECTIONS:
        for challenge in challenges(section):
            if challenge.name == name:
                return challenge
    return _ALL.get(name)
