"""Experiments of lecture section 04: one file each, in the notebook's order."""

from course.effects.effect import Effect

EFFECTS: tuple[Effect, ...] = ()
