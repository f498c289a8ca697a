"""Answers become outputs that nbgrader scores: the judge's, whatever else came back."""

from __future__ import annotations

import importlib
import inspect
import re
import time
from dataclasses import replace
from typing import Any

import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import determine_grade

from course import exercises
from course.check.challenge import attempt, enter, measured
from course.check.evidence import plan, run
from course.check.report import VERDICT_MIME
from course.grading.verdict import inside, trusted
from course.grading.verdict.examination import Examination
from course.grading.verdict.trusted import Question
from course.grading.verdict.wire import encode

judge_module = importlib.import_module("course.check.judge")
EXERCISE = exercises.get("descent.gd_step")
SOURCE = 'check("descent.gd_step", gd_step)'
ABOUT = {"student": "ada", "assignment": "03_descent", "notebook": "descent"}


def cell_of(points: float = 1.0) -> Any:
    about = {"grade_id": "check-gd_step", "grade": True, "solution": False, "points": points, "locked": True}
    return new_code_cell(SOURCE, metadata={"nbgrader": about})


def examine(function: Any, points: float = 1.0, seed_shift: int = 0) -> tuple[Any, float]:
    """The test's cell after a function was asked, and what nbgrader scores."""
    cell = cell_of(points)
    exam = Examination(b"k" * 32, ABOUT, new_notebook(cells=[cell]))
    answer = inside.answer({"gd_step": function}, EXERCISE.name, "gd_step", exam.seed(cell) + seed_shift)
    cell.outputs = exam.judge(cell, [answer])
    return cell, determine_grade(cell)[0]


def test_a_right_function_earns_what_the_gradebook_gives() -> None:
    assert examine(EXERCISE.reference)[1] == 1.0
    cell, score = examine(EXERCISE.reference, points=5.0)
    assert score == 5.0
    assert cell.outputs[0].data[VERDICT_MIME]["max_points"] == 5.0


def test_half_of_the_points_for_a_side_effect() -> None:
    def in_place(w: torch.Tensor, grad: torch.Tensor, lr: float) -> torch.Tensor:
        return w - grad.mul_(lr)

    assert examine(in_place, points=4.0)[1] == 2.0


def test_a_mistake_earns_nothing_and_is_named() -> None:
    cell, score = examine(lambda w, grad, lr: w + lr * grad)
    assert score == 0
    assert cell.outputs[0].data[VERDICT_MIME]["misconception"] == "ascent"
    assert cell.outputs[1].ename == "CheckFailed"


def test_answers_to_other_inputs_earn_nothing() -> None:
    assert examine(EXERCISE.reference, seed_shift=1)[1] == 0


def test_two_answers_to_one_question_are_none() -> None:
    cell = cell_of()
    exam = Examination(b"k" * 32, ABOUT, new_notebook(cells=[cell]))
    right = encode(run(EXERCISE, EXERCISE.reference, plan(EXERCISE, exam.seed(cell))))
    cell.outputs = exam.judge(cell, [right, right])
    assert determine_grade(cell)[0] == 0
    assert "2 answers" in cell.outputs[0].evalue


@pytest.mark.parametrize("content", [b"", b"junk", encode([])])
def test_no_answer_earns_nothing(content: bytes) -> None:
    cell = cell_of()
    cell.outputs = Question.of(SOURCE).outputs(content, 3, 1.0)
    assert determine_grade(cell)[0] == 0
    assert "is no answer" in cell.outputs[0].evalue


def test_an_answer_that_breaks_the_judge_costs_its_author_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("by an answer nobody thought of")

    monkeypatch.setattr(trusted, "judge", broken)
    cell, score = examine(EXERCISE.reference)
    assert score == 0
    assert "could not be judged (ZeroDivisionError" in cell.outputs[0].evalue


def slow(w: torch.Tensor, grad: torch.Tensor, lr: float) -> torch.Tensor:
    time.sleep(0.15)
    return w - lr * grad


def test_on_a_busy_machine_the_right_answer_may_come_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the reference cut off like a student's function, right answers would be compared with none."""
    busy = replace(EXERCISE, reference=slow, seconds=0.05)
    seen = run(EXERCISE, EXERCISE.reference, plan(EXERCISE, 3))
    assert judge_module.judge(busy, 3, seen).status == "passed"
    monkeypatch.setattr(judge_module, "PATIENCE", 1.0)
    with pytest.raises(judge_module.TooBusy, match="too busy to compute the right answer"):
        judge_module.judge(busy, 3, seen)
    with pytest.raises(judge_module.TooBusy):
        Question(busy, "gd_step").outputs(encode(seen), 3, 1.0)


def test_judging_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: Any) -> Any:
        while True:
            pass

    monkeypatch.setattr(trusted, "judge", endless)
    monkeypatch.setattr(trusted, "JUDGE_SECONDS", 0.2)
    cell, score = examine(EXERCISE.reference)
    assert score == 0
    assert "more than 0.2 seconds" in cell.outputs[0].evalue


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 + 1", "must be check"),
        ("check('descent.gd_step', gd_step); x", "must be check"),
        ("check('descent.gd_step', lambda w: w)", "must be check"),
        ("check('descent.gd_step', gd_step, seed=3)", "must be check"),
        ("check('descent.gd_stp', gd_step)", "not installed here"),
        ("check(", "must be check"),
    ],
)
def test_a_cell_that_is_no_question_is_one_for_the_instructor(source: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Question.of(source)


def test_what_is_no_function_says_so() -> None:
    with pytest.raises(inside.NotAFunction, match="value of type int"):
        inside.answer({"gd_step": 3}, EXERCISE.name, "gd_step", 1)
    with pytest.raises(NameError, match="'gd_step' is not defined"):
        inside.answer({}, EXERCISE.name, "gd_step", 1)


def test_a_kernel_is_not_told_where_the_test_of_a_challenge_comes_from() -> None:
    task, seen = exercises.get("recipe.best_recipe"), list[int]()

    def peeking(x: Any, y: Any, budget: Any, generator: torch.Generator) -> Any:
        frame = inspect.currentframe()
        while frame is not None and not frame.f_code.co_name.startswith("test_"):
            seen.extend(v for v in frame.f_locals.values() if isinstance(v, int))
            frame = frame.f_back
        seen.append(generator.initial_seed())

    quick = replace(task, pack=lambda *_: {}, measure=lambda packed, generator: (0.0, str(generator.initial_seed())))
    cell = new_code_cell('check("recipe.best_recipe", best_recipe)')
    seed = Examination(b"s" * 32, ABOUT, new_notebook(cells=[cell])).seed(cell)
    told = int(re.search(r"(\d+)\)$", Question.of(cell.source).request(seed))[1])  # type: ignore[index]
    trained = attempt(quick, peeking, told)
    _, test = quick.score(trained.answer, seed)
    assert seed > 2**31  # too many to try them all
    assert told in seen
    assert not {seed, int(test)} & set(seen)
    assert measured(quick, trained, seed).row() == enter(quick, lambda *_: None, seed).row()
