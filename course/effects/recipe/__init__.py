"""Experiments of lecture section 10: one file each, in the notebook's order."""

from course.effects.recipe.ablation import ABLATION
from course.effects.recipe.barrier import BARRIER
from course.effects.recipe.deep import DEEP
from course.effects.recipe.pretraining import PRETRAINING_EFFECT
from course.effects.recipe.rates import RATES_EFFECT
from course.effects.recipe.scaled_twin import SCALED_TWIN

EFFECTS = (DEEP, RATES_EFFECT, PRETRAINING_EFFECT, SCALED_TWIN, BARRIER, ABLATION)
