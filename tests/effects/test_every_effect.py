"""Every experiment of every section: its claim holds with seeds that nobody chose, could fail, and is shown whole."""

from __future__ import annotations

import dataclasses
import math
import sys
from functools import cache

import pytest
from matplotlib.colors import to_hex

from course import effects
from course.effects import Effect, Numbers, measure
from course.effects.picture import BLUE, GREEN, GREY, PINK, VERMILLION
from course.neutral import one_thread

SEEDS = (1000, 4242)  # two, for the sake of time: `course effects` tries as many as you like
COLOURS = {colour.lower() for colour in (BLUE, GREEN, GREY, PINK, VERMILLION, "#000000", "#FFFFFF")}
EFFECTS = effects.every()
each = pytest.mark.parametrize("effect", EFFECTS, ids=[e.name for e in EFFECTS])
pytestmark = pytest.mark.slow


@cache
def numbers(effect: Effect, seed: int) -> Numbers:
    """One run; each is made once."""
    with one_thread():
        return effect.run(seed)


def reckoned(found: Numbers) -> Numbers:
    """Without what was read off a clock."""
    return {name: value for name, value in found.items() if not name.startswith("time")}


def forget() -> None:
    """Empty what experiments keep for their neighbours: models, data, runs."""
    for name, module in list(sys.modules.items()):
        if name.startswith("course.effects."):
            for thing in vars(module).values():
                if hasattr(thing, "cache_clear"):
                    thing.cache_clear()


@each
def test_the_claim_holds(effect: Effect):
    remembered = dataclasses.replace(effect, run=lambda seed: numbers(effect, seed))
    (row,) = measure([remembered], SEEDS)
    assert row["verdict"] == "holds", row["numbers"]


@each
def test_the_claim_could_fail(effect: Effect):
    """Strict: numbers five times larger or smaller, or missing ones, are not accepted."""
    rows = [numbers(effect, seed) for seed in SEEDS]
    assert effect.holds(rows)
    good, caught = rows[-1], 0
    for name, value in good.items():
        for other in (5 * value + 0.1, value / 5 - 0.1):
            caught += not effect.holds([*rows, {**good, name: other}])
    assert caught >= 2
    assert not effect.holds([dict.fromkeys(good, math.nan)])


@each
def test_the_picture_is_complete(effect: Effect):
    shown = effect.show(SEEDS[-1])
    assert shown.figure is not None
    assert len(shown.alt) > 100
    assert any(c.isdigit() for c in shown.caption)
    assert "nan" not in shown.caption
    assert len(shown.png()) < 400_000
    for axes in shown.figure.axes:
        assert axes.images or axes.lines or axes.get_xlabel() or axes.get_ylabel()
        assert axes.get_title(loc="left") or axes.images or axes.lines or axes.get_label() == "<colorbar>"
        for line in axes.lines:
            assert to_hex(line.get_color()) in COLOURS


@each
def test_other_seeds_give_other_numbers(effect: Effect):
    first, other = (numbers(effect, seed) for seed in SEEDS[-2:])
    assert reckoned(other) != reckoned(first)


@pytest.mark.parametrize("effect", EFFECTS[::8], ids=[e.name for e in EFFECTS[::8]])
def test_equal_seeds_give_equal_numbers(effect: Effect):
    """Every eighth: each costs another run."""
    first = numbers(effect, SEEDS[-1])
    forget()
    with one_thread():
        assert reckoned(effect.run(SEEDS[-1])) == reckoned(first)


@each
@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_nothing_is_run_while_grading(effect: Effect, mode: str, monkeypatch: pytest.MonkeyPatch):
    watched = dataclasses.replace(effect, draw=lambda seed: pytest.fail("drawn"))
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    assert "not re-run while grading" in watched.show()._repr_html_()
    monkeypatch.delenv("NBGRADER_EXECUTION")
    with pytest.raises(pytest.fail.Exception):
        watched.show()
