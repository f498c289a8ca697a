"""What an instructor's folder holds: who has handed in, and what the assignment brings along.

What cannot be read is no empty folder: grading would go on without it, and cost somebody points.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

from nbgrader import utils
from nbgrader.coursedir import CourseDirectory

from course.grading.clean import writable

LONGEST_STUDENT = 200  # bytes: files are named after students, with something before and behind


class Missing(Exception):
    """A part of the class's folder is not there or closed; the message says what to do."""


def own_files(directory: CourseDirectory, assignment: str, kept: Collection[str] = ()) -> dict[str, bytes]:
    """The files beside an assignment's notebooks in its source folder, by relative path.

    They replace what students hand in under the same names.

    Args:
        directory: the class.
        assignment: nbgrader's name of it.
        kept: relative paths that students may change: theirs count.

    Raises:
        Missing: the folder, or something in it, cannot be read.
    """
    source = Path(directory.format_path(directory.source_directory, ".", assignment))
    try:
        for _ in os.walk(source, onerror=_raise):
            pass  # nbgrader's own search takes what is closed for empty
        found = utils.find_all_files(str(source), [*directory.ignore, "*.ipynb"])
        names = {str(Path(path).relative_to(source)): Path(path) for path in found}
        return {name: path.read_bytes() for name, path in names.items() if name not in kept}
    except OSError as error:
        notebooks_only = f". If there is nothing but notebooks, an empty folder {source} will do"
        raise Missing(
            f"{error.filename or source}: {error.strerror}. What lies beside the notebooks there goes to every "
            "submission, and without it some would lose points: put it back from a copy, or make it readable (in a "
            f"checkout of the course, `course build` makes it){'' if os.path.lexists(source) else notebooks_only}"
        ) from error


def _raise(error: OSError) -> NoReturn:
    raise error


def submission(directory: CourseDirectory, student: str, assignment: str) -> Path:
    """Where a student's submission lies."""
    return Path(directory.format_path(directory.submitted_directory, student, assignment))


def handed_in(directory: CourseDirectory, assignment: str) -> list[str]:
    """Whose folders hold something for this assignment, whatever it is; `unfit` says what cannot be graded.

    As in nbgrader, folders with a dot before their name are nobody's, and who is excluded is left out.

    Raises:
        Missing: the folder of all submissions cannot be read.
    """
    top = submission(directory, "", "")
    excluded = directory.student_id_exclude.split(",")
    try:
        names = sorted(os.listdir(top))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Missing(f"{top} cannot be read ({error.strerror}): nobody knows who has handed in") from error
    return [
        name
        for name in names
        if not name.startswith(".")
        and name not in excluded
        and os.path.isdir(top / name)
        and _look(submission(directory, name, assignment)) != ""
    ]


def unfit(directory: CourseDirectory, student: str, assignment: str) -> str:
    """Why a submission cannot be graded as it lies, through no fault of the student's; empty if it can."""
    if student != writable(student):
        return "a name that is not in UTF-8, which no gradebook can hold: rename the student's folder"
    if any(unicodedata.category(character) == "Cc" for character in student):
        return "a line break or the like in a name, at which nbgrader stops: rename the student's folder"
    if len(student.encode()) > LONGEST_STUDENT:
        return f"a name of more than {LONGEST_STUDENT} bytes, too long for files: rename the student's folder"
    return unreadable(directory, student, assignment)


def unreadable(directory: CourseDirectory, student: str, assignment: str) -> str:
    """Why what lies in a submission's place is no folder that can be read; empty if it is one, or nothing."""
    home = submission(directory, student, assignment)
    found = _look(home)
    return "" if found in ("", "a folder") else f"{home}, which is {found}: put a folder with the notebook there"


def _look(home: Path) -> str:
    """What lies there; empty if nothing."""
    try:
        mode = home.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"closed to who grades ({error.strerror})"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a link, and links are not followed" if stat.S_ISLNK(mode) else "no folder"
