"""The experiments of section 07: their claims hold with seeds that nobody chose, and could fail."""

from __future__ import annotations

import math

import pytest
from matplotlib.colors import to_hex

from course.effects import Effect, measure, of_section
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION

EFFECTS = of_section("augmentation")
each = pytest.mark.parametrize("effect", EFFECTS, ids=[e.name for e in EFFECTS])


@each
def test_the_claim_holds(effect: Effect):
    (row,) = measure([effect], [4242])
    assert row["verdict"] == "holds", row["numbers"]


@pytest.mark.slow
@each
def test_the_claim_holds_over_seeds(effect: Effect):
    (row,) = measure([effect], [1, 2, 1000])
    assert row["verdict"] == "holds", row["numbers"]


@each
def test_equal_seeds_give_equal_numbers_and_others_differ(effect: Effect):
    first = effect.run(5)
    assert effect.run(5) == first
    assert effect.run(6) != first


@each
def test_the_claim_could_fail(effect: Effect):
    """Strict: numbers five times larger or smaller, or missing ones, are not accepted."""
    good = effect.run(1)
    assert effect.holds([good])
    caught = 0
    for name, value in good.items():
        for other in (5 * value + 0.1, value / 5 - 0.1):
            caught += not effect.holds([good, {**good, name: other}])
    assert caught >= 2
    assert not effect.holds([dict.fromkeys(good, math.nan)])


@each
def test_the_picture_is_complete(effect: Effect):
    shown = effect.show(3)
    assert shown.figure is not None
    assert len(shown.alt) > 100
    assert any(c.isdigit() for c in shown.caption)
    assert len(shown.png()) < 200_000
    for axes in shown.figure.axes:
        assert axes.get_xlabel() or axes.get_ylabel() or axes.images  # a gallery of pictures has no axes to name
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
