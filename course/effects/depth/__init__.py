"""Experiments of lecture section 09: one file each, in the notebook's order."""

from course.effects.depth.ensemble import ENSEMBLE
from course.effects.depth.time_saved import TIME_SAVED
from course.effects.depth.wrong_labels import WRONG_LABELS

EFFECTS = (TIME_SAVED, ENSEMBLE, WRONG_LABELS)
