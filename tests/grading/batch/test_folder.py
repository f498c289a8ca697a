"""Class folders as instructors have them: parts gone, closed, renamed, put back from a copy, on a full disk."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbgrader.converters import NbGraderException
from traitlets.config import Config

from course.files import write_rows
from course.grading import handed_in as reading
from course.grading.autograde import Autograder
from course.grading.batch import command, pool, run
from course.grading.batch.pool import Failure
from course.grading.batch.run import Plan, autograde
from course.grading.batch.task import Task
from course.grading.classroom import Classroom, ClassroomError
from tests.grading.batch.conftest import Engine, hand_in, rows
from tests.grading.conftest import ASSIGNMENT, FILE


def settings_of(classroom: Classroom, **settings: dict[str, Any]) -> Classroom:
    return Classroom(classroom.folder, ASSIGNMENT, Config(settings))


@pytest.mark.parametrize("left", ["nothing", "a file", "a closed folder"])
def test_an_assignment_s_files_that_are_gone_are_said_and_nobody_is_graded(
    left: str, fresh: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(fresh, "ada")
    source = fresh.folder / "source" / ASSIGNMENT
    if left == "a closed folder":
        walk = os.walk

        def closed(top: Any, *a: Any, onerror: Any = None, **k: Any) -> Iterator[Any]:
            if Path(top) == source and onerror:
                onerror(PermissionError(errno.EACCES, "Permission denied", str(source / "data")))
            return walk(top, *a, onerror=onerror, **k)

        monkeypatch.setattr(os, "walk", closed)
    else:
        shutil.rmtree(source)
        if left == "a file":
            source.write_text("")
    engine = Engine()
    with pytest.raises(ClassroomError, match=r"source/03_descent.*put it back from a copy, or make it readable"):
        autograde(fresh, Plan(["ada"]), engine=engine)
    directory = fresh.directory("ada")
    with pytest.raises(NbGraderException, match="put it back from a copy"):
        Autograder(coursedir=directory, config=fresh.config, log=fresh._log).start()
    assert engine.asked == []
    assert rows(fresh) == {}


def test_files_that_students_may_change_stay_theirs_and_an_empty_source_will_do(fresh: Classroom) -> None:
    hand_in(fresh, "ada")
    source, notes = fresh.folder / "source" / ASSIGNMENT, "data/notes.txt"
    (source / "data").mkdir()
    (source / notes).write_text("the instructor's")
    free = settings_of(fresh, Autograde={"exclude_overwriting": {ASSIGNMENT: [notes]}})
    for classroom, says in ((fresh, "the instructor's"), (free, "ada")):
        autograde(classroom, Plan(["ada"]), engine=Engine())
        assert (fresh.folder / "autograded/ada" / ASSIGNMENT / notes).read_text() == says
    shutil.rmtree(source)
    source.mkdir()
    (again,) = autograde(fresh, Plan(["ada"], again=True), engine=Engine()).outcomes
    assert not again.failed


@pytest.mark.parametrize("what", ["a file", "a folder"])
@pytest.mark.parametrize("shard", [None, (1, 1)])
def test_a_submission_that_is_closed_to_the_grader_costs_nobody_points(
    what: str, shard: tuple[int, int] | None, fresh: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(fresh, "ada", "bob")
    home = fresh.submission("ada")
    honest, walk = reading.read_regular, os.walk

    def read(home: Path, name: str, most: int) -> bytes:
        if what == "a file" and "ada" in home.parts and name == FILE:
            raise PermissionError(errno.EACCES, "Permission denied")
        return honest(home, name, most)

    def closed(top: Any, *a: Any, onerror: Any = None, **k: Any) -> Iterator[Any]:
        if what == "a folder" and Path(top) == home:
            if onerror:
                onerror(PermissionError(errno.EACCES, "Permission denied", str(top)))
            return iter(())
        return walk(top, *a, onerror=onerror, **k)

    with monkeypatch.context() as patch:
        patch.setattr(reading, "read_regular", read)
        patch.setattr(os, "walk", closed)
        tally = autograde(fresh, Plan(fresh.students(), shard=shard), engine=Engine())
    (bad,) = [o for o in tally.outcomes if o.failed]
    assert bad.student == "ada"
    assert f"{ASSIGNMENT}{'' if what == 'a folder' else '/' + FILE} cannot be read (Permission denied)" in bad.reason
    assert set(rows(fresh)) == (set() if shard else {"bob"})
    autograde(fresh, Plan(fresh.students()), engine=Engine())
    assert set(rows(fresh)) == {"ada", "bob"}


def test_what_is_no_submission_is_named_or_nobody_s(fresh: Classroom) -> None:
    hand_in(fresh, "ada", "excluded")
    top = fresh.folder / "submitted"
    for name in ("file", "link", ".hidden", "nothing", "x" * 250, "unknown"):
        (top / name).mkdir()
    (top / "file" / ASSIGNMENT).write_text("PK")
    (top / "link" / ASSIGNMENT).symlink_to("/etc")
    for name in (".hidden", "x" * 250, "unknown"):
        (top / name / ASSIGNMENT).mkdir()
    (top / "grades.csv").write_text("")
    (top / "loop").symlink_to("loop")
    autograde(fresh, Plan(["ada"]), engine=Engine())
    strict = settings_of(
        fresh, Autograde={"create_student": False}, CourseDirectory={"student_id_exclude": "excluded,other"}
    )
    assert strict.students() == ["ada", "file", "link", "unknown", "x" * 250]
    said = {o.student[:9]: o.reason for o in autograde(strict, Plan(strict.students()), engine=Engine()).outcomes}
    assert "which is no folder: put a folder with the notebook there" in said["file"]
    assert "which is a link, and links are not followed" in said["link"]
    assert "nbgrader db student add unknown" in said["unknown"]
    assert "more than 200 bytes" in said["x" * 9]
    assert set(rows(fresh)) == {"ada"}


def test_submissions_lie_where_the_class_has_them(fresh: Classroom) -> None:
    (fresh.folder / "submitted").mkdir()
    (fresh.folder / "submitted").rename(fresh.folder / "inbox")
    moved = settings_of(fresh, CourseDirectory={"submitted_directory": "inbox"})
    hand_in(moved, "ada")
    assert (fresh.folder / "inbox/ada" / ASSIGNMENT / FILE).is_file()
    assert [o.failed for o in autograde(moved, Plan(moved.students()), engine=Engine()).outcomes] == [False]


@pytest.mark.parametrize("lost", ["the gradebook's rows", "a later score", "the autograded notebook"])
def test_what_was_graded_and_is_gone_is_graded_again(lost: str, fresh: Classroom) -> None:
    hand_in(fresh, "ada", "bob")
    book = fresh.folder / "gradebook.db"
    if lost == "a later score":
        Better = type("Better", (Engine,), {"graded": lambda self, task, assignment: Failure("later")})
        autograde(fresh, Plan(["bob"]), engine=Engine())
        shutil.copy(book, fresh.folder / "copy")
        assert autograde(fresh, Plan(["ada"]), engine=Better()).outcomes[0].failed
    else:
        shutil.copy(book, fresh.folder / "copy")
    autograde(fresh, Plan(fresh.students()), engine=Engine())
    if lost == "the autograded notebook":
        shutil.rmtree(fresh.folder / "autograded/ada")
    else:
        shutil.copy(fresh.folder / "copy", book)
    engine = Engine()
    autograde(fresh, Plan(fresh.students()), engine=engine)
    assert engine.asked == (["ada", "bob"] if lost == "the gradebook's rows" else ["ada"])
    assert rows(fresh) == {"ada": (1.0, True), "bob": (1.0, True)}
    assert (fresh.folder / "autograded/ada" / ASSIGNMENT / FILE).is_file()


def test_a_full_disk_says_where_and_leaves_no_halves(fresh: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(fresh, "ada")
    honest = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if "autograded" in self.parts:
            raise OSError(errno.ENOSPC, "No space left on device")  # writing, unlike opening, knows no name
        return honest(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space") as caught:
            autograde(fresh, Plan(["ada"]), engine=Engine())
    assert f"autograded/ada/{ASSIGNMENT}: No space left on device. Nothing that is graded" in command._words(
        caught.value
    )
    assert list((fresh.folder / "autograded/ada").iterdir()) == []
    (fresh.folder / "autograded/ada" / f".{ASSIGNMENT}.4711.new").mkdir()  # what kill −9 leaves
    engine = Engine()
    autograde(fresh, Plan(["ada"]), engine=engine)
    assert engine.asked == []
    assert [p.name for p in (fresh.folder / "autograded/ada").iterdir()] == [ASSIGNMENT]


def test_what_a_whole_class_meets_is_said_once(
    fresh: Classroom, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(fresh, *(f"s{i}" for i in range(8)))

    class Full(Engine):
        def graded(self, task: Task, assignment: Any) -> Failure:
            place = f"/tmp/cv-task-{task.student}/descent.ipynb"
            return Failure(pool.sentence_of(OSError(errno.ENOSPC, "No space left on device", place)))

    monkeypatch.setattr(run, "_local", lambda assignment, sandbox, **_: Full()(assignment, sandbox))
    monkeypatch.setattr(run, "_server", lambda *_: None)
    monkeypatch.setenv("COLUMNS", "20")
    with pytest.raises(SystemExit):
        command.main(ASSIGNMENT, fresh.folder, [], 1, True, None, None, None)
    said = capsys.readouterr().out
    assert said.count("No space left on device") == 1
    assert "s0, s1, s2, s3, s4 and 3 more: Not graded: " in said
    assert "0 graded in" in said
    assert "8 not graded, which the same command tries again" in said
    assert rows(fresh) == {}


@pytest.mark.parametrize("name", ["", ".", "../x", "source/03_descent", "03_descent/", "*", "a\nb"])
def test_what_is_no_assignment_s_name_is_said(name: str, fresh: Classroom) -> None:
    with pytest.raises(ClassroomError, match=r"is no assignment's name: give that of its folder in source/"):
        Classroom(fresh.folder, name)


def test_an_assignment_nobody_has_handed_in_names_those_there_are(fresh: Classroom) -> None:
    hand_in(fresh, "ada")
    with pytest.raises(ClassroomError, match=r"nothing was handed in for week 3.*there is something for 03_descent"):
        command._chosen(Classroom(fresh.folder, "week 3"), [])


def test_a_released_notebook_that_is_gone_is_said(fresh: Classroom) -> None:
    shutil.rmtree(fresh.folder / "release")
    hand_in(fresh, "ada")
    assert not autograde(fresh, Plan(["ada"]), engine=Engine()).outcomes[0].failed, "grading needs none"
    with pytest.raises(ClassroomError, match=f"`nbgrader generate_assignment {ASSIGNMENT}` makes it"):
        fresh.notebook()


def test_a_terminal_without_our_characters_is_told_in_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", plain)
    write_rows([{"student": "Zoë"}], Path("-"))
    plain.seek(0)
    assert json.loads(plain.read()) == [{"student": "Zoë"}]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    program = "from course import cli; cli.app.command('say')(lambda: cli._print('✗ Zoë · fine')); cli.app()"
    said = subprocess.run([sys.executable, "-c", program, "say"], env=env, capture_output=True, text=True)
    assert (said.returncode, said.stdout) == (0, "? Zo? ? fine\n"), said.stderr
