"""Experiments of lecture section 01: one file each, in the notebook's order."""

from course.effects.pixels.fragile import FRAGILE
from course.effects.pixels.nearest import NEAREST
from course.effects.pixels.single_pixel import SINGLE_PIXEL

EFFECTS = (SINGLE_PIXEL, FRAGILE, NEAREST)
