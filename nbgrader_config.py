"""How nbgrader works on this checkout: `nbgrader generate_assignment`, `autograde`, `generate_feedback`, formgrader.

Run `course build` first: it makes the instructor notebooks in build/instructor that nbgrader starts from.
"""

from course.grading.settings import configure

c = get_config()  # noqa: F821

# How notebooks are released and graded; the same settings as in every class folder, explained there.
configure(c)

# For a graded class: students get no hints in their notebooks.
# c.StudentVersion.hints = False

c.CourseDirectory.course_id = "cv-course"
# Sources are text in solutions/; students' notebooks are committed, in the place where everybody looks for them.
c.CourseDirectory.source_directory = "build/instructor"
c.CourseDirectory.release_directory = "notebooks"
