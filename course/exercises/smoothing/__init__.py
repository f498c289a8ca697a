"""Exercises of section 08: smoothed labels, their loss, another library's ε, calibration."""

from course.exercises.smoothing import expected_calibration_error, smooth_labels, soft_cross_entropy, to_torch_eps

EXERCISES = (
    smooth_labels.EXERCISE,
    soft_cross_entropy.EXERCISE,
    to_torch_eps.EXERCISE,
    expected_calibration_error.EXERCISE,
)
