import colorsys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as peer

from course import augmentation as A

UNIT = st.floats(0, 1, width=32)


def test_rgb_shift_adds_to_each_channel_and_clamps(x, generator):
    shift = A.draw_rgb_shifts(len(x), 0.4, generator)
    found = A.rgb_shift(x, shift)
    for i in range(len(x)):
        for k in range(3):
            assert torch.equal(found[i, k], (x[i, k] + shift[i, k]).clamp(0, 1))
    assert shift.abs().max() <= 0.4


@settings(max_examples=60, deadline=None)
@given(UNIT, UNIT, UNIT)
def test_hsv_is_pythons(r, g, b):
    x = torch.tensor([r, g, b]).view(1, 3, 1, 1).double()
    h, s, v = A.rgb_to_hsv(x).flatten().tolist()
    expected = colorsys.rgb_to_hsv(*x.flatten().tolist())
    assert s == pytest.approx(expected[1], abs=1e-9)
    assert v == pytest.approx(expected[2], abs=1e-9)
    assert abs((h / 360 - expected[0] + 0.5) % 1 - 0.5) < 1e-9
    torch.testing.assert_close(A.hsv_to_rgb(A.rgb_to_hsv(x)), x, rtol=0, atol=1e-9)


def test_the_hue_turns_as_torchvisions(x, generator):
    share, none = torch.rand(len(x), generator=generator) - 0.5, torch.zeros(len(x))
    found = A.hue_saturation_value(x, 360 * share, none, none)
    for i, factor in enumerate(share.tolist()):
        torch.testing.assert_close(found[i], peer.adjust_hue(x[i], factor), rtol=0, atol=1e-5)


def test_hue_saturation_value_is_albumentations(x, monkeypatch):
    """Which counts hue in 2° and the rest in 1/255, and rounds in between: to 0.06, and 0.01 on average."""
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")
    albumentations = pytest.importorskip("albumentations", reason="in the bench extra")
    change = albumentations.HueSaturationValue((12, 12), (38, 38), (-26, -26), p=1)
    shifts = 24.0, 38 / 255, -26 / 255
    found = A.hue_saturation_value(x, *(torch.full((len(x),), s) for s in shifts))
    for picture, ours in zip(x, found, strict=True):
        levels = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        expected = torch.from_numpy(change(image=levels)["image"]).permute(2, 0, 1) / 255
        assert (ours - expected).abs().max() < 0.06
        assert (ours - expected).abs().mean() < 0.01


def test_hue_is_cyclic_and_the_rest_is_cut_off(x):
    n = len(x)
    turn, none = torch.linspace(-400, 400, n), torch.zeros(n)
    torch.testing.assert_close(
        A.hue_saturation_value(x, turn, none, none),
        A.hue_saturation_value(x, turn + 720, none, none),
        rtol=0,
        atol=1e-4,
    )
    torch.testing.assert_close(A.hue_saturation_value(x, none, none, none), x, rtol=0, atol=1e-6)
    assert torch.equal(A.hue_saturation_value(x, none, none, none - 2), torch.zeros_like(x))
    grey = A.hue_saturation_value(x, turn, none - 2, none)
    torch.testing.assert_close(grey, x.amax(1, keepdim=True).expand_as(x))


def test_channels_are_swapped_as_told(x, levels, generator):
    order = A.draw_orders(len(x), 3, generator)
    for given_ in (x, levels):
        found = A.channel_shuffle(given_, order)
        for i in range(len(x)):
            assert torch.equal(found[i], given_[i][order[i]])
    many = A.draw_orders(600, 3, generator)
    assert len({tuple(row) for row in many.tolist()}) == 6


def test_bad_input_is_named(x, levels):
    n = len(x)
    with pytest.raises(ValueError, match="divide by 255"):
        A.rgb_shift(levels, torch.zeros(n, 3))
    with pytest.raises(ValueError, match=r"shape \(9, 3\)"):
        A.rgb_shift(x, torch.zeros(n))
    with pytest.raises(ValueError, match="3 channels"):
        A.hue_saturation_value(x[:, :2], *[torch.zeros(n)] * 3)
    with pytest.raises(ValueError, match="permutation"):
        A.channel_shuffle(x, torch.zeros(n, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="low ≤ high"):
        A.draw_rgb_shifts(3, -1.0)
