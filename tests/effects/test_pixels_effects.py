"""The experiments of section 01: what is measured, and how."""

from __future__ import annotations

import torch

from course.data import digits
from course.effects.pixels import common, fragile, single_pixel


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
