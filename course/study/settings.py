"""Whether hints are offered, and whether anything may be kept.

Hints are on, unless the environment variable COURSE_HINTS is `off`. That one setting can be made

* for a class that is graded: `c.StudentVersion.hints = False` in its nbgrader_config.py. Released notebooks then hold a
  locked cell that says so and calls `hints_off()`;
* for a machine or a hub: `COURSE_HINTS=off` in the environment of the kernels.

It hides hints from those who play by the rules. It is no lock: the library holds the references, for everybody to read.
"""

from __future__ import annotations

import os

HINTS = "COURSE_HINTS"


def grading() -> bool:
    """Whether nbgrader runs this notebook, to grade or to validate it."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def hints_on() -> bool:
    """Whether hints may be offered here and now."""
    return not grading() and os.environ.get(HINTS, "").strip().lower() in ("", "on", "1", "yes", "true")


def hints_off() -> None:
    """Switch hints off for this notebook's session."""
    os.environ[HINTS] = "off"
