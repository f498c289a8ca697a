"""Experiments of lecture section 05: one file each, in the notebook's order."""

from course.effects.effect import Effect

EFFECTS: tuple[Effect, ...] = ()
