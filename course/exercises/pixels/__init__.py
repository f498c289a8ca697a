"""Exercises of section 01: a picture as numbers, brightness, labels as rows, a first classifier, how good it is."""

from course.exercises.pixels import nearest_neighbour, one_hot, to_gray, to_tensor, top_k_accuracy

EXERCISES = (
    to_tensor.EXERCISE,
    to_gray.EXERCISE,
    one_hot.EXERCISE,
    nearest_neighbour.EXERCISE,
    top_k_accuracy.EXERCISE,
)
