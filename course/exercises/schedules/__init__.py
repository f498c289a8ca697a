"""Exercises of section 04: annealing, warmup, linear scaling."""

from course.exercises.schedules import (
    cosine_decay,
    exponential_decay,
    linear_warmup,
    reciprocal_decay,
    scale_lr,
    step_decay,
    steps_apart,
    warmup_then,
)

EXERCISES = (
    step_decay.EXERCISE,
    exponential_decay.EXERCISE,
    reciprocal_decay.EXERCISE,
    cosine_decay.EXERCISE,
    linear_warmup.EXERCISE,
    warmup_then.EXERCISE,
    scale_lr.EXERCISE,
    steps_apart.EXERCISE,
)
