import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as peer

from course import augmentation as A


def test_flip_is_torchvisions_for_some_of_the_pictures(x, generator):
    flipped = A.draw_flips(len(x), 0.5, generator)
    assert 0 < flipped.sum() < len(x)
    found = A.flip(x, flipped)
    assert torch.equal(found[flipped], peer.horizontal_flip(x[flipped]))
    assert torch.equal(found[~flipped], x[~flipped])
    assert torch.equal(A.flip(found, flipped), x)


def test_pad_and_crop_is_torchvisions_at_each_place(x, generator):
    top, left = A.draw_crops(len(x), 4, generator)
    found = A.pad_and_crop(x, top, left, 4)
    for i in range(len(x)):
        assert torch.equal(found[i], peer.crop(peer.pad(x[i], [4] * 4), int(top[i]), int(left[i]), 21, 27))
    middle = torch.full((len(x),), 4)
    assert torch.equal(A.pad_and_crop(x, middle, middle, 4), x)


def test_rotate_is_torchvisions(x, generator):
    """Bilinear to 2e-5 of the range 0 … 1; nearest exactly, but for places between two pixels."""
    degrees = A.draw_degrees(len(x), 180, generator)
    smooth, nearest = A.rotate(x, degrees), A.rotate(x, degrees, "nearest")
    different = 0
    for i, angle in enumerate(degrees.tolist()):
        expected = peer.rotate(x[i], angle, InterpolationMode.BILINEAR)
        torch.testing.assert_close(smooth[i], expected, rtol=0, atol=2e-5)
        different += int((nearest[i] != peer.rotate(x[i], angle)).sum())
    assert different <= x.numel() * 1e-3


def test_rotate_is_pils(levels):
    found = A.rotate(levels, torch.tensor([0.0, 90, 180, 270, -90, 360, 33.3, 200, -12]), "nearest")
    for i, angle in enumerate([0.0, 90, 180, 270, -90, 360, 33.3, 200, -12]):
        picture = Image.fromarray(levels[i].permute(1, 2, 0).numpy())
        expected = torch.from_numpy(np.array(picture.rotate(angle, Image.Resampling.NEAREST))).permute(2, 0, 1)
        assert (found[i] != expected).float().mean() < 0.02, angle


def test_rotate_turns_counter_clockwise_and_keeps_the_size():
    x = torch.zeros(1, 1, 5, 5)
    x[0, 0, 2, 4] = 1  # at the right
    turned = A.rotate(x, torch.tensor([90.0]))
    assert turned.shape == x.shape
    assert turned[0, 0, 0, 2] > 0.999  # at the top


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.floats(-720, 720))
def test_rotating_keeps_what_is_far_from_the_corners(height, width, angle):
    x = torch.ones(2, 1, height, width)
    y = A.rotate(x, torch.full((2,), angle))
    assert (y <= 1 + 1e-5).all()
    assert torch.allclose(A.rotate(x, torch.zeros(2)), x)
    torch.testing.assert_close(y[0], y[1])


def test_masks_get_the_pictures_parameters_and_keep_their_ids(x, generator):
    mask = (x[:, :1] > x[:, :1].median()).long() * 7
    degrees = A.draw_degrees(len(x), 40, generator)
    moved = A.rotate(mask, degrees, "nearest")
    assert moved.dtype == torch.int64
    assert set(moved.unique().tolist()) <= {0, 7}
    assert torch.equal(moved.float(), A.rotate(mask.float(), degrees, "nearest"))


def test_draws_have_the_range_they_promise(generator):
    top, left = A.draw_crops(2000, 3, generator)
    assert set(top.tolist()) == set(left.tolist()) == set(range(7))
    degrees = A.draw_degrees(2000, 20, generator)
    assert degrees.abs().max() <= 20
    assert degrees.min() < -19
    assert degrees.max() > 19
    assert A.draw_flips(2000, 0.3, generator).float().mean().item() == pytest.approx(0.3, abs=0.05)
    assert not A.draw_flips(50, 0.0, generator).any()
    assert A.draw_flips(50, 1.0, generator).all()


def test_bad_input_is_named(x, levels):
    n = len(x)
    with pytest.raises(ValueError, match="batch of pictures"):
        A.flip(x[0], torch.tensor([True]))
    with pytest.raises(ValueError, match="one entry per picture"):
        A.flip(x, torch.ones(n + 1, dtype=torch.bool))
    with pytest.raises(ValueError, match="0 … 2·padding = 4"):
        A.pad_and_crop(x, torch.full((n,), 5), torch.zeros(n, dtype=torch.long), 2)
    with pytest.raises(ValueError, match="integer top and left"):
        A.pad_and_crop(x, torch.zeros(n), torch.zeros(n), 2)
    with pytest.raises(ValueError, match="floating-point pictures"):
        A.rotate(levels, torch.zeros(n))
    with pytest.raises(ValueError, match="mode must be"):
        A.rotate(x, torch.zeros(n), "bicubic")
    with pytest.raises(ValueError, match="one matrix per picture"):
        A.warp(x, torch.zeros(2, 3))
    with pytest.raises(ValueError, match="p must lie"):
        A.draw_flips(3, 2.0)


def test_an_empty_batch_stays_empty():
    x, none = torch.rand(0, 3, 5, 6), torch.zeros(0)
    for y in (A.rotate(x, none), A.flip(x, none), A.pad_and_crop(x, none.long(), none.long(), 2), A.randaugment(x)):
        assert y.shape == x.shape
