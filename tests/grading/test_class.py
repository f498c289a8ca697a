"""A class through nbgrader: right scores, reasons that a person understands, and nobody stops the run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from traitlets.config import Config

from course.bench.hostile.forgers import FORGERS
from course.grading.classroom import Classroom, ClassroomError, Outcome
from course.grading.forkserver import ForkServer
from course.grading.roster import Student
from tests.grading.conftest import ASSIGNMENT, FILE, ROSTER, Notebooks

pytestmark = pytest.mark.slow


def earned(outcome: Outcome) -> set[str]:
    """Exercises with full points."""
    return {f.exercise.split(".")[1] for f in outcome.findings if f.points == f.max_points}


@pytest.mark.parametrize("name", ROSTER)
def test_everybody_of_the_roster_comes_out_as_they_must(
    name: str, graded: dict[str, Outcome], roster: dict[str, Student]
) -> None:
    assert roster[name].objections(graded[name]) == []


def test_the_roster_notices_a_wrong_outcome(graded: dict[str, Outcome], roster: dict[str, Student]) -> None:
    assert roster["solved"].objections(graded["blank"])
    assert roster["momentum_step-damped"].objections(graded["solved"])
    assert "was taken for as_handed_out" not in str(roster["train-as_handed_out"].objections(graded["blank"]))


def test_a_written_question_waits_for_a_person(graded: dict[str, Outcome]) -> None:
    assert (graded["solved"].waiting, graded["blank"].waiting) == (4, 0)
    assert graded["solved"].score == graded["solved"].max_score


def test_a_cell_that_ends_the_kernel_costs_nothing(graded: dict[str, Outcome]) -> None:
    outcome = graded["kernel-crashes"]
    assert outcome.score == outcome.max_score
    assert not outcome.failed


def test_a_function_that_kills_the_kernel_loses_its_own_points_only(graded: dict[str, Outcome]) -> None:
    outcome = graded["dies-in-check"]
    assert earned(graded["solved"]) - earned(outcome) == {"gd_step"}
    assert "SIGSEGV" in outcome.reason
    assert "while gd_step was being checked. What comes after ran in a new one." in outcome.reason


def test_after_three_new_kernels_there_is_none(graded: dict[str, Outcome]) -> None:
    outcome = graded["dies-always"]
    assert not outcome.score
    told = [f.sentence for f in outcome.findings]
    assert ["What comes after ran in a new one" in sentence for sentence in told[:4]] == [True, True, True, False]
    assert all("This check could not run: the kernel died (it left with exit code 3" in s for s in told[4:])


def test_an_endless_loop_between_the_exercises_costs_nothing(graded: dict[str, Outcome]) -> None:
    assert graded["endless-loop"].score == graded["endless-loop"].max_score


def test_a_loop_that_cannot_be_interrupted_costs_nothing(graded: dict[str, Outcome], classroom: Classroom) -> None:
    outcome = graded["deaf-loop"]
    assert outcome.score == outcome.max_score
    page = nbformat.read(classroom.folder / "autograded" / "deaf-loop" / ASSIGNMENT / FILE, as_version=4)
    assert "did not answer any more" in str(page)
    assert "ran in a new one, without this cell." in str(page)


def test_a_flood_of_output_is_cut(graded: dict[str, Outcome], classroom: Classroom) -> None:
    assert graded["flood"].score == graded["flood"].max_score
    page = classroom.folder / "feedback" / "flood" / ASSIGNMENT / "descent.html"
    assert page.stat().st_size < 8_000_000


@pytest.mark.parametrize("name", ["check-renamed", "check-generous"])
def test_what_a_notebook_calls_check_changes_nothing(name: str, graded: dict[str, Outcome]) -> None:
    assert graded[name].score == graded[name].max_score
    assert graded[name].findings == graded["solved"].findings


@pytest.mark.parametrize("name", FORGERS)
def test_whoever_did_no_work_earns_nothing(name: str, graded: dict[str, Outcome]) -> None:
    outcome = graded[name]
    assert (outcome.score, [f.points for f in outcome.findings]) == (0, [0] * 7), outcome.reason
    assert not outcome.failed
    assert not {f.status for f in outcome.findings} & {"passed", "partial"}


@pytest.mark.parametrize("name", ["tests-as-solutions", "tests-ungraded", "skip-execution"])
def test_metadata_of_the_file_cannot_raise_a_score(name: str, graded: dict[str, Outcome]) -> None:
    assert graded[name].score == 0
    assert len(graded[name].findings) == 7


def test_what_is_shown_and_judged_cannot_be_changed_later(graded: dict[str, Outcome], classroom: Classroom) -> None:
    """And whoever takes Python's own names, or imports what lies beside the notebook, loses nothing by it."""
    outcome = graded["meddler"]
    assert earned(graded["solved"]) - earned(outcome) == {"gd_step"}, outcome.reason
    assert "changes its argument grad in place" in outcome.reason
    notebook = nbformat.read(classroom.folder / "autograded" / "meddler" / ASSIGNMENT / FILE, as_version=4)
    outputs = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    assert "<b>shown</b>" in outputs
    assert "<script>" not in outputs
    nbformat.validate(notebook)


def test_deleted_cells_are_named(graded: dict[str, Outcome]) -> None:
    outcome = graded["cells-deleted"]
    assert len(earned(outcome)) == 5
    assert "The test of gd_step was deleted and was put back." in outcome.reason
    assert "gd_step is not defined: its cell was deleted." in outcome.reason


def test_missing_imports_are_explained(graded: dict[str, Outcome]) -> None:
    assert graded["imports-deleted"].score == 0
    assert "name 'descent' is not defined" in graded["imports-deleted"].reason


def test_metadata_of_any_shape_do_no_harm(graded: dict[str, Outcome]) -> None:
    assert graded["strange-metadata"].score == graded["strange-metadata"].max_score


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("not-a-notebook", "not a Jupyter notebook"),
        ("too-large", "at most 20 MB"),
        ("wrong-name", "the submission holds Untitled (3).ipynb"),
        ("empty-handed", "the submission is empty"),
    ],
)
def test_what_cannot_be_graded_says_so_everywhere(
    name: str, words: str, graded: dict[str, Outcome], classroom: Classroom
) -> None:
    assert graded[name].failed
    assert words in graded[name].reason
    page = classroom.folder / "feedback" / name / ASSIGNMENT / "descent.html"
    assert words in page.read_text(encoding="utf-8")
    assert page.stat().st_size < 1_000_000
    with Gradebook(f"sqlite:///{classroom.folder}/gradebook.db") as gradebook:
        submission = gradebook.find_submission(ASSIGNMENT, name)
        comments = [c.comment for n in submission.notebooks for c in n.comments if c.comment]
        assert (submission.score, submission.needs_manual_grade) == (0, False)
        assert any(words in comment for comment in comments)


def test_each_submission_has_feedback_that_shows_the_check(graded: dict[str, Outcome], classroom: Classroom) -> None:
    for name in graded:
        assert list((classroom.folder / "feedback" / name / ASSIGNMENT).glob("*.html")), name
    page = (classroom.folder / "feedback" / "momentum_step-damped" / ASSIGNMENT / "descent.html").read_text()
    assert "momentum with a (1 − α) factor" in page


def test_what_is_graded_is_known_until_a_student_hands_in_again(
    graded: dict[str, Outcome], classroom: Classroom, notebooks: Notebooks
) -> None:
    again = Classroom(classroom.folder, ASSIGNMENT)
    assert again.outcome("solved") == graded["solved"]
    classroom.submit("newcomer", {FILE: notebooks.solved})
    assert again.outcome("newcomer") is None
    assert "newcomer" in again.students()


def test_a_kernel_started_the_plain_way_gives_the_same(
    graded: dict[str, Outcome], classroom: Classroom, roster: dict[str, Student]
) -> None:
    name = "half-finished"
    plain = Classroom(classroom.folder, ASSIGNMENT, Config(GradingProvisioner={"fork": False}))
    plain.submit("half-finished-plain", roster[name].files())
    outcome = plain.grade("half-finished-plain")
    assert outcome.findings == graded[name].findings
    assert (outcome.score, outcome.waiting) == (graded[name].score, graded[name].waiting)


def test_nbgrader_itself_grades_in_the_folder(
    classroom: Classroom, roster: dict[str, Student], server: ForkServer
) -> None:
    """The command, with the folder's nbgrader_config.py; the server's address only saves importing torch again."""
    classroom.submit("by-command", roster["kernel-crashes"].files())
    solved = nbformat.from_dict(roster["solved"].files()[FILE])
    solved.metadata = nbformat.NotebookNode()  # as written by hand: without a kernel's name
    for name, content in (("by-command-2", "no notebook"), ("by-command-3", solved)):
        home = classroom.submit(name, {FILE: content})
        os.mkfifo(home / "pipe")
        (home / "timestamp.txt").write_text("soon")
    nbgrader = shutil.which("nbgrader", path=sysconfig.get_path("scripts"))
    assert nbgrader
    command = [nbgrader, "autograde", ASSIGNMENT, "--student", "by-command*", "--force"]
    command.append(f"--GradingProvisioner.address={server.address}")
    done = subprocess.run(command, cwd=classroom.folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with Gradebook(f"sqlite:///{classroom.folder}/gradebook.db") as gradebook:
        scores = [gradebook.find_submission(ASSIGNMENT, f"by-command{n}").code_score for n in ("", "-2", "-3")]
        assert scores == [17, 0, 17]
        (refused,) = gradebook.find_submission(ASSIGNMENT, "by-command-2").notebooks
        assert any("not a Jupyter notebook" in str(c.auto_comment) for c in refused.comments)
    for name in ("by-command-2", "by-command-3"):
        shutil.rmtree(classroom.folder / "submitted" / name)


def test_a_submission_appears_whole(classroom: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    classroom.submit("careful", {FILE: "first"})

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        classroom.submit("careful", {FILE: "second"})
    folder = classroom.folder / "submitted" / "careful" / ASSIGNMENT
    assert (folder / FILE).read_text() == "first"


@pytest.mark.parametrize("name", ["../teacher", "a b", "*", "", ".hidden"])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str, classroom: Classroom) -> None:
    with pytest.raises(ClassroomError, match="cannot be a student's name"):
        classroom.submit(name, {})


def test_a_folder_without_a_course_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClassroomError, match="no course directory"):
        Classroom(tmp_path, ASSIGNMENT)


def test_outcomes_survive_their_file(graded: dict[str, Outcome]) -> None:
    outcome = graded["kernel-crashes"]
    assert Outcome.from_json(outcome.to_json()) == outcome
    assert json.loads(outcome.to_json())["student"] == "kernel-crashes"


def test_the_autograded_notebook_is_one(graded: dict[str, Outcome], classroom: Classroom) -> None:
    for name in ("strange-metadata", "not-a-notebook", "test-duplicated"):
        path = classroom.folder / "autograded" / name / ASSIGNMENT / FILE
        nbformat.validate(nbformat.read(path, as_version=4))
