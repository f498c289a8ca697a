"""Exercises of section 02: correlation, gradients, cell histograms, HOG, the convolutional layer."""

from course.exercises.features import cell_histograms, conv_layer, correlate2d, gradient, hog

EXERCISES = (
    correlate2d.EXERCISE,
    gradient.EXERCISE,
    cell_histograms.EXERCISE,
    hog.EXERCISE,
    conv_layer.EXERCISE,
)
