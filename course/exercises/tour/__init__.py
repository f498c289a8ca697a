"""Exercises of section 00: the integral image, a Haar feature, eigenfaces, local binary patterns."""

from course.exercises.tour import eigenfaces, haar_response, integral_image, local_binary_pattern

EXERCISES = (
    integral_image.EXERCISE,
    haar_response.EXERCISE,
    eigenfaces.EXERCISE,
    local_binary_pattern.EXERCISE,
)
