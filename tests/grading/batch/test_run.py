"""Handing out, writing, going on: with an engine that grades by looking at nothing but the student's name."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from rich.console import Console
from sqlalchemy.exc import OperationalError
from traitlets.config import Config

from course.grading.batch import assignment, command, run, writer
from course.grading.batch.assignment import Assignment
from course.grading.batch.pool import Failure
from course.grading.batch.run import Plan, Store, autograde, parse_shard
from course.grading.batch.task import Graded, Task
from course.grading.batch.writer import Entry, Writer
from course.grading.classroom import CONFIG, Classroom, ClassroomError
from course.grading.diagnosis import Finding
from course.grading.handed_in import collect
from course.grading.provisioner import GradingProvisioner
from course.grading.sandbox.launch import Sandbox
from tests.grading.batch.conftest import Engine, hand_in, rows
from tests.grading.conftest import ASSIGNMENT, FILE


def test_rows_files_and_outcomes_are_written(fresh: Classroom) -> None:
    hand_in(fresh, "ada", "bob")
    heard: list[Any] = []
    tally = autograde(fresh, Plan(fresh.students()), engine=Engine(), report=heard.append)
    assert heard[0] == 2
    assert [o.student for o in tally.outcomes] == [o.student for o in heard[1:]]
    assert rows(fresh) == {"ada": (1.0, True), "bob": (1.0, True)}
    folder = fresh.folder / "autograded" / "ada" / ASSIGNMENT
    assert {p.name for p in folder.iterdir()} == {FILE, "data", "timestamp.txt"}
    assert (folder / "data/notes.txt").read_text() == "ada"
    outcome = fresh.outcome("ada")
    assert outcome is not None
    assert (outcome.score, outcome.waiting, outcome.failed) == (1.0, 4.0, False)
    assert not list((fresh.folder / run.STORE).rglob("*.json")), "what is entered need not be kept twice"
    with Gradebook(f"sqlite:///{fresh.folder}/gradebook.db") as gradebook:
        comments = {
            c.name: c.auto_comment for n in gradebook.find_submission(ASSIGNMENT, "ada").notebooks for c in n.comments
        }
    assert comments["gd_step"] == "No response."
    assert comments["train"] is None


def test_what_cannot_be_written_is_told_and_the_others_are(fresh: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(fresh, "ada", "bob", "eve")
    (fresh.folder / "submitted/eve" / ASSIGNMENT / "timestamp.txt").write_text("soon")
    shutil.rmtree(fresh.folder / "submitted/ada" / ASSIGNMENT)
    (fresh.folder / "submitted/ada" / ASSIGNMENT).mkdir()
    honest = Writer._files

    def files(self: Writer, entry: Entry) -> None:
        if entry.student == "bob":
            raise UnicodeError("no file can take this")
        honest(self, entry)

    monkeypatch.setattr(Writer, "_files", files)
    tally = autograde(fresh, Plan(fresh.students()), engine=Engine())
    said = {o.student: o.reason for o in tally.outcomes if o.failed}
    assert "UnicodeError when it was written: no file can take this" in said["bob"]
    assert set(rows(fresh)) >= {"ada", "eve"}
    assert [fresh.outcome(name) is None for name in ("ada", "bob", "eve")] == [False, True, False]


def test_what_is_graded_is_left_alone_until_it_changes(fresh: Classroom) -> None:
    hand_in(fresh, "ada", "bob")
    autograde(fresh, Plan(fresh.students()), engine=Engine())
    engine = Engine()
    assert autograde(fresh, Plan(fresh.students()), engine=engine).skipped == ["ada", "bob"]
    assert engine.asked == []
    (fresh.folder / "submitted/ada" / ASSIGNMENT / "data/notes.txt").write_text("changed")
    autograde(fresh, Plan(fresh.students()), engine=engine)
    assert engine.asked == ["ada"]
    autograde(fresh, Plan(fresh.students(), again=True), engine=engine)
    assert engine.asked == ["ada", "ada", "bob"]


def test_a_changed_assignment_is_graded_anew(fresh: Classroom) -> None:
    hand_in(fresh, "ada")
    autograde(fresh, Plan(["ada"]), engine=Engine())
    (fresh.folder / "source" / ASSIGNMENT / "data.csv").write_text("1,2")
    engine = Engine()
    autograde(fresh, Plan(["ada"]), engine=engine)
    assert engine.asked == ["ada"]
    assert (fresh.folder / "autograded/ada" / ASSIGNMENT / "data.csv").exists()


def test_a_person_s_score_survives_another_run(fresh: Classroom) -> None:
    hand_in(fresh, "ada")
    autograde(fresh, Plan(["ada"]), engine=Engine())
    with Gradebook(f"sqlite:///{fresh.folder}/gradebook.db") as gradebook:
        grade = gradebook.find_grade("question-why", "descent", ASSIGNMENT, "ada")
        grade.manual_score, grade.needs_manual_grade = 3.0, False
        gradebook.db.commit()
    autograde(fresh, Plan(["ada"], again=True), engine=Engine())
    assert rows(fresh) == {"ada": (4.0, True)}


@pytest.mark.parametrize("at", [0, 1, 3])
def test_an_interrupted_run_loses_nothing_and_repeats_nothing(at: int, fresh: Classroom) -> None:
    hand_in(fresh, "ada", "bob", "cyd", "dan")
    first = Engine()
    first.stop_after = at
    with pytest.raises(KeyboardInterrupt):
        autograde(fresh, Plan(fresh.students()), engine=first)
    second = Engine()
    autograde(fresh, Plan(fresh.students()), engine=second)
    assert sorted(first.asked + second.asked) == ["ada", "bob", "cyd", "dan"]
    assert len(rows(fresh)) == 4


@pytest.mark.parametrize("step", ["_rows", "_files", "note"])
def test_a_run_that_dies_while_it_writes_is_taken_up(
    step: str, fresh: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(fresh, "ada", "bob")
    owner = Classroom if step == "note" else run.Writer
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            autograde(fresh, Plan(fresh.students()), engine=Engine())
    engine = Engine()
    autograde(fresh, Plan(fresh.students()), engine=engine)
    assert engine.asked == [], "the work was done already, and was kept"
    assert rows(fresh) == {"ada": (1.0, True), "bob": (1.0, True)}
    assert all(fresh.outcome(name) for name in ("ada", "bob"))


def test_a_gradebook_that_somebody_else_keeps_is_said_and_nothing_is_lost(
    fresh: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(fresh, "ada", "bob")

    def locked(*_: object) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))

    with monkeypatch.context() as patch:
        patch.setattr(run.Writer, "_rows", locked)
        with pytest.raises(ClassroomError, match=r"database is locked.*What is graded is kept.*goes on from there"):
            autograde(fresh, Plan(fresh.students()), engine=Engine())
    engine = Engine()
    autograde(fresh, Plan(fresh.students()), engine=engine)
    assert engine.asked == []
    assert rows(fresh) == {"ada": (1.0, True), "bob": (1.0, True)}


@pytest.mark.parametrize("left", [None, b""])
def test_a_gradebook_that_is_gone_is_not_made_anew(left: bytes | None, fresh: Classroom) -> None:
    hand_in(fresh, "ada")
    place = fresh.folder / "gradebook.db"
    place.unlink()
    if left is not None:
        place.write_bytes(left)
    with pytest.raises(ClassroomError, match=r"gradebook\.db is (empty|not there): put it back from a copy"):
        autograde(fresh, Plan(["ada"]), engine=Engine())
    assert left is not None or not place.exists()


def test_a_writer_waits_for_who_else_writes(fresh: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(fresh, "ada")
    monkeypatch.setattr(writer, "LOCKED_SECONDS", 60)
    other = sqlite3.connect(fresh.folder / "gradebook.db", isolation_level=None, check_same_thread=False)
    honest, waited = Writer._rows, []

    def rows_while_it_is_locked(self: Writer, entry: Entry) -> Any:
        other.execute("BEGIN IMMEDIATE")
        # Longer than sqlite waits by itself.
        timer = threading.Timer(6, lambda: (waited.append(True), other.execute("ROLLBACK")))
        timer.start()
        return honest(self, entry)

    monkeypatch.setattr(Writer, "_rows", rows_while_it_is_locked)
    assert [o.failed for o in autograde(fresh, Plan(["ada"]), engine=Engine()).outcomes] == [False]
    assert waited
    assert rows(fresh) == {"ada": (1.0, True)}
    other.close()


def test_settings_that_stop_are_said(fresh: Classroom, capsys: pytest.CaptureFixture[str]) -> None:
    (fresh.folder / CONFIG).write_text("c = get_config()\nc.x = (\n")
    with pytest.raises(SystemExit):
        command.main(ASSIGNMENT, fresh.folder, [], 1, True, None, None, None)
    assert "nbgrader_config.py, line 2 stops with SyntaxError" in " ".join(capsys.readouterr().out.split())


def test_a_folder_s_name_that_is_no_text_ends_no_run(fresh: Classroom, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(fresh, "ada")
    folder = fresh.folder / "submitted"
    for odd in (b"M\xfcller", b"\x1b[31mred\n", b"-rf [*] $(id) {x} \xc3\xbc"):
        shutil.copytree(folder / "ada", folder / os.fsdecode(odd))
    tally = autograde(fresh, Plan(fresh.students()), engine=Engine())
    control, bad = [o for o in tally.outcomes if o.failed]
    assert "at which nbgrader stops: rename the student's folder" in control.reason
    assert "rename the student's folder" in bad.reason
    assert set(rows(fresh)) == {"ada", "-rf [*] $(id) {x} ü"}
    json.dumps(command.row(bad), ensure_ascii=False).encode()
    command._failures(Console(), tally)
    assert "M\N{REPLACEMENT CHARACTER}ller: " in capsys.readouterr().out


def test_poison_is_put_aside_and_said(fresh: Classroom) -> None:
    hand_in(fresh, "ada", "poison")
    tally = autograde(fresh, Plan(fresh.students()), engine=Engine())
    (bad,) = [o for o in tally.outcomes if o.failed]
    assert "given up: it ended 3 processes" in bad.reason
    assert fresh.outcome("poison") is None, "the next run tries again"
    assert set(rows(fresh)) == {"ada"}


@pytest.mark.parametrize("poisoned", [("descent",), ("second",), ("descent", "second")])
def test_of_several_notebooks_one_that_is_given_up_gives_up_the_submission_once(
    poisoned: tuple[str, ...], fresh: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = run._load(fresh)
    two = replace(honest, notebooks=(*honest.notebooks, replace(honest.notebooks[0], name="second")))
    monkeypatch.setattr(run, "_load", lambda _: two)

    class Picky(Engine):
        def graded(self, task: Task, assignment: Assignment) -> Graded | Failure:
            return Failure("lost") if task.notebook in poisoned else super().graded(task, assignment)

    hand_in(fresh, "ada")
    (bad,) = autograde(fresh, Plan(["ada"]), engine=Picky()).outcomes
    assert bad.failed
    assert rows(fresh) == {}


def test_a_shard_says_what_it_gave_up(fresh: Classroom) -> None:
    hand_in(fresh, "ada", "poison")
    tally = autograde(fresh, Plan(fresh.students(), shard=(1, 1)), engine=Engine())
    assert tally.stored == 1
    assert [(o.student, o.failed) for o in tally.outcomes] == [("poison", True)]


def test_shards_share_the_work_and_one_run_enters_it(fresh: Classroom) -> None:
    names = [f"student{i}" for i in range(12)]
    hand_in(fresh, *names)
    engines = [Engine() for _ in range(3)]
    for i, engine in enumerate(engines, 1):
        assert autograde(fresh, Plan(names, shard=(i, 3)), engine=engine).stored == len(engine.asked)
    assert sorted(name for engine in engines for name in engine.asked) == sorted(names)
    assert sum(bool(engine.asked) for engine in engines) == 3
    assert rows(fresh) == {}
    again = Engine()
    autograde(fresh, Plan(names, shard=(1, 3)), engine=again)
    last = Engine()
    assert len(autograde(fresh, Plan(names), engine=last).outcomes) == 12
    assert again.asked == last.asked == []
    assert len(rows(fresh)) == 12


def test_again_means_what_shards_have_left_too(fresh: Classroom) -> None:
    hand_in(fresh, "ada")
    autograde(fresh, Plan(["ada"], shard=(1, 1)), engine=Engine())
    engine = Engine()
    autograde(fresh, Plan(["ada"], again=True), engine=engine)
    assert engine.asked == ["ada"]
    assert not list((fresh.folder / run.STORE).rglob("*.json"))


def test_a_damaged_result_of_a_shard_is_graded_again(fresh: Classroom) -> None:
    hand_in(fresh, "ada")
    autograde(fresh, Plan(["ada"], shard=(1, 1)), engine=Engine())
    (kept,) = (fresh.folder / run.STORE).rglob("*.json")
    kept.write_text(kept.read_text()[:-20])
    engine = Engine()
    autograde(fresh, Plan(["ada"]), engine=engine)
    assert engine.asked == ["ada"]


def test_a_result_under_another_s_name_is_not_taken(fresh: Classroom) -> None:
    hand_in(fresh, "ada", "bob")
    autograde(fresh, Plan(["ada", "bob"], shard=(1, 1)), engine=Engine())
    first, second = sorted((fresh.folder / run.STORE).rglob("*.json"))
    second.write_text(first.read_text())
    assert Store(fresh).get(second.stem) is None


@pytest.mark.slow
def test_a_thousand_submissions(fresh: Classroom) -> None:
    home = fresh.submit("s0000", {FILE: "{}"})
    names = [f"s{i:04}" for i in range(1_000)]
    for name in names[1:]:
        shutil.copytree(home, fresh.folder / "submitted" / name / ASSIGNMENT)
    tally = autograde(fresh, Plan(fresh.students()), engine=Engine())
    assert len(tally.outcomes) == len(rows(fresh)) == 1_000
    assert {o.score for o in tally.outcomes} == {1.0}
    assert autograde(fresh, Plan(fresh.students()), engine=Engine()).skipped == names


def test_two_runs_at_once_are_refused(fresh: Classroom) -> None:
    hand_in(fresh, "ada")
    with run.FileLock(fresh.folder / run.LOCK), pytest.raises(ClassroomError, match="another `course autograde`"):
        autograde(fresh, Plan(["ada"]), engine=Engine())


def test_an_assignment_that_was_not_released_is_said_so(fresh: Classroom) -> None:
    with pytest.raises(ClassroomError, match="nbgrader generate_assignment 99_none"):
        autograde(Classroom(fresh.folder, "99_none"), Plan(["ada"]), engine=Engine())


def test_without_a_sandbox_nothing_is_graded(fresh: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GradingProvisioner, "sandbox", lambda _: None)
    with pytest.raises(ClassroomError, match="without a sandbox"):
        autograde(fresh, Plan(["ada"]), engine=Engine())


def test_links_and_huge_files_are_not_collected(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the instructor")
    home = tmp_path / "home"
    (home / "sub").mkdir(parents=True)
    (home / "a.txt").write_text("a")
    (home / "huge.bin").write_bytes(b"x" * 100)
    (home / "link").symlink_to(tmp_path / "secret")
    (home / "sub/folder").symlink_to(tmp_path)
    assert collect(home, 50) == ({"a.txt": b"a"}, "")


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_is_a_part_of_a_whole(text: str) -> None:
    assert parse_shard("2/8") == (2, 8)
    with pytest.raises(ValueError, match="--shard takes i/n"):
        parse_shard(text)


def test_late_submissions_pay_what_the_class_has_set(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GradingProvisioner, "sandbox", lambda _: Sandbox("landlock"))
    settings = Config(LateSubmissionPlugin={"penalty_method": "zero"})
    late = Classroom(shutil.copytree(template, tmp_path / "class"), ASSIGNMENT, settings)
    with Gradebook(f"sqlite:///{late.folder}/gradebook.db") as gradebook:
        gradebook.update_or_create_assignment(ASSIGNMENT, duedate="2020-01-01 00:00:00 UTC")
    hand_in(late, "ada")
    autograde(late, Plan(["ada"]), engine=Engine())
    with Gradebook(f"sqlite:///{late.folder}/gradebook.db") as gradebook:
        (notebook,) = gradebook.find_submission(ASSIGNMENT, "ada").notebooks
        assert notebook.late_submission_penalty == 1.0


def test_results_survive_their_file() -> None:
    graded = Graded("ada", "n", "k", "{}", {"a": None, "b": 1.0}, ("a",), (Finding("x.y", "passed", 1, 1),), ("r",))
    assert Graded.from_json(json.dumps(json.loads(graded.to_json()))) == graded


def test_other_code_of_the_course_is_another_assignment(
    fresh: Classroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "check").mkdir()
    (tmp_path / "check" / "judge.py").write_text("PATIENCE = 1\n")
    monkeypatch.setattr(assignment.course, "__file__", str(tmp_path / "__init__.py"))
    digests = []
    for code in ("PATIENCE = 1\n", "PATIENCE = 2\n", "PATIENCE = 1\n"):
        (tmp_path / "check" / "judge.py").write_text(code)
        assignment._code.cache_clear()
        digests.append(run._load(fresh).digest)
    assignment._code.cache_clear()
    assert digests[0] == digests[2] != digests[1]


class Walls:
    """A fork server as far as it is asked whether it can be used."""

    def __init__(self, method: str) -> None:
        self.method, self.closed = method, False

    def serves(self, sandbox: Sandbox) -> bool:
        return sandbox.method == self.method

    def close(self) -> None:
        self.closed = True


def test_a_server_within_other_walls_makes_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "ForkServer", lambda sandbox, warm: nullcontext((sandbox.method, warm)))
    sandbox, fit, other = Sandbox("bubblewrap"), Walls("bubblewrap"), Walls("landlock")
    with ExitStack() as stack:
        assert run._server(sandbox, stack, fit) is fit
        assert run._server(sandbox, stack, other) == ("bubblewrap", run.WARM)
        assert run._server(sandbox, stack, None) == ("bubblewrap", run.WARM)
    assert (fit.closed, other.closed) == (False, True)
