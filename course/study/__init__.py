"""For whoever goes through the course alone: hints in stages, predictions before experiments, and one's progress.

`hint("descent.gd_step")` gives the thought and then pseudocode, `hint("descent.gd_step", gd_step)` a right answer
beside one's own. `predict("descent.local_minimum")` asks before an experiment. `progress()` shows what is passed.
All of it stays on this machine. While nbgrader grades or validates, nothing is shown, counted or written; a graded
class switches hints off by one setting, see `course.study.settings`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from course.study.card import Card as Card
    from course.study.hints import hint as hint
    from course.study.overview import progress as progress
    from course.study.prediction import Guess as Guess
    from course.study.prediction import NoPrediction as NoPrediction
    from course.study.prediction import predict as predict
    from course.study.settings import hints_off as hints_off

_HOMES = {
    "Card": "course.study.card",
    "Guess": "course.study.prediction",
    "NoPrediction": "course.study.prediction",
    "hint": "course.study.hints",
    "hints_off": "course.study.settings",
    "predict": "course.study.prediction",
    "progress": "course.study.overview",
}

__all__ = ["Card", "Guess", "NoPrediction", "hint", "hints_off", "predict", "progress"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'course.study' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
