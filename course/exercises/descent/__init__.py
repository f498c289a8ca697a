"""Exercises of section 03: loss, gradient descent, mini-batches, momentum, the training loop."""

from course.exercises.descent import (
    cross_entropy,
    gd_step,
    gradient_descent,
    minibatches,
    momentum_step,
    sgd_epoch,
    train,
)

EXERCISES = (
    cross_entropy.EXERCISE,
    gd_step.EXERCISE,
    gradient_descent.EXERCISE,
    minibatches.EXERCISE,
    sgd_epoch.EXERCISE,
    train.EXERCISE,
    momentum_step.EXERCISE,
)
