"""Exercises of lecture section 02: one file each, in the notebook's order."""

from course.exercises.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
