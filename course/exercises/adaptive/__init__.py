"""Exercises of section 05: Adagrad, Adam, AdamW."""

from course.exercises.adaptive import adagrad_step, adam_step, adamw_step

EXERCISES = (adagrad_step.EXERCISE, adam_step.EXERCISE, adamw_step.EXERCISE)
