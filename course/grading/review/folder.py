"""All submissions of one assignment, read: what stands out in each, and which are alike."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course import exercises
from course.authoring.regions import RegionError, solution_text
from course.grading import places
from course.grading.cells import checked_exercise, is_check
from course.grading.classroom import CONFIG
from course.grading.handed_in import Unreadable, read_submission
from course.grading.planting import Unplantable, planted
from course.grading.review.copies import Answer, Likeness, near_copies, word_for_word
from course.grading.review.flags import Flag, Severity
from course.grading.review.reading import LONGEST_CELL, Cell, Share, parse, plain, read
from course.grading.review.rules import KNOWN_MODULES, Task, remarks

CODE_FILES = (".py", ".pyc", ".pyd", ".so", ".pth", ".ipy", ".zip", ".whl", ".egg")
SHADOWED = KNOWN_MODULES | {"sitecustomize", "usercustomize"}
NAMED = 5
"""How many of those whose answers are alike are named in one flag."""


class ReviewError(Exception):
    """There is nothing that could be reviewed; the message says what to do."""


@dataclass(frozen=True)
class Assignment:
    """What students were given, and what right answers can be read somewhere.

    Attributes:
        filenames: the notebooks' names.
        released: the texts of the cells as they were handed out.
        exercises: what is asked.
        given: by exercise, the code that students start from.
        known: by exercise, the model solution, the library's own and further right answers.
    """

    filenames: tuple[str, ...]
    released: frozenset[str]
    exercises: tuple[Task, ...]
    given: dict[str, ast.Module] = field(default_factory=dict)
    known: dict[str, list[Answer]] = field(default_factory=dict)


@dataclass(frozen=True)
class Survey:
    """What a review found.

    Attributes:
        flags: by student, the gravest first.
        submissions: how many were read.
        common: by exercise, how many answers are like too many others for a flag to say anything.
        without_solution: whether the model solution was not there to compare with.
    """

    flags: tuple[Flag, ...]
    submissions: int
    common: dict[str, int]
    without_solution: bool


def survey(folder: Path | str, assignment: str, progress: Callable[[int, int], object] = lambda *_: None) -> Survey:
    """Read all submissions of an assignment; nothing of them is run, and nothing is written.

    Args:
        folder: the course directory, with nbgrader's `nbgrader_config.py` in it.
        assignment: nbgrader's name of the assignment, e.g. `03_descent`.
        progress: called with how many are read, and how many there are.

    Raises:
        ReviewError: no such folder or assignment, or nobody handed in.
    """
    directory = _directory(Path(folder), assignment)
    asked = _assignment(directory, assignment)
    students = _handed_in(directory, assignment)
    flags: list[Flag] = []
    unread = 0
    answers: dict[str, list[Answer]] = {e.name: [] for e in asked.exercises}
    for done, student in enumerate(students, start=1):
        if reason := places.unreadable(directory, student, assignment):
            flags.append(Flag(student, "medium", "", 0, 0, assignment, f"not reviewed: {reason}"))
            unread += 1
        else:
            home = places.submission(directory, student, assignment)
            for cells in _submission(home, student, asked, flags):
                for name, answer in _answers(student, cells, asked.exercises):
                    answers[name].append(answer)
        progress(done, len(students))
    common: dict[str, int] = {}
    for exercise in asked.exercises:
        mine, known = answers[exercise.name], asked.known[exercise.name]
        if exercise.alike:  # but whoever mends given code rightly has the model solution
            found = [] if exercise.name in asked.given else word_for_word(mine, known)
        else:
            found = near_copies(mine, known, asked.given.get(exercise.name))
        flags += [_copied(one, exercise) for one in found if not one.common]
        common |= {exercise.name: n} if (n := sum(one.common for one in found)) else {}
    without = not any(a.who == MODEL for known in asked.known.values() for a in known)
    return Survey(tuple(sorted(flags, key=lambda f: f.order)), len(students) - unread, common, without)


# --------------------------------------------------------------------------------------------- the assignment

MODEL = "the model solution"


def _directory(folder: Path, assignment: str) -> CourseDirectory:
    if not (folder / CONFIG).is_file():
        raise ReviewError(f"{folder} is no course directory: it has no {CONFIG}; give one with --folder")
    config: Config = PyFileConfigLoader(CONFIG, path=str(folder.resolve())).load_config()
    config.CourseDirectory.root = str(folder.resolve())
    config.CourseDirectory.assignment_id = assignment
    return CourseDirectory(config=config)


def _handed_in(directory: CourseDirectory, assignment: str) -> list[str]:
    try:
        students = places.handed_in(directory, assignment)
    except places.Missing as reason:
        raise ReviewError(str(reason)) from reason
    if not students:
        where = places.submission(directory, "<student>", assignment)
        raise ReviewError(f"nobody has handed in {assignment}: there is no {where}")
    return students


def _assignment(directory: CourseDirectory, assignment: str) -> Assignment:
    root = Path(directory.root)
    folders = [root / directory.release_directory, root / directory.source_directory]
    released = sorted((folders[0] / assignment).glob("*.ipynb"))
    if not released:
        there = sorted(p.parent.name for p in folders[0].glob("*/*.ipynb"))
        hint = f"there are {', '.join(dict.fromkeys(there))}" if there else "nothing has been released"
        raise ReviewError(f"no released notebook in {folders[0] / assignment}: {hint}")
    blank = [nbformat.read(path, as_version=4) for path in released]
    asked = tuple(e for notebook in blank for e in _asked(notebook))
    cells = [cell for notebook in blank for cell in read(notebook)]
    solved = [
        cell
        for path in sorted((folders[1] / assignment).glob("*.ipynb"))
        for cell in _solved(nbformat.read(path, as_version=4))
    ]
    return Assignment(
        filenames=tuple(path.name for path in released),
        released=frozenset(plain(cell.source) for cell in cells),
        exercises=asked,
        given={
            e.name: c.tree
            for e in asked
            for c in cells
            if getattr(e, "given", None) and c.name == e.function and c.tree
        },
        known={e.name: list(_known(e, solved)) for e in asked},
    )


def _asked(notebook: NotebookNode) -> Iterator[Task]:
    for cell in notebook.cells:
        found = re.search(r"""check\(\s*["']([\w.]+)["']""", cell.source) if is_check(cell) else None
        if found and found[1].endswith(f".{checked_exercise(cell)}"):
            try:
                yield exercises.get(found[1])
            except exercises.UnknownExercise as error:
                raise ReviewError(f"the released notebook is of another version of the course: {error}") from None


def _solved(notebook: NotebookNode) -> Iterator[Cell]:
    for cell in read(notebook):
        try:
            text = solution_text(cell.source)
        except RegionError:
            continue
        yield Cell(cell.number, cell.name, text, True, *parse(text))


def _known(exercise: Task, solved: Iterable[Cell]) -> Iterator[Answer]:
    """Right answers that a student could find: the model solution, the library's, the alternatives, the hint's."""
    for cell in solved:
        if cell.name == exercise.function and cell.tree:
            yield Answer(MODEL, cell.tree)
    library = exercise.reference
    with suppress(OSError, TypeError, SyntaxError):
        source = textwrap.dedent(inspect.getsource(library))
        yield Answer(f"{library.__module__}.{library.__name__}", ast.parse(source))
    for way in filter(None, (*getattr(exercise, "alternatives", ()), exercise.shown)):
        try:
            yield Answer(f"{way.__module__}.{way.__name__}", ast.parse(planted(way, exercise.function)))
        except (Unplantable, AttributeError):
            continue


# --------------------------------------------------------------------------------------------- one submission


def _submission(home: Path, student: str, asked: Assignment, flags: list[Flag]) -> Iterator[list[Cell]]:
    """Adds what is to be said about one submission; the cells of its notebooks."""
    flags += [Flag(student, severity, "", 0, 0, what, why) for severity, what, why in _files(home)]
    for filename in asked.filenames:
        try:
            cells = read(read_submission(home / filename), asked.released)
            share = Share()
            cells += [cell for path in _code(home) for cell in _file(path, share)]
            found = remarks(cells, asked.exercises)
        except Unreadable as reason:
            flags.append(Flag(student, "medium", "", 0, 0, filename, str(reason)))
            continue
        except Exception as error:  # made to stop the reader, perhaps; the others must still be read
            why = f"it cannot be reviewed, the reader stopped with {type(error).__name__}"
            flags.append(Flag(student, "high", "", 0, 0, filename, why))
            continue
        flags += [Flag(student, r.severity, r.exercise, r.cell, r.line, r.what, r.why) for r in found]
        yield cells


def _code(home: Path) -> list[Path]:
    return sorted(p for p in home.rglob("*") if p.suffix.lower() in CODE_FILES)


def _files(home: Path) -> Iterator[tuple[Severity, str, str]]:
    """What was handed in beside the notebook and might run."""
    for path in _code(home):
        name = path.relative_to(home)
        top = name.parts[0].split(".")[0]
        if top in SHADOWED:
            yield "high", str(name), f"a file that takes the place of the module {top}"
        else:
            yield "medium", str(name), "code outside the notebook"
    for path in sorted(p for p in home.rglob("*") if p.is_symlink()):
        yield "high", str(path.relative_to(home)), "a link to another place"


def _file(path: Path, share: Share) -> Iterator[Cell]:
    """A Python file, as a cell without a number."""
    if path.suffix == ".py" and path.is_file() and not path.is_symlink() and path.stat().st_size <= LONGEST_CELL:
        source = path.read_text(encoding="utf-8", errors="replace")
        yield Cell(0, path.name, source, False, *share.parse(source))


def _answers(student: str, cells: Iterable[Cell], asked: Iterable[Task]) -> Iterator[tuple[str, Answer]]:
    """The student's answers: of several cells of one name the last counts, as in grading."""
    last = {cell.name: cell for cell in cells if cell.number and cell.tree and not cell.given}
    for exercise in asked:
        cell = last.get(exercise.function)
        if cell is not None and cell.tree and cell.tree.body:
            yield exercise.name, Answer(student, cell.tree, cell.number, cell.tree.body[0].lineno)


def _copied(one: Likeness, exercise: Task) -> Flag:
    """A sentence about whom an answer is like."""
    named = [f"{a.who}{f' (cell {a.cell})' if a.cell else ''} {100 * share:.0f} %" for a, share in one.others[:NAMED]]
    more = f" and {len(one.others) - NAMED} more" if len(one.others) > NAMED else ""
    kind = "a right answer that can be read elsewhere" if one.known else "another submission"
    if exercise.alike:
        why = f"the same as {kind} with all names and numbers; mind that everybody answers this exercise much alike"
    else:
        why = f"near-copy of {kind}, but for names, numbers and layout"
    return Flag(
        one.answer.who,
        "low" if exercise.alike else "medium",
        exercise.name,
        one.answer.cell,
        one.answer.line,
        f"like {', '.join(named)}{more}",
        why,
    )
