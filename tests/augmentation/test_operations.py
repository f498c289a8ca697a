"""The operations are torchvision's, within one level of 255; PIL's where both agree."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from torchvision.transforms.v2 import InterpolationMode, RandAugment
from torchvision.transforms.v2 import functional as peer

from course import augmentation as A
from course.augmentation import operations


def theirs(x, name, magnitude):
    change = RandAugment()
    found = [change._apply_image_or_video_transform(p, name, magnitude, InterpolationMode.NEAREST, {}) for p in x]
    return torch.stack(found)


def between(name, magnitude, height, width):
    """Where the place to look at is between two pixels: there, rounding decides."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    if name == "Rotate":
        cos, sin = math.cos(math.radians(magnitude)), math.sin(math.radians(magnitude))
        x, y = x - (width - 1) / 2, y - (height - 1) / 2
        x, y = cos * x - sin * y + (width - 1) / 2, sin * x + cos * y + (height - 1) / 2
    elif name == "ShearX":
        x = x + magnitude * (y + 0.5)
    elif name == "ShearY":
        y = y + magnitude * (x + 0.5)
    return ((x - x.floor() - 0.5).abs() < 1e-3) | ((y - y.floor() - 0.5).abs() < 1e-3)


@pytest.mark.parametrize("name", A.NAMES)
@pytest.mark.parametrize("shape", [(3, 20, 26), (1, 17, 17)])
def test_each_operation_at_each_level_is_torchvisions(name, shape, generator):
    x = torch.randint(256, (3, *shape), dtype=torch.uint8, generator=generator)
    x[1] = x[1] // 3 + 40  # a narrow histogram
    x[2] = 77  # one level
    signs = (1, -1) if name in A.SIGNED else (1,)
    table = A.strengths(31, *shape[1:])[A.NAMES.index(name)]
    for magnitude in (s * m for m in table[::3].tolist() for s in signs):
        found, expected = A.apply_operation(x, name, magnitude), theirs(x, name, magnitude)
        wrong = (found.int() - expected.int()).abs() > 1
        assert not (wrong & ~between(name, magnitude, *shape[1:])).any(), magnitude


@pytest.mark.parametrize("name", ["Posterize", "Solarize", "AutoContrast", "Equalize", "Invert"])
def test_pil_agrees_within_one_level(name, levels):
    magnitude = {"Posterize": 3, "Solarize": 100 / 255}.get(name, 0)
    pil = {
        "Posterize": lambda p: ImageOps.posterize(p, 3),
        "Solarize": lambda p: ImageOps.solarize(p, 100),
        "AutoContrast": ImageOps.autocontrast,
        "Equalize": ImageOps.equalize,
        "Invert": ImageOps.invert,
    }[name]
    found = A.apply_operation(levels, name, magnitude)
    for picture, ours in zip(levels, found, strict=True):
        expected = peer.pil_to_tensor(pil(Image.fromarray(picture.permute(1, 2, 0).numpy())))
        assert (ours.int() - expected.int()).abs().max() <= 1


def test_strengths_are_torchvisions():
    for bins in (10, 31):
        table = A.strengths(bins, 50, 70)
        for name, (values, signed) in RandAugment._AUGMENTATION_SPACE.items():
            expected = values(bins, 50, 70)
            assert torch.equal(
                table[A.NAMES.index(name)], torch.zeros(bins) if expected is None else expected.float()
            ), name
            assert signed == (name in A.SIGNED)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(A.NAMES) - 1), min_size=1, max_size=12), st.integers(0, 30), st.integers(0, 99))
def test_each_picture_gets_its_own_operation(numbers, level, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(256, (len(numbers), 3, 9, 11), dtype=torch.uint8, generator=generator)
    operation = torch.tensor(numbers)
    magnitude = A.strengths(31, 9, 11)[operation, level]
    found = A.apply_operations(x, operation, magnitude)
    for i, k in enumerate(numbers):
        assert torch.equal(found[i], A.apply_operation(x[i : i + 1], A.NAMES[k], magnitude[i])[0])


def test_large_pictures_one_at_a_time_and_blocks_give_the_same(levels, generator, monkeypatch):
    operation = torch.randint(len(A.NAMES), (len(levels),), generator=generator)
    magnitude = A.strengths(31, 21, 27)[operation, 12]
    expected = A.apply_operations(levels, operation, magnitude)
    for block in (1, 3 * 21 * 27 * 2):
        monkeypatch.setattr(operations, "BLOCK", block)
        assert torch.equal(A.apply_operations(levels, operation, magnitude), expected)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_large_pictures_go_through_all_steps_in_their_order(levels, generator, monkeypatch, steps):
    operation = torch.randint(len(A.NAMES), (len(levels), steps), generator=generator)
    magnitude = A.strengths(31, 21, 27)[operation, 12]
    expected, before = A.apply_steps(levels, operation, magnitude), levels.clone()
    monkeypatch.setattr(operations, "BLOCK", 1)
    assert torch.equal(A.apply_steps(levels, operation, magnitude), expected)
    assert torch.equal(levels, before)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(A.NAMES), st.floats(0, 1, width=32), st.integers(0, 99), st.sampled_from([(9, 11), (64, 50)]))
def test_one_picture_changes_like_each_of_many(name, magnitude, seed, size):
    x = torch.randint(256, (5, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    together = A.apply_operation(x, name, magnitude)
    assert torch.equal(torch.cat([A.apply_operation(picture, name, magnitude) for picture in x.split(1)]), together)


@pytest.mark.parametrize("block", [1, 1 << 18])
def test_changed_pictures_can_be_trained_on(levels, monkeypatch, block):
    monkeypatch.setattr(operations, "BLOCK", block)
    found, weight = A.randaugment(levels.float() / 255), torch.ones(1, requires_grad=True)
    assert not found.is_inference()
    (found * weight).sum().backward()
    assert weight.grad > 0


def test_pictures_of_usual_size_are_torchvisions(generator):
    small = torch.rand(14, 3, 56, 56, generator=generator)
    x = torch.nn.functional.interpolate(small, 224, mode="bilinear").mul(255).to(torch.uint8)
    table = A.strengths(31, 224, 224)
    for name in operations.RANDAUGMENT:
        magnitude = float(table[A.NAMES.index(name), 9])
        apart = (A.apply_operation(x, name, magnitude).int() - theirs(x, name, magnitude).int()).abs()
        assert (apart > 1).float().mean() <= (1e-3 if "Shear" in name else 0), name
        assert (apart > 0).float().mean() <= 2e-3, name


def test_sharpness_is_the_formula(levels):
    kernel = torch.ones(3, 1, 3, 3, dtype=torch.double)
    kernel[:, :, 1, 1] = 5
    inner = (..., slice(1, -1), slice(1, -1))
    blur = torch.nn.functional.conv2d(levels.double(), kernel / 13, groups=3)
    for factor in (0.0, 0.3, 1.0, 1.9):
        found, expected = A.sharpness(levels, factor), levels.double()
        expected[inner] = (factor * expected[inner] + (1 - factor) * blur.round()).clamp(0, 255)
        assert ((found <= expected + 1e-3) & (found > expected - 1 - 1e-3)).all()


def test_empty_batches_stay_empty():
    for shape in ((0, 3, 5, 7), (2, 3, 0, 7), (2, 3, 5, 0)):
        x = torch.zeros(shape, dtype=torch.uint8)
        for name in operations.GEOMETRIC:
            assert A.apply_operation(x, name, 0.1).shape == shape


def test_rows_slide_as_a_warp_would_move_them(x):
    n = len(x)
    for name, magnitude in (
        ("TranslateX", 5.0),
        ("TranslateX", -40.0),
        ("TranslateY", -3.7),
        ("ShearX", 0.21),
        ("ShearY", 0.17),
    ):
        matrix = torch.eye(2, 3).repeat(n, 1, 1)
        if name == "ShearX":
            matrix[:, 0, 1], matrix[:, 0, 2] = magnitude, magnitude * 21 / 2
        elif name == "ShearY":
            matrix[:, 1, 0], matrix[:, 1, 2] = magnitude, magnitude * 27 / 2
        else:
            matrix[:, int(name == "TranslateY"), 2] = -float(int(magnitude))
        moved = A.move(x, torch.full((n,), A.NAMES.index(name)), torch.full((n,), magnitude))
        assert torch.equal(moved, A.warp(x, matrix)), name


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(operations.GEOMETRIC[1:]), st.floats(-40, 40, width=32), st.integers(1, 9), st.integers(1, 9))
def test_one_picture_slides_like_each_of_many(name, magnitude, height, width):
    x = torch.arange(1, 1 + 3 * height * width).view(1, 3, height, width)
    operation, magnitudes = torch.full((2,), A.NAMES.index(name)), torch.full((2,), magnitude)
    alone = A.move(x, operation[:1], magnitudes[:1])
    assert torch.equal(alone.expand(2, -1, -1, -1), A.move(x.repeat(2, 1, 1, 1), operation, magnitudes))


def test_floats_are_taken_by_their_levels(levels):
    operation = torch.arange(len(levels))
    magnitude = A.strengths(31, 21, 27)[operation, 9]
    found = A.apply_operations(levels.float() / 255, operation, magnitude)
    assert found.is_floating_point()
    assert torch.equal((found * 255).round().to(torch.uint8), A.apply_operations(levels, operation, magnitude))


def test_inputs_stay_as_they_are(levels):
    before = levels.clone()
    for name in A.NAMES:
        A.apply_operation(levels, name, 1.0)
    assert torch.equal(levels, before)


def test_bad_input_is_named(levels):
    with pytest.raises(ValueError, match="no operation 'Blur'"):
        A.apply_operation(levels, "Blur")
    with pytest.raises(ValueError, match="numbered 0"):
        A.apply_operations(levels, torch.full((len(levels),), 99), torch.zeros(len(levels)))
    with pytest.raises(ValueError, match="uint8"):
        A.equalize(levels.int())
    with pytest.raises(ValueError, match="1 or 3 channels"):
        A.invert(levels[:, :2])
    with pytest.raises(ValueError, match="two levels"):
        A.strengths(1, 5, 5)
