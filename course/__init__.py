"""Computer vision basics, image classification and training strategies, as a library.

Each lecture section is one name on every floor: `course.descent` holds its formulas,
`course.exercises.descent` its exercises, `course.effects.descent` its experiments,
`course.widgets.descent` its widget. Rooms are imported on first use, so `import course` is cheap.
"""

from importlib import import_module
from typing import Any

from course import dynamo

__version__ = "0.1.0"

_ROOMS = (
    "adaptive",
    "augmentation",
    "bench",
    "check",
    "data",
    "depth",
    "descent",
    "effects",
    "equivalences",
    "exercises",
    "features",
    "grading",
    "pixels",
    "recipe",
    "regularization",
    "schedules",
    "site",
    "smoothing",
    "study",
    "tour",
    "training",
    "widgets",
)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"course.{name}")
    raise AttributeError(f"module 'course' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})


dynamo.defer()
