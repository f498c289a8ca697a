"""A class in a folder, graded by nbgrader: prepare, release, submit, grade, read the results.

The folder is an ordinary nbgrader course (source, release, submitted, autograded, feedback, gradebook.db), so
`nbgrader` and formgrader work in it. `outcomes` holds one small JSON file per graded submission; it is written
last, so its presence means that all else is there.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateAssignment, GenerateFeedback, NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course.files import write
from course.grading.autograde import Autograder
from course.grading.clean import writable
from course.grading.diagnosis import Finding, changes, endings, findings
from course.grading.handed_in import Unreadable, digest_of, read_submission
from course.grading.places import Missing, handed_in, submission
from course.grading.provisioner import GradingProvisioner
from course.grading.settings import CLASS_CONFIG

CONFIG = "nbgrader_config.py"


class ClassroomError(Exception):
    """A class cannot be set up or graded as asked; the message says what to do."""


@dataclass(frozen=True)
class Outcome:
    """What grading a submission came to.

    Attributes:
        student: who.
        score, max_score: points that a check gave, and could have given.
        waiting: points that a person still has to judge.
        findings: one per exercise; its points are the gradebook's.
        remarks: what is worth knowing about the submission as a whole, in sentences.
        failed: whether it could not be graded at all; `remarks` says why.
        seconds: what grading it took.
        own_seconds: what of this the submission's own code took, where that was measured.
        digest: which submission this is about.
        assignment: which state of the assignment, where that was noted.
        entered: the sum of the automatic scores that the gradebook was given, where that was noted.
    """

    student: str
    score: float
    max_score: float
    waiting: float = 0.0
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()
    failed: bool = False
    seconds: float = 0.0
    own_seconds: float = 0.0
    digest: str = field(default="", repr=False)
    assignment: str = field(default="", repr=False)
    entered: float | None = field(default=None, repr=False)

    @property
    def reason(self) -> str:
        """All that was found wrong, in sentences."""
        if self.failed:
            return " ".join(self.remarks)
        alike: dict[str, list[str]] = {}
        for f in self.findings:
            if f.status != "passed":
                text = "not written yet." if f.status == "unwritten" else f.sentence
                alike.setdefault(text, []).append(f.exercise.split(".")[-1])
        return " ".join([*self.remarks, *(f"{', '.join(names)}: {text}" for text, names in alike.items())])

    def to_json(self) -> str:
        """As text."""
        return writable(json.dumps(asdict(self), indent=1, ensure_ascii=False)) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """From text."""
        fields = json.loads(text)
        found = tuple(Finding(**f) for f in fields.pop("findings"))
        return cls(**{**fields, "findings": found, "remarks": tuple(fields["remarks"])})


class Classroom:
    """One assignment of one class, in a folder.

    Args:
        folder: the course directory; `create` makes one.
        assignment: nbgrader's name of the assignment, e.g. `03_descent`.
        settings: further nbgrader settings, over those of the folder's nbgrader_config.py.

    Raises:
        ClassroomError: the folder is no course directory, or this cannot be an assignment's name.
    """

    def __init__(self, folder: Path | str, assignment: str, settings: Config | None = None) -> None:
        self.folder, self.assignment = Path(folder).resolve(), assignment
        if not re.fullmatch(r"(?!\.)[^/\\*?\[\]+\x00-\x1f]+", assignment):
            raise ClassroomError(f"{assignment!r} is no assignment's name: give that of its folder in source/, alone")
        if not (self.folder / CONFIG).is_file():
            raise ClassroomError(f"{folder} is no course directory: it has no {CONFIG}")
        try:
            self.config: Config = PyFileConfigLoader(CONFIG, path=str(self.folder)).load_config()
        except Exception as error:  # it is a program
            where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            raise ClassroomError(
                f"{self.folder / CONFIG}{where} stops with {type(error).__name__}: {error!s:.300}"
            ) from error
        self.config.CourseDirectory.root = str(self.folder)
        self.config.CourseDirectory.assignment_id = assignment
        self.settings = settings or Config()
        self.config.merge(self.settings)
        self._log, self._said = _listening_log()

    @classmethod
    def create(
        cls, folder: Path | str, assignment: str, files: Mapping[str, bytes], settings: Config | None = None
    ) -> Classroom:
        """Make a course directory with the instructor's files of one assignment, and release it."""
        folder = Path(folder)
        for name, content in files.items():
            write(folder / "source" / assignment / name, content)
        write(folder / CONFIG, CLASS_CONFIG)
        classroom = cls(folder, assignment, settings)
        classroom.release()
        return classroom

    @property
    def released(self) -> Path:
        """The folder with the student version of the assignment."""
        return self.folder / "release" / self.assignment

    def release(self) -> None:
        """Let nbgrader make the student version and enter the assignment into the gradebook.

        Raises:
            ClassroomError: nbgrader failed; with what it said.
        """
        try:
            GenerateAssignment(coursedir=self.directory(), config=self.config, log=self._log, force=True).start()
        except NbGraderException as error:
            raise ClassroomError(f"nbgrader could not release {self.assignment}: {self._last_words(error)}") from error

    def notebook(self) -> NotebookNode:
        """The student version of the assignment's (first) notebook."""
        return nbformat.read(self._notebook_file(), as_version=4)

    def _notebook_file(self) -> Path:
        found = sorted(self.released.glob("*.ipynb"))
        if not found:
            raise ClassroomError(
                f"there is no notebook in {self.released}: `nbgrader generate_assignment {self.assignment}` makes it"
            )
        return found[0]

    def submit(self, student: str, files: Mapping[str, bytes | str | NotebookNode]) -> Path:
        """Put a student's files where nbgrader collects them, all or none; a former submission is replaced.

        Raises:
            ClassroomError: the student's name cannot be one of a folder.
        """
        if not re.fullmatch(r"[A-Za-z0-9_][\w.@+-]*", student):
            raise ClassroomError(f"{student!r} cannot be a student's name here: use letters, digits and . _ @ + -")
        target = self.submission(student)
        fresh = target.with_name(f".{target.name}.{os.getpid()}")
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")
        for name, content in {**files, "timestamp.txt": now}.items():
            write(fresh / name, nbformat.writes(content) if isinstance(content, NotebookNode) else content)
        if target.exists():
            shutil.rmtree(target)
        fresh.replace(target)
        self._outcome_file(student).unlink(missing_ok=True)
        return target

    def students(self) -> list[str]:
        """Who has handed in.

        Raises:
            ClassroomError: the folder of the submissions cannot be read.
        """
        try:
            return handed_in(self.directory(), self.assignment)
        except Missing as error:
            raise ClassroomError(str(error)) from error

    def submission(self, student: str) -> Path:
        """Where a student's submission lies."""
        return submission(self._directory, student, self.assignment)

    def outcome(self, student: str) -> Outcome | None:
        """What grading this submission came to; None if it has not been graded since it was handed in."""
        try:
            known = Outcome.from_json(self._outcome_file(student).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return known if known.digest == self._digest(student) else None

    def grade(self, student: str) -> Outcome:
        """Autograde one submission with nbgrader, make its feedback page, and read what came of it.

        Whatever is wrong with a submission, or goes wrong with it, becomes part of its outcome.

        Raises:
            SandboxUnavailable: students' code cannot be shut in here.
        """
        GradingProvisioner(config=self.config).sandbox()  # no reason to give anybody 0 points
        started = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own tables
                trouble = self._autograde(student) and self._autograde(student)  # the machine may have been too busy
                if trouble:
                    trouble = f"nbgrader stopped at this submission ({trouble})."
                    self._autograde(student, trouble)
                self.feedback(student)
                outcome = self._read(student, trouble, started)
        except Exception as error:  # the others must still be graded, and a later run tries this one again
            sentence = f"Grading stopped with {type(error).__name__}: {error!s:.300}"
            return Outcome(student, 0.0, 0.0, remarks=(sentence,), failed=True)
        self.note(outcome)
        return outcome

    def note(self, outcome: Outcome) -> None:
        """Remember what came of a submission; all else that belongs to it must have been written."""
        write(self._outcome_file(outcome.student), outcome.to_json())

    def feedback(self, student: str) -> None:
        """Let nbgrader make the page that a student gets back."""
        directory = self.directory(student)
        GenerateFeedback(coursedir=directory, config=self.config, log=self._log, force=True).start()

    # ------------------------------------------------------------------------------------------------ inside

    @cached_property
    def _directory(self) -> CourseDirectory:
        return self.directory()

    def directory(self, student: str = "*") -> CourseDirectory:
        """nbgrader's idea of where things lie."""
        return CourseDirectory(config=self.config, log=self._log, student_id=student)

    def _autograde(self, student: str, refusal: str = "") -> str:
        """Grade; the answer is what went wrong, empty if nothing did."""
        self._said.clear()
        directory = self.directory(student)
        try:
            Autograder(coursedir=directory, config=self.config, log=self._log, force=True, refusal=refusal).start()
        except NbGraderException as error:
            return self._last_words(error)
        return ""

    def _read(self, student: str, trouble: str, started: float) -> Outcome:
        """What the gradebook, the autograded notebook and the submission tell."""
        name = self._notebook_file().name
        graded = self.folder / "autograded" / student / self.assignment / name
        directory = self.directory(student)
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            submission = gradebook.find_submission(self.assignment, student)
            grades = [g for n in submission.notebooks for g in n.grades]
            scores = {g.name: g.score for g in grades}
            waiting = float(sum(g.max_score for g in grades if g.needs_manual_grade))
            score, maximum = submission.code_score, submission.max_code_score
        limit, autograded = Autograder(config=self.config).max_bytes, nbformat.read(graded, as_version=4)
        try:
            submitted = read_submission(self.submission(student) / name, limit)
            remarks = [trouble] if trouble else [*changes(submitted, self.notebook()), *endings(autograded)]
        except Unreadable as reason:
            trouble, remarks = str(reason), [str(reason)]
        return Outcome(
            student=student,
            score=score,
            max_score=maximum,
            waiting=waiting,
            findings=tuple(f.with_points(scores) for f in findings(autograded)),
            remarks=tuple(remarks),
            failed=bool(trouble),
            seconds=round(time.perf_counter() - started, 3),
            digest=self._digest(student),
        )

    def _outcome_file(self, student: str) -> Path:
        return self.folder / "outcomes" / self.assignment / f"{student}.json"

    def _digest(self, student: str) -> str:
        return digest_of(self.submission(student))

    def _last_words(self, error: Exception) -> str:
        lines = [
            line for text in self._said for line in text.splitlines() if re.match(r"[\w.]*(Error|Exception)\b", line)
        ]
        return (lines or [str(error)])[-1][:300]


def _listening_log() -> tuple[logging.Logger, list[str]]:
    """A log that nbgrader may fill, and that nobody has to read unless something goes wrong."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(re.sub(r"\x1b\[[\d;]*m", "", record.getMessage()).strip())

    log = logging.Logger("course.grading", logging.WARNING)
    log.addHandler(Listener())
    return log, said
