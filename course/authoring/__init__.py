"""From a text source to the notebooks that instructors and students open; see `solutions/*/*.py`.

`build` makes all of them, `solved` and `fill` make what students hand in (for tests, demos, timings).
"""

from course import lean  # noqa: F401  (before anything imports nbformat)
from course.authoring.answers import fill, find_root, solutions, solved
from course.authoring.builder import Built, build
from course.authoring.cells import AuthoringError, Problem, SourceError
from course.authoring.release import StudentVersion, release_preprocessors, scripts_on_path

__all__ = [
    "AuthoringError",
    "Built",
    "Problem",
    "SourceError",
    "StudentVersion",
    "build",
    "fill",
    "find_root",
    "release_preprocessors",
    "scripts_on_path",
    "solutions",
    "solved",
]
