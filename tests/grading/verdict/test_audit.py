"""`course audit` finds what it is made to find."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from course import exercises
from course.exercises.exercise import Case, Property
from course.grading.verdict.audit import audit

EXERCISE = exercises.get("descent.gd_step")


def holes(**changes: Any) -> set[str]:
    """Names of the impostors that earn points from an exercise spoilt in this way."""
    return {hole.impostor for hole in audit([replace(EXERCISE, **changes)], [1])}


def test_a_sound_exercise_has_no_holes() -> None:
    heard: list[str] = []
    assert audit([EXERCISE], [1, 2], heard.append) == []
    assert heard == ["descent.gd_step"] * 2


def test_a_judge_that_looks_at_nothing_lets_impostors_through() -> None:
    anything = Property("anything", lambda *_: None)
    found = holes(compare=False, properties=(anything,))
    assert {"zeros", "ones", "not a number", "replayed", "constant", "echo of input 1"} <= found
    assert "stub" not in found


def test_an_answer_that_is_always_zero_is_a_hole() -> None:
    assert "zeros" in holes(reference=lambda w, grad, lr: 0 * w, drive=lambda f, w, grad, lr: f(w, grad, lr))


def test_inputs_that_do_not_depend_on_the_seed_are_a_hole() -> None:
    case = Case("always this", (torch.ones(2), torch.ones(2), 0.1))
    assert "the reference" in holes(cases=lambda _: [replace(case, kind="hand"), case])


@pytest.mark.slow
@pytest.mark.parametrize("section", exercises.sections())
def test_no_exercise_has_holes(section: str) -> None:
    assert [str(hole) for hole in audit(exercises.of_section(section), [4711])] == []
