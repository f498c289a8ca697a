"""The experiments of section 06: their claims hold with seeds that nobody chose, and could fail."""

from __future__ import annotations

import math
from functools import cache

import pytest
from matplotlib.colors import to_hex

from course.effects import Effect, of_section
from course.effects.effect import Numbers
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION
from course.neutral import one_thread

EFFECTS = of_section("regularization")
each = pytest.mark.parametrize("effect", EFFECTS, ids=[e.name for e in EFFECTS])


@cache
def measured(effect: Effect, seed: int) -> Numbers:
    """One run, which several tests look at."""
    with one_thread():
        return effect.run(seed)


@each
def test_the_claim_holds(effect: Effect):
    rows = [measured(effect, seed) for seed in (5, 6, 1000)]
    assert effect.holds(rows), rows


@each
def test_equal_seeds_give_equal_numbers_and_others_differ(effect: Effect):
    first = measured(effect, 5)
    with one_thread():
        assert effect.run(5) == first
    assert measured(effect, 6) != first


@each
def test_the_claim_could_fail(effect: Effect):
    """Strict: numbers five times larger or smaller, or missing ones, are not accepted."""
    good, *others = (measured(effect, seed) for seed in (5, 6, 1000))
    caught = 0
    for name, value in good.items():
        for other in (5 * value + 0.1, value / 5 - 0.1):
            caught += not effect.holds([{**good, name: other}, *others])
    assert caught >= 2
    assert not effect.holds([dict.fromkeys(good, math.nan)])


@each
def test_the_picture_is_complete(effect: Effect):
    shown = effect.show(3)
    assert shown.figure is not None
    assert len(shown.alt) > 100
    assert any(c.isdigit() for c in shown.caption)
    assert len(shown.png()) < 120_000
    for axes in shown.figure.axes:
        assert axes.get_xlabel() or axes.get_ylabel()
        assert axes.get_title(loc="left") or axes.get_label() == "<colorbar>"
        for line in axes.lines:
            assert to_hex(line.get_color()) in {c.lower() for c in (BLUE, GREEN, GREY, PINK, VERMILLION, "#000000")}


@each
@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_nothing_is_run_while_grading(effect: Effect, mode: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    shown = Effect(effect.name, effect.claim, effect.run, effect.holds, lambda seed: pytest.fail("drawn"), 0).show()
    assert "not re-run while grading" in shown._repr_html_()
    monkeypatch.delenv("NBGRADER_EXECUTION")
    with pytest.raises(pytest.fail.Exception):
        Effect(effect.name, "", effect.run, effect.holds, lambda seed: pytest.fail("drawn"), 0).show()


def test_halving_the_kernels_before_batch_norm_changes_next_to_nothing():
    """Exactly nothing, were it not for the ε that batch norm adds to the variance."""
    (effect,) = [e for e in EFFECTS if e.name == "regularization.weight_decay"]
    assert measured(effect, 5)["change when kernels are halved"] < 1e-3
