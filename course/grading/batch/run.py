"""`course autograde`: hands out what is to be graded, writes what comes back, and says how far it is.

What is graded is known by content: the submission's and the assignment's digests. So a run that was killed goes on
where it was, a submission that changed is graded again, and one that did not is left alone.
"""

from __future__ import annotations

import errno
import gc
import hashlib
import re
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout
from nbgrader.api import MissingEntry
from sqlalchemy.exc import DatabaseError, OperationalError

from course.files import write
from course.grading.autograde import Autograder
from course.grading.batch.assignment import Assignment
from course.grading.batch.entered import Entered
from course.grading.batch.pool import Failure, Pool
from course.grading.batch.task import Graded, Task, grade
from course.grading.batch.writer import Entry, Writer
from course.grading.classroom import Classroom, ClassroomError, Outcome
from course.grading.forkserver import ForkServer, ForkUnavailable
from course.grading.handed_in import OutOfReach, Unreadable, collect, digest_of, find_submission
from course.grading.places import Missing, unfit
from course.grading.provisioner import GradingProvisioner
from course.grading.runner import WARM
from course.grading.sandbox.launch import Sandbox
from course.grading.workers import processors

STORE, LOCK = ".graded", ".autograde.lock"
COMMIT_EVERY, COMMIT_SECONDS = 25, 2.0
REVIVALS = 5  # of a fork server that was killed; without one, each submission imports torch anew
OF_THE_NAME = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}  # some file systems take fewer names than others
# Runs all tasks: a pool of processes, or a cluster. Yields each with its result.
Engine = Callable[[Iterable[Task]], Iterator[tuple[Task, Graded | Failure]]]


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        students: all whose submissions are looked at.
        again: grade also what is graded already.
        shard: (i, n): only the i-th of n parts, and do not touch the gradebook; see `Store`.
    """

    students: Sequence[str]
    again: bool = False
    shard: tuple[int, int] | None = None


@dataclass
class Tally:
    """How a run went.

    Attributes:
        outcomes: of all that was graded and entered in this run, or given up.
        skipped: students whose submissions were graded before.
        stored: how many notebooks a shard has put by.
        startup, seconds: until the first task could be handed out; in all.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    stored: int = 0
    startup: float = 0.0
    seconds: float = 0.0


class Store:
    """Graded notebooks that have not been entered yet, by key: what shards leave, and what a killed run has left.

    With `old=False` that is left alone: everything is to be graded again.
    """

    def __init__(self, classroom: Classroom, old: bool = True) -> None:
        self._folder, self._old = classroom.folder / STORE / classroom.assignment, old

    def __contains__(self, key: str) -> bool:
        return self._old and self._path(key).is_file()

    def put(self, graded: Graded) -> None:
        """Keep a result."""
        write(self._path(graded.key), graded.to_json())

    def get(self, key: str) -> Graded | None:
        """A result; None if it is not there, or damaged."""
        if not self._old:
            return None
        try:
            found = Graded.from_json(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return found if found.key == key else None

    def drop(self, keys: Iterable[str]) -> None:
        """Forget results that have been entered."""
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"


def autograde(
    classroom: Classroom,
    plan: Plan,
    workers: int = 0,
    engine: Callable[[Assignment, Sandbox], Engine] | None = None,
    report: Callable[[Outcome | Graded | int], None] = lambda _: None,
    server: ForkServer | None = None,
) -> Tally:
    """Grade submissions.

    Args:
        classroom: the class.
        plan: whose, and which part of the work.
        workers: processes on this machine; as many as it has processors unless given.
        engine: what runs tasks instead of those.
        report: hears how many submissions there are to grade, then of each outcome.
        server: a fork server that is running already, made with `warm=WARM`; if its walls are not those that the class
            wants, it is closed and another one started.

    Raises:
        SandboxUnavailable: students' code cannot be shut in here; nothing was graded.
        ClassroomError: the assignment was not released or its files are gone, another run is at work, or the gradebook
            is out of reach.
    """
    try:
        return _autograde(classroom, plan, workers, engine, report, server)
    except DatabaseError as error:
        held = "locked" in str(error.orig)
        mend = "close what else writes to it (formgrader, another nbgrader)" if held else "put that right"
        raise ClassroomError(
            f"the gradebook cannot be read or written ({error.orig}). What is graded is kept: {mend}, and the "
            "same command goes on from there"
        ) from error


def _autograde(
    classroom: Classroom,
    plan: Plan,
    workers: int,
    engine: Callable[[Assignment, Sandbox], Engine] | None,
    report: Callable[[Outcome | Graded | int], None],
    server: ForkServer | None,
) -> Tally:
    started, tally = time.perf_counter(), Tally()
    sandbox = GradingProvisioner(config=classroom.config).sandbox()
    if sandbox is None:
        raise ClassroomError("without a sandbox, grade with `nbgrader autograde`; docs/grading.md says what that means")
    with ExitStack() as stack:
        if plan.shard is None:
            _lock(classroom, stack)
        if engine is None:
            engine = partial(_local, workers=workers, stack=stack, server=_server(sandbox, stack, server))
        assignment = _load(classroom)
        store, digest = Store(classroom, old=not plan.again), assignment.digest
        entered = Entered.read(classroom.directory(), assignment.name, tuple(n.name for n in assignment.notebooks))
        mine = [s for s in plan.students if plan.shard is None or _part(s, plan.shard[1]) == plan.shard[0]]
        obstacles = {s: _obstacle(classroom, s, entered) for s in mine}
        tally.outcomes += [_failed(s, Failure(sentence)) for s, sentence in obstacles.items() if sentence]
        fit = [s for s in mine if not obstacles[s]]
        todo = [s for s in fit if plan.again or not _is_graded(classroom, s, digest, entered)]
        tally.skipped = [s for s in fit if s not in set(todo)]
        run = engine(assignment, sandbox)
        report(len(todo))
        tally.startup = time.perf_counter() - started
        if plan.shard is None:
            with Writer(classroom) as writer:
                for outcome in _enter(classroom, assignment, digest, todo, run, store, writer):
                    tally.outcomes.append(outcome)
                    report(outcome)
        else:
            for result in _put_by(classroom, assignment, digest, todo, run, store):
                if isinstance(result, Outcome):
                    tally.outcomes.append(result)
                else:
                    tally.stored += 1
                report(result)
    tally.seconds = time.perf_counter() - started
    return tally


def _lock(classroom: Classroom, stack: ExitStack) -> None:
    try:
        stack.enter_context(FileLock(classroom.folder / LOCK, timeout=0))
    except Timeout:
        raise ClassroomError(f"another `course autograde` is at work in {classroom.folder}; wait for it") from None


def _server(sandbox: Sandbox, stack: ExitStack, given: ForkServer | None) -> ForkServer | None:
    """It imports torch while we do."""
    if given and given.serves(sandbox):
        return given
    if given:
        given.close()
    try:
        return stack.enter_context(ForkServer(sandbox, warm=WARM))
    except ForkUnavailable:
        return None


def _local(
    assignment: Assignment, sandbox: Sandbox, *, workers: int, stack: ExitStack, server: ForkServer | None
) -> Engine:
    """Processes on this machine. They are forked from this one, so all that they need is imported first."""
    import course.grading.verdict.trusted  # noqa: F401  (and with it all exercises)

    gc.freeze()  # the collector need not look through all that again: not here, not in a worker, not as we end
    gc.enable()  # see `ahead`
    address = server.address if server else None
    work = partial(_grade, assignment=assignment, sandbox=sandbox, address=address)
    pool: Pool[Task, Graded] = stack.enter_context(Pool(work, workers or processors()))

    def run(tasks: Iterable[Task]) -> Iterator[tuple[Task, Graded | Failure]]:
        for done in pool.run(tasks):
            if server and revivals and not server.alive:  # the system may have wanted its memory
                revivals.pop()
                server.revive()
            yield done

    revivals = [server] * REVIVALS
    return run


def _grade(task: Task, assignment: Assignment, sandbox: Sandbox, address: str | None) -> Graded:
    return grade(task, assignment, sandbox, address)


def _load(classroom: Classroom) -> Assignment:
    directory = classroom.directory()
    place = Path(directory.db_url.removeprefix("sqlite:///"))
    if directory.db_url.startswith("sqlite:///") and not (place.exists() and place.stat().st_size):
        raise ClassroomError(  # nbgrader would make an empty one, and nobody would notice that the other is gone
            f"the gradebook {place} is {'empty' if place.exists() else 'not there'}: put it back from a copy. Without "
            f"one, `nbgrader generate_assignment {classroom.assignment}` makes a new one, without anybody's scores"
        )
    try:
        return Assignment.load(classroom.assignment, classroom.config, directory)
    except MissingEntry:
        raise ClassroomError(
            f"the gradebook does not know {classroom.assignment}: `nbgrader generate_assignment "
            f"{classroom.assignment}` makes and enters it"
        ) from None
    except Missing as error:
        raise ClassroomError(str(error)) from error


# ------------------------------------------------------------------------------------------------ the work


@dataclass
class _Pending:
    """A submission some of whose notebooks are not graded yet."""

    digest: str
    tasks: list[Task]
    graded: list[Graded] = field(default_factory=list)


def _enter(
    classroom: Classroom,
    assignment: Assignment,
    digest: str,
    students: Iterable[str],
    run: Engine,
    store: Store,
    writer: Writer,
) -> Iterator[Outcome]:
    """Grade, and write what is ready every few submissions."""
    pending: dict[str, _Pending] = {}
    ready: list[Entry] = []
    closed: list[Outcome] = []
    since = time.monotonic()

    def to_do() -> Iterator[Task]:
        for student in students:
            own = _digest(classroom, student)
            try:
                tasks = list(_tasks(classroom, assignment, digest, student, own))
            except OutOfReach as error:
                closed.append(_failed(student, Failure(str(error))))
                continue
            pending[student] = _Pending(own, tasks)
            for task in tasks:
                if (known := store.get(task.key)) is None:
                    yield task
                else:
                    take(task, known)

    def take(task: Task, graded: Graded) -> None:
        mine = pending.get(task.student)
        if mine is None:  # another notebook of this submission was given up
            return
        mine.graded.append(graded)
        if len(mine.graded) == len(mine.tasks):
            del pending[task.student]
            ready.append(
                Entry(task.student, mine.graded, {**_others(task.files), **assignment.files}, mine.digest, digest)
            )

    for task, result in run(to_do()):
        if isinstance(result, Failure):
            if pending.pop(task.student, None):
                yield _failed(task.student, result)
        else:
            store.put(result)
            take(task, result)
        if len(ready) >= COMMIT_EVERY or time.monotonic() - since > COMMIT_SECONDS:
            yield from _save(writer, ready, store)
            since = time.monotonic()
    yield from _save(writer, ready, store)
    yield from closed


def _save(writer: Writer, ready: list[Entry], store: Store) -> list[Outcome]:
    try:
        outcomes = writer.save(ready)
    except Exception as error:
        if not _is_of_one(error):
            raise
        outcomes = [_save_alone(writer, entry) for entry in ready]
    store.drop(graded.key for entry in ready for graded in entry.graded)
    ready.clear()
    return outcomes


def _save_alone(writer: Writer, entry: Entry) -> Outcome:
    try:
        return writer.save([entry])[0]
    except Exception as error:
        if not _is_of_one(error):
            raise
        return _failed(entry.student, Failure(f"{type(error).__name__} when it was written: {error!s:.300}"))


def _is_of_one(error: Exception) -> bool:
    """Whether one submission cannot be written, and the others can; not so with a full disk or a lost database."""
    return not isinstance(error, OSError | OperationalError) or (
        isinstance(error, OSError) and error.errno in OF_THE_NAME
    )


def _put_by(
    classroom: Classroom, assignment: Assignment, digest: str, students: Iterable[str], run: Engine, store: Store
) -> Iterator[Graded | Outcome]:
    """As a shard: results go to the store, and a run without shards enters them; failures are told."""
    closed: list[Outcome] = []

    def to_do() -> Iterator[Task]:
        for student in students:
            try:
                tasks = list(_tasks(classroom, assignment, digest, student, _digest(classroom, student)))
            except OutOfReach as error:
                closed.append(_failed(student, Failure(str(error))))
                continue
            yield from (task for task in tasks if task.key not in store)

    for task, result in run(to_do()):
        if isinstance(result, Failure):
            yield _failed(task.student, result)
        else:
            store.put(result)
            yield result
    yield from closed


def _tasks(classroom: Classroom, assignment: Assignment, digest: str, student: str, own: str) -> Iterator[Task]:
    """One for each notebook of the assignment, whether it was handed in or not; `own` is the submission's digest.

    Raises:
        OutOfReach: the submission cannot be read.
    """
    home = classroom.submission(student)
    key = f"{digest} {own} {student}"
    fixed = [*assignment.files, *(f"{notebook.name}.ipynb" for notebook in assignment.notebooks)]
    files, too_much = collect(home, assignment.max_bytes, fixed)
    for notebook in assignment.notebooks:
        refusal, name = too_much, f"{notebook.name}.ipynb"
        try:
            content = {name: find_submission(home / name, assignment.max_bytes)}
        except Unreadable as reason:
            content, refusal = {}, str(reason)
        named = hashlib.sha256(f"{key} {notebook.name}".encode()).hexdigest()
        yield Task(student, notebook.name, {**files, **content}, refusal, named)


def _others(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if not name.endswith(".ipynb")}


def _is_graded(classroom: Classroom, student: str, digest: str, entered: Entered) -> bool:
    known = classroom.outcome(student)
    return known is not None and known.assignment == digest and entered.holds(known)


def _obstacle(classroom: Classroom, student: str, entered: Entered) -> str:
    """Why this student's submission cannot be graded, through no fault of theirs; empty if it can."""
    if sentence := unfit(entered.directory, student, classroom.assignment):
        return sentence
    if student not in entered.students and not Autograder(config=classroom.config).create_student:
        return f"a name that the gradebook does not know: `nbgrader db student add {shlex.quote(student)}`"
    return ""


def _digest(classroom: Classroom, student: str) -> str:
    return digest_of(classroom.submission(student))


def _part(student: str, parts: int) -> int:
    """Which of the parts 1 … n a student belongs to, on every machine the same."""
    return int.from_bytes(hashlib.sha256(student.encode()).digest()[:8], "big") % parts + 1


def parse_shard(text: str) -> tuple[int, int]:
    """`2/8` → (2, 8).

    Raises:
        ValueError: it is no part of a whole.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError(f"--shard takes i/n with 1 ≤ i ≤ n, as in 2/8; got {text!r}")
    return int(found[1]), int(found[2])


def _failed(student: str, failure: Failure) -> Outcome:
    """Not noted: the next run tries again."""
    sentence = (
        f"Grading this submission was given up: {failure.sentence}. Look at it before you run it."
        if failure.poisoned
        else f"Not graded: {failure.sentence}"
    )
    return Outcome(student, 0.0, 0.0, remarks=(sentence,), failed=True)
