"""Experiments of lecture section 05: one file each, in the notebook's order."""

from course.effects.adaptive.badly_scaled import BADLY_SCALED
from course.effects.adaptive.bias_correction import BIAS_CORRECTION
from course.effects.adaptive.decay import DECAY
from course.effects.adaptive.effective_rates import EFFECTIVE_RATES
from course.effects.adaptive.ranking import RANKING

EFFECTS = (EFFECTIVE_RATES, BIAS_CORRECTION, BADLY_SCALED, RANKING, DECAY)
