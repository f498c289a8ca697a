"""nbgrader's settings for grading, in one place for a class folder, a checkout and formgrader."""

from __future__ import annotations

import os
import sysconfig
import warnings

from traitlets.config import Config

CLASS_CONFIG = '''"""nbgrader's settings for this class: start `nbgrader …` and `jupyter lab` in this folder."""

from course.grading.settings import configure

c = get_config()  # noqa: F821
configure(c)
c.CourseDirectory.course_id = "cv-course"
# For a graded class: students get no hints in their notebooks.
# c.StudentVersion.hints = False
'''


def configure(c: Config) -> None:
    """Set what our notebooks need to be released and graded; all else is as nbgrader has it."""
    from nbgrader import preprocessors as stock

    # nbgrader's command and formgrader name the converter themselves; no setting changes it.
    from nbgrader.apps import api, autogradeapp
    from nbgrader.converters import Autograde
    from sqlalchemy.exc import SAWarning

    from course.authoring import release_preprocessors
    from course.grading.autograde import Autograder, SaveAutoGrades
    from course.grading.cells import PutBackMissing, RestoreMetadata
    from course.grading.execute import Execute

    autogradeapp.Autograde = api.Autograde = Autograder

    # nbgrader sets up its gradebook by calling `alembic`, which a venv that is not activated has not on PATH.
    scripts, path = sysconfig.get_path("scripts"), os.environ.get("PATH", "")
    if scripts not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join(p for p in (scripts, path) if p)

    # About nbgrader's own tables; nobody who grades can do anything about it.
    warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")

    c.GenerateAssignment.preprocessors = release_preprocessors()

    # Metadata first: nbgrader's own steps believe the file. Missing cells last: they must not be overwritten.
    sanitize = Autograde.sanitize_preprocessors.default()
    at = sanitize.index(stock.DeduplicateIds)
    c.Autograde.sanitize_preprocessors = [
        *sanitize[:at],
        RestoreMetadata,
        *sanitize[at:-1],
        PutBackMissing,
        sanitize[-1],
    ]
    ours = {stock.Execute: Execute, stock.SaveAutoGrades: SaveAutoGrades}
    c.Autograde.autograde_preprocessors = [ours.get(p, p) for p in Autograde.autograde_preprocessors.default()]

    # Whatever kernel a submission names, it is graded with this environment's.
    c.ExecutePreprocessor.kernel_name = "python3"
    # A kernel that was graded has nothing to save; asking it politely to go takes about 3 seconds.
    c.ExecutePreprocessor.shutdown_kernel = "immediate"
    # Checks bring their own, shorter limit; this one is for the cells between, on a slow machine.
    c.ExecutePreprocessor.timeout = 60
    # Importing torch on a machine that grades several notebooks at once keeps a kernel from answering for a while.
    c.ExecutePreprocessor.startup_timeout = 180
    c.ExecutePreprocessor.iopub_timeout = 10
    # With widget state in them, feedback pages show widgets that need a network, and are blank without one.
    c.ExecutePreprocessor.store_widget_state = False

    # Feedback and formgrader: what students write as HTML is shown, and nothing of it runs.
    c.HTMLExporter.filters = {"markdown2html": "course.grading.clean.markdown2html"}

    # A loop that prints must not make a feedback page of megabytes.
    c.LimitOutput.max_lines = 300
    c.LimitOutput.max_traceback = 60
