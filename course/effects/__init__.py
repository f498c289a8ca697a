"""What the lecture claims, as experiments: `get("descent.ravine").show()` draws one, `measure` tests them all.

Each section has one file, `course.effects.<section>`, with a tuple EFFECTS in the notebook's order.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from course.effects.effect import Effect, Numbers
from course.effects.ledger import measure
from course.effects.picture import Picture, picture

__all__ = [
    "Effect",
    "Numbers",
    "Picture",
    "UnknownEffect",
    "every",
    "get",
    "measure",
    "of_section",
    "picture",
    "sections",
]

SECTIONS = ("descent",)


class UnknownEffect(LookupError):
    """No effect or section of that name; the message lists near matches."""


def sections() -> tuple[str, ...]:
    """Names of the lecture sections that have experiments, in the lecture's order."""
    return SECTIONS


@cache
def of_section(section: str) -> tuple[Effect, ...]:
    """The experiments of a section, in the notebook's order.

    Raises:
        UnknownEffect: there is no such section.
    """
    if section not in SECTIONS:
        raise UnknownEffect(_hint("section", section, SECTIONS))
    return import_module(f"course.effects.{section}").EFFECTS


def every() -> tuple[Effect, ...]:
    """All experiments of all sections."""
    return tuple(effect for section in SECTIONS for effect in of_section(section))


def get(name: str) -> Effect:
    """The experiment called `section.effect`.

    Raises:
        UnknownEffect: there is none; the message lists the nearest names.
    """
    table = {effect.name: effect for effect in every()}
    if name not in table:
        raise UnknownEffect(_hint("effect", name, tuple(table)))
    return table[name]


def _hint(kind: str, wanted: object, names: tuple[str, ...]) -> str:
    """What to say about a name that is not there; the part after the dot may be enough to find a near one."""
    last = str(wanted).split(".")[-1]
    short = {name.split(".")[-1]: name for name in names}
    near = get_close_matches(str(wanted), names, n=3, cutoff=0.5)
    near += [short[s] for s in get_close_matches(last, short, n=3, cutoff=0.6) if short[s] not in near]
    return f"no {kind} {wanted!r}: " + (
        f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(names)}"
    )
