"""For whoever goes through the course alone: hints in stages, predictions before experiments, and one's progress.

`hint("descent.gd_step")` gives the thought and then pseudocode, `hint("descent.gd_step", gd_step)` a right answer
beside one's own. `predict("descent.local_minimum")` asks before an experiment. `progress()` shows what is passed.
All of it stays on this machine. While nbgrader grades or validates, nothing is shown, counted or written; a graded
class switches hints off by one setting, see `course.study.settings`.
"""

from course.study.card import Card
from course.study.hints import hint
from course.study.overview import progress
from course.study.predict import Guess, NoPrediction, predict
from course.study.settings import hints_off

__all__ = ["Card", "Guess", "NoPrediction", "hint", "hints_off", "predict", "progress"]
