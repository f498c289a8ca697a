"""Exercises of lecture section 01: one file each, in the notebook's order."""

from course.exercises.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
