"""Experiments of lecture section 03: one file each, in the notebook's order."""

from course.effects.descent.digits_curves import DIGITS_CURVES
from course.effects.descent.effective_rate import EFFECTIVE_RATE
from course.effects.descent.fluctuations import FLUCTUATIONS
from course.effects.descent.gradient_noise import GRADIENT_NOISE
from course.effects.descent.local_minimum import LOCAL_MINIMUM
from course.effects.descent.ravine import RAVINE
from course.effects.descent.saddle import SADDLE

EFFECTS = (GRADIENT_NOISE, DIGITS_CURVES, RAVINE, LOCAL_MINIMUM, SADDLE, EFFECTIVE_RATE, FLUCTUATIONS)
