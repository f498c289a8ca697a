"""The experiments of section 01: their claims hold with seeds that nobody chose, and could fail."""

from __future__ import annotations

import math

import pytest
import torch

from course.data import digits
from course.effects import Effect, measure, of_section
from course.effects.pixels import common, fragile, nearest, single_pixel

EFFECTS = of_section("pixels")
each = pytest.mark.parametrize("effect", EFFECTS, ids=[e.name for e in EFFECTS])


def forget() -> None:
    for module in (fragile, nearest, single_pixel):
        module._experiment.cache_clear()


@each
def test_the_claim_holds(effect: Effect):
    (row,) = measure([effect], [4242])
    assert row["verdict"] == "holds", row["numbers"]


@pytest.mark.slow
@each
def test_the_claim_holds_over_seeds(effect: Effect):
    (row,) = measure([effect], [*range(3), *range(1000, 1003)])
    assert row["verdict"] == "holds", row["numbers"]


@each
def test_equal_seeds_give_equal_numbers_and_others_differ(effect: Effect):
    first = effect.run(4242)
    forget()
    assert effect.run(4242) == first
    assert effect.run(6) != first


@each
def test_the_claim_could_fail(effect: Effect):
    """Strict: numbers five times larger or smaller, or missing ones, are not accepted."""
    good = effect.run(4242)
    assert effect.holds([good])
    caught = 0
    for name, value in good.items():
        for other in (5 * value + 0.1, value / 5 - 0.1):
            caught += not effect.holds([good, {**good, name: other}])
    assert caught >= 5
    assert not effect.holds([dict.fromkeys(good, math.nan)])
    assert not effect.holds([dict.fromkeys(good, 0.5)])


@each
def test_the_picture_is_complete(effect: Effect):
    shown = effect.show(4242)
    assert shown.figure is not None
    assert len(shown.alt) > 100
    assert any(c.isdigit() for c in shown.caption)
    assert len(shown.png()) < 150_000
    for axes in shown.figure.axes:
        assert axes.get_xlabel() or axes.get_ylabel()
        assert axes.get_title(loc="left") or axes.get_label() == "<colorbar>"


def test_moving_a_picture_moves_its_pixels():
    x = torch.zeros(4, 1, 5, 7)
    x[:, 0, 2, 3] = 1
    moved = common.move(x, 2, torch.arange(4))
    assert [tuple(m.nonzero()[0, 1:].tolist()) for m in moved] == [(2, 5), (2, 1), (4, 3), (0, 3)]
    assert moved.sum() == 4
    colour = torch.rand(2, 3, 6, 4)
    right = common.move(colour, 1, torch.zeros(2, dtype=torch.long))
    torch.testing.assert_close(right[..., 1:], colour[..., :-1])
    torch.testing.assert_close(right[..., 0], colour[..., 0])  # the border goes on


def test_darkening_and_blurring_leave_values_that_8_bits_can_store():
    x = torch.rand(2, 3, 6, 4)
    for changed in (common.darken(x), common.blur(x)):
        torch.testing.assert_close((changed * 255).round() / 255, changed)
    flat = torch.full((1, 1, 5, 5), 100 / 255)
    torch.testing.assert_close(common.blur(flat), flat)


def test_a_single_pixel_that_tells_the_classes_apart_is_found():
    y = torch.tensor([0, 1, 2] * 20)
    x = torch.full((60, 4, 5), 0.5)
    x[:, 1, 2] = y / 2
    in_training, test = single_pixel.single_pixels(x, y, x, y)
    assert test.shape == (4, 5)
    assert test[1, 2] == in_training[1, 2] == 1
    assert ((test - 1 / 3).abs() < 1e-6).sum() == 19


def test_a_picture_that_did_not_change_is_not_lost():
    x, y = digits("test")
    same = fragile._compare(x, x, y)
    assert same == (0, 0, 0)
