"""Hints in stages: what unlocks which, and that a graded class sees none of it."""

from __future__ import annotations

import ast
import html
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from course import exercises
from course.check import CheckFailed, check
from course.check.challenge import Entry
from course.check.judge import Verdict
from course.study import book, code, hint, hints, hints_off

EVERY = (*exercises.every(), *(c for s in exercises.sections() for c in exercises.challenges(s)))
WRONG = ("w + lr * grad", "w - grad", "lr * grad", "w * grad")


def written(tmp_path: Path, body: str, name: str = "gd_step", arguments: str = "w, grad, lr") -> Callable[..., Any]:
    """A function as somebody writes it into a file or a cell, so that its source can be read."""
    file = tmp_path / f"cell_{abs(hash(body))}.py"
    file.write_text(f'def {name}({arguments}):\n    """Mine."""\n    {body}\n', encoding="utf-8")
    namespace: dict[str, Any] = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), namespace)
    return namespace[name]


@pytest.fixture
def attempt(tmp_path: Path) -> Callable[[str], Callable[..., Any]]:
    return lambda expression: written(tmp_path, f"return {expression}")


def visible(card: Any) -> str:
    """The text of an HTML report or card."""
    return html.unescape(re.sub(r"<[^>]+>", " ", card._repr_html_() if hasattr(card, "_repr_html_") else card.html()))


# ------------------------------------------------------------------------------------------------ what they say


@pytest.mark.parametrize("exercise", EVERY, ids=[e.name for e in EVERY])
def test_each_hint_says_something_and_gives_the_next_away_not(exercise):
    assert 30 < len(exercise.idea) < 420
    assert len(re.findall(r"[.?!:](?:\s|$)", exercise.idea)) <= 5
    assert not re.search(r"[=←]|torch\.|F\.", exercise.idea), "an idea holds no code"
    lines = hints.pseudocode(exercise).splitlines()
    assert 1 <= len(lines) <= 12
    assert max(map(len, lines)) <= 100
    with pytest.raises(SyntaxError):
        ast.parse(hints.pseudocode(exercise))  # not to be pasted
    own = code.answer(exercise)
    assert ast.parse(own).body[0].name == exercise.function
    assert '"""' not in own
    assert "noqa" not in own
    assert len(own.splitlines()) <= 40


# ------------------------------------------------------------------------------------------------ what unlocks them


def test_attempts_unfold_one_hint_after_the_other(attempt):
    name, exercise = "descent.gd_step", exercises.get("descent.gd_step")
    folded = []
    for expression in (WRONG[0], WRONG[0], WRONG[1], WRONG[2]):
        report = check(name, attempt(expression))
        folded.append([s for s in re.findall(r"<summary[^>]*>(.*?)</summary>", report.html()) if "Hint" in s])
    assert [len(f) for f in folded] == [1, 1, 2, 2], "running the same code again is no attempt"
    assert exercise.idea[:30] in visible(report)
    assert "hint(" in report.text()
    assert repr(report) == "0.0"


def test_a_stub_and_a_right_answer_are_offered_one_line(attempt):
    for expression in ("w - lr * grad", None):
        function = attempt(expression) if expression else exercises.get("descent.gd_step").stub
        report = check("descent.gd_step", function)
        assert "<details" not in report.hints[0]
        assert report.hints[1].count("\n") == 0
        assert "hint(" in report.hints[1]


def test_code_that_was_handed_out_is_no_attempt(monkeypatch):
    hunts = [e for e in exercises.every() if e.given]
    assert hunts
    for exercise in hunts:
        failed = Verdict(exercise, "failed", ("runs",), seed=0)  # running it would take seconds
        monkeypatch.setattr("course.check.verdict", lambda *_, failed=failed: failed)
        report = check(exercise.name, exercise.given.implementation)
        assert "<details" not in report.hints[0]
        assert book.read() == {}
        assert "<details" in check(exercise.name, exercise.reference).hints[0], "anything else is an attempt"


def test_on_request_come_idea_and_pseudocode_at_once():
    shown, exercise = hint("descent.momentum_step"), exercises.get("descent.momentum_step")
    assert exercise.idea in visible(shown)
    assert "Δ ← α · Δ + ∇L" in shown._repr_html_().split("<details")[1]
    assert "return w - lr * delta" not in visible(shown)
    assert book.read() == {}, "asking costs nothing"


def test_the_solution_comes_at_the_second_request(attempt):
    mine = attempt(WRONG[0])
    first, second = hint("descent.gd_step", mine), hint("descent.gd_step", mine)
    assert "run the cell again" in repr(first)
    assert "w - lr * grad" not in visible(first)
    assert "w - lr * grad" in re.sub(r"\s+", " ", visible(second))
    assert WRONG[0] in re.sub(r"\s+", " ", visible(second))
    assert "Mine." not in visible(second)
    assert book.read()["descent.gd_step"].solution


@pytest.mark.parametrize("tried", [WRONG[:3], ("w - lr * grad",)], ids=["three attempts", "passed"])
def test_or_at_once_after_three_attempts_or_a_pass(attempt, tried):
    for expression in tried:
        function = attempt(expression)
        check("descent.gd_step", function)
    assert "<table" in hint("descent.gd_step", function)._repr_html_()


def test_a_value_instead_of_a_function_and_an_unknown_name_are_explained():
    with pytest.raises(TypeError, match="Leave out the parentheses"):
        hint("descent.gd_step", 3)  # type: ignore[arg-type]
    with pytest.raises(exercises.UnknownExercise, match=r"descent\.gd_step"):
        hint("descent.gd_stp")


# ------------------------------------------------------------------------------------------------ when there are none


def test_while_nbgrader_runs_nothing_is_counted_offered_or_written(attempt, home, monkeypatch):
    for mode in ("autograde", "validate"):
        monkeypatch.setenv("NBGRADER_EXECUTION", mode)
        assert check("descent.gd_step", attempt("w - lr * grad")).hints == ("", "")
        with pytest.raises(CheckFailed):
            check("descent.gd_step", attempt(WRONG[0]))
        for _ in range(3):
            assert "uphill" not in repr(hint("descent.gd_step", attempt(WRONG[0])))
    assert not home.exists()


@pytest.mark.parametrize("how", ["call", "off", "OFF", "0", "no"])
def test_a_graded_class_gets_no_hints_but_keeps_its_progress(attempt, monkeypatch, how):
    monkeypatch.setenv("COURSE_HINTS", "" if how == "call" else how)
    if how == "call":
        hints_off()
    for expression in WRONG:
        report = check("descent.gd_step", attempt(expression))
        assert report.hints == ("", "")
    for arguments in ((), (attempt(WRONG[0]),)):
        assert repr(hint("descent.gd_step", *arguments)) == "Hints are switched off in this class."
    assert book.read()["descent.gd_step"].attempts == len(WRONG)


# ------------------------------------------------------------------------------------------------ code beside code


def test_lines_are_paired_and_differences_marked():
    left = "def f(x):\n    a = x + 1\n    return a"
    right = "def f(x):\n    a = x - 1  # down\n    b = 2\n    return a"
    assert [same for *_, same in code.rows(left, right)] == [True, False, False, True]
    shown = code.side_by_side(left, right)
    assert "a = x <b>+</b> 1" in shown
    assert "a = x <b>-</b> 1" in shown
    assert shown.count("<tr") == 5
    assert code.as_text(left, right).splitlines()[1].startswith("-")


def test_source_is_shown_as_text_whatever_is_in_it(tmp_path):
    evil = written(tmp_path, "return '<script>alert(1)</script>' & w")
    shown = code.side_by_side(code.bare(code.source_of(evil) or ""), "def gd_step(w):\n    return 1")
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


class Odd:
    """Callable, without a name, and angry when looked at."""

    def __call__(self, *_: Any) -> Any:
        return None

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_functions_without_a_source_get_a_right_answer_alone():
    namespace: dict[str, Any] = {}
    exec("def gd_step(w, grad, lr):\n    return w + lr * grad", namespace)
    for function in (namespace["gd_step"], Odd()):
        check("descent.gd_step", function)
        hint("descent.gd_step", function)
        shown = hint("descent.gd_step", function)
        assert "cannot be read" in repr(shown)
        assert "w - lr * grad" in repr(shown)


def test_a_class_of_a_notebook_is_found_through_its_methods(tmp_path):
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    cell = "class EarlyStopping:\n    def restore(self):\n        return 1\n\nother = 2"
    shell.run_cell(cell, store_history=True)
    cls = shell.user_ns["EarlyStopping"]
    for found in (code.source_of(cls), code._class_in_cell(cls)):
        assert found is not None
        assert found.strip().endswith("return 1")


def test_guards_and_docstrings_go_and_the_rest_stays():
    source = inspect.cleandoc('''
        def f(x: int) -> int:
            """Doc."""
            if x < 0:
                text = "no"
                raise ValueError(text)
            _check(x)
            if x == 1:
                return 2
            def g():
                """Inner."""
                return x
            return g()
    ''')
    assert code.bare(source, guards=True).splitlines() == [
        "def f(x: int) -> int:",
        "    if x == 1:",
        "        return 2",
        "    def g():",
        "        return x",
        "    return g()",
    ]
    assert "raise" in code.bare(source)
    assert code.bare('def f():\n    """Only a docstring."""').startswith("def f():")


def test_a_challenge_has_hints_and_progress_too(monkeypatch):
    challenge = exercises.get("recipe.best_recipe")
    reached = Entry(challenge, "partial", 4.0, "85 % right.", seed=0, score=0.85)
    monkeypatch.setattr("course.check.enter", lambda *_: reached)
    entry = check("recipe.best_recipe", challenge.reference)
    assert challenge.idea[:40] in visible(entry)
    assert entry.text().endswith('hint("recipe.best_recipe")')
    assert repr(entry) == "4.0"
    assert (book.read()["recipe.best_recipe"].status, book.read()["recipe.best_recipe"].points) == ("tried", 4.0)
