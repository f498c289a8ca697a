"""What the lecture claims, as experiments: `get("descent.ravine").show()` draws one, `measure` tests them all.

Each section has one package, `course.effects.<section>`, with a tuple EFFECTS in the notebook's order.
"""

from __future__ import annotations

from importlib import import_module

from course.effects.effect import Effect, Numbers, Prediction
from course.effects.ledger import measure, page, record
from course.effects.picture import Picture, gallery, picture
from course.registry import SECTIONS, Registry

__all__ = [
    "Effect",
    "Numbers",
    "Picture",
    "Prediction",
    "UnknownEffect",
    "every",
    "gallery",
    "get",
    "measure",
    "names",
    "of_section",
    "page",
    "picture",
    "record",
    "sections",
]


class UnknownEffect(LookupError):
    """No effect or section of that name; the message lists near matches."""


_ALL: Registry[Effect] = Registry("course.effects", "EFFECTS", "effect", UnknownEffect)


def sections() -> tuple[str, ...]:
    """Names of the lecture sections that have experiments, in the lecture's order."""
    return SECTIONS


def of_section(section: str) -> tuple[Effect, ...]:
    """The experiments of a section, in the notebook's order.

    Raises:
        UnknownEffect: there is no such section.
    """
    return _ALL.of_section(section)


def every() -> tuple[Effect, ...]:
    """All experiments of all sections."""
    return _ALL.every()


def get(name: str) -> Effect:
    """The experiment called `section.effect`.

    Raises:
        UnknownEffect: there is none; the message lists the nearest names.
    """
    return _ALL.get(name)


def names() -> tuple[str, ...]:
    """Names of all experiments, also of those that need an extra which is not installed: the ledger keeps them."""
    found = list[str]()
    for section in SECTIONS:
        package = import_module(f"course.effects.{section}")
        found += [effect.name for effect in (*package.EFFECTS, *getattr(package, "OPTIONAL", ()))]
    return tuple(dict.fromkeys(found))
