"""Experiments of lecture section 06: one file each, in the notebook's order."""

from course.effects.regularization.averaging import AVERAGING
from course.effects.regularization.dropping import DROPPING
from course.effects.regularization.l2_is_decay import L2_IS_DECAY
from course.effects.regularization.stopping import STOPPING
from course.effects.regularization.weight_decay import WEIGHT_DECAY

EFFECTS = (L2_IS_DECAY, WEIGHT_DECAY, STOPPING, AVERAGING, DROPPING)
