"""Exercises of section 09: gated residual blocks, and how deep a network is on average."""

from course.exercises.depth import expected_depth, residual, stochastic_depth, survival_probabilities

EXERCISES = (
    residual.EXERCISE,
    stochastic_depth.EXERCISE,
    survival_probabilities.EXERCISE,
    expected_depth.EXERCISE,
)
