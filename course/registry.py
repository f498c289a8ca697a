"""Things with names such as `descent.gd_step`, kept by lecture section: exercises and effects are found alike.

A room of the house (`course.exercises`, `course.effects`) has one package per section, and in it a tuple of values,
each with a `name`, in the notebook's order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any, Generic, Protocol, TypeVar

SECTIONS = (
    "tour",
    "pixels",
    "features",
    "descent",
    "schedules",
    "adaptive",
    "regularization",
    "augmentation",
    "smoothing",
    "depth",
    "recipe",
)
"""The lecture's sections that are built, in its order."""


class Named(Protocol):
    """Whatever bears a name `section.thing`."""

    @property
    def name(self) -> str:
        """`section.thing`."""


T = TypeVar("T", bound=Named)


@dataclass(frozen=True)
class Registry(Generic[T]):
    """All values of one kind.

    Attributes:
        room: the package that holds one package per section, e.g. `course.exercises`.
        attribute: the tuple's name in it, e.g. `EXERCISES`.
        kind: what one is called in messages.
        unknown: the error for a name that is not there.
    """

    room: str
    attribute: str
    kind: str
    unknown: type[LookupError]

    @cache  # noqa: B019  one registry per room, made once
    def of_section(self, section: str) -> tuple[T, ...]:
        """The values of a section, in the notebook's order; raises `unknown` if there is no such section."""
        if section not in SECTIONS:
            raise self.unknown(hint("section", section, SECTIONS))
        found: Any = getattr(import_module(f"{self.room}.{section}"), self.attribute)
        return found

    def every(self) -> tuple[T, ...]:
        """All values of all sections."""
        return tuple(value for section in SECTIONS for value in self.of_section(section))

    def get(self, name: str) -> T:
        """The one called `section.thing`; raises `unknown`, listing the nearest names, if there is none."""
        section = str(name).split(".")[0]
        if section in SECTIONS:  # the other sections need not be imported
            for value in self.of_section(section):
                if value.name == name:
                    return value
        raise self.unknown(hint(self.kind, name, [value.name for value in self.every()]))


def hint(kind: str, wanted: object, names: Iterable[str]) -> str:
    """What to say about a name that is not there; the part after the dot may be enough to find a near one."""
    names = tuple(names)
    last = str(wanted).split(".")[-1]
    near = get_close_matches(str(wanted), names, n=3, cutoff=0.5)
    for short in get_close_matches(last, [name.split(".")[-1] for name in names], n=3, cutoff=0.6):
        near += [name for name in names if name.split(".")[-1] == short and name not in near]
    return f"no {kind} {wanted!r}: " + (
        f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(names)}"
    )
