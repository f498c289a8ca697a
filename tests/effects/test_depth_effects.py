"""The experiments of section 09: their claims hold with seeds that nobody chose, and could fail."""

from __future__ import annotations

import math
from functools import cache

import pytest
from matplotlib.colors import to_hex

from course.effects import Effect, Numbers, of_section
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION
from course.neutral import one_thread

EFFECTS = of_section("depth")
each = pytest.mark.parametrize("effect", EFFECTS, ids=[e.name for e in EFFECTS])


@cache
def numbers(effect: Effect, seed: int) -> Numbers:
    with one_thread():
        return effect.run(seed)


@each
def test_the_claim_holds(effect: Effect):
    rows = [numbers(effect, seed) for seed in (5, 4242, 1003)]
    assert effect.holds(rows), rows


@each
def test_equal_seeds_give_equal_numbers_and_others_differ(effect: Effect):
    """Times excepted."""
    first, again, other = numbers(effect, 5), effect.run(5), numbers(effect, 4242)
    kept = [name for name in first if not name.startswith("time")]
    assert [again[name] for name in kept] == [first[name] for name in kept]
    assert [other[name] for name in kept] != [first[name] for name in kept]


@each
def test_the_claim_could_fail(effect: Effect):
    """Strict: numbers five times larger or smaller, or missing ones, are not accepted."""
    good = numbers(effect, 4242)
    caught = 0
    for name, value in good.items():
        for other in (5 * value + 0.1, value / 5 - 0.1):
            caught += not effect.holds([{**good, name: other}])
    assert caught >= 2
    assert not effect.holds([dict.fromkeys(good, math.nan)])


@each
def test_the_picture_is_complete(effect: Effect):
    shown = effect.show(5)
    assert shown.figure is not None
    assert len(shown.alt) > 100
    assert any(c.isdigit() for c in shown.caption)
    assert len(shown.png()) < 120_000
    for axes in shown.figure.axes:
        assert axes.get_xlabel() or axes.get_ylabel()
        assert axes.get_title(loc="left")
        for line in axes.lines:
            assert to_hex(line.get_color()) in {c.lower() for c in (BLUE, GREEN, GREY, PINK, VERMILLION)}


@each
@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_nothing_is_run_while_grading(effect: Effect, mode: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    shown = Effect(effect.name, effect.claim, effect.run, effect.holds, lambda seed: pytest.fail("drawn"), 0).show()
    assert "not re-run while grading" in shown._repr_html_()
