"""Experiments of lecture section 02: one file each, in the notebook's order."""

from course.effects.features.ladder import LADDER
from course.effects.features.learned_filters import LEARNED_FILTERS
from course.effects.features.lighting import LIGHTING
from course.effects.features.rotation import ROTATION
from course.effects.features.textures import TEXTURE

EFFECTS = (LIGHTING, TEXTURE, LEARNED_FILTERS, LADDER, ROTATION)
