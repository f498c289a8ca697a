"""Experiments of lecture section 08: one file each, in the notebook's order."""

from course.effects.smoothing.gap import GAP
from course.effects.smoothing.reliability import RELIABILITY
from course.effects.smoothing.sweep import SWEEP
from course.effects.smoothing.wrong_labels import WRONG_LABELS

EFFECTS = (GAP, WRONG_LABELS, RELIABILITY, SWEEP)
