"""How fast is it, and how fast are others? `course bench features` measures again, wherever you are.

`course.bench.harness` measures and shows; each section that claims speed has a module of its own with a function
`main(json_file, plot, repeats, only)`. What takes place in a web browser goes through `course.bench.browser`.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, TypeVar

T = TypeVar("T")

SECTIONS = ("augmentation", "averaging", "depth", "features", "grading", "hostile", "optimizers", "renderer", "widgets")


class BenchError(RuntimeError):
    """It cannot be measured here; the message says why, and what to do."""


def section(name: str) -> Any:
    """The benchmark of a section: a module with `main(json_file, plot, repeats, only)`.

    Raises:
        KeyError: there is none for that section.
    """
    if name not in SECTIONS:
        raise KeyError(f"there is no benchmark {name!r}; there is {', '.join(SECTIONS)}")
    return import_module(f"course.bench.{name}")


def chosen(things: Iterable[T], only: str, name: Callable[[T], str] = str) -> list[T]:
    """Those with `only` in their name, upper or lower case alike; all of them if it is empty.

    Raises:
        BenchError: there is none.
    """
    known = list(things)
    found = [thing for thing in known if only.casefold() in name(thing).casefold()]
    if not found:
        raise BenchError(
            f"nothing that is measured here has {only!r} in its name; there is {'; '.join(map(name, known))}"
        )
    return found
