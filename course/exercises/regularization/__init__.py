"""Exercises of section 06: weight decay, early stopping, averages of weights, dropout."""

from course.exercises.regularization import decay_step, dropout, early_stopping, ema_update, l2_objective

EXERCISES = (
    l2_objective.EXERCISE,
    decay_step.EXERCISE,
    early_stopping.EXERCISE,
    ema_update.EXERCISE,
    dropout.EXERCISE,
)
