"""Experiments of lecture section 04: one file each, in the notebook's order."""

from course.effects.schedules.annealing import ANNEALING
from course.effects.schedules.fine_tuning import FINE_TUNING
from course.effects.schedules.linear_scaling import LINEAR_SCALING
from course.effects.schedules.range_test import RANGE_TEST
from course.effects.schedules.stairs import STAIRS
from course.effects.schedules.steps_apart import STEPS_APART
from course.effects.schedules.warmup import WARMUP_EFFECT

EFFECTS = (STAIRS, ANNEALING, WARMUP_EFFECT, RANGE_TEST, FINE_TUNING, STEPS_APART, LINEAR_SCALING)
