import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data
from skimage.feature import hog as skimage_hog
from skimage.feature import local_binary_pattern

from course import features
from course.features import (
    cell_histograms,
    code_histograms,
    conv_layer,
    correlate2d,
    gradient,
    hog,
    lbp,
    normalise_blocks,
)

seeds = st.integers(0, 2**31 - 1)
odd = st.sampled_from([1, 3, 5])


def rand(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def bytes_(*shape, seed=0, high=256):
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def scikit_image_lbp(gray, method="default"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns of floating point, as it should
        return local_binary_pattern(np.asarray(gray), 8, 1, method)


# -------------------------------------------------------------------------------------------- convolution


@settings(max_examples=40, deadline=None)
@given(seeds, odd, odd, st.integers(1, 9), st.integers(1, 9))
def test_correlate2d_is_scipys(seed, h, w, height, width):
    image, kernel = rand(2, height, width, seed=seed, dtype=torch.float64) - 0.5, rand(h, w, seed=seed + 1).double()
    peer = [scipy.ndimage.correlate(one.numpy(), kernel.numpy(), mode="constant") for one in image]
    torch.testing.assert_close(correlate2d(image, kernel), torch.from_numpy(np.stack(peer)))


def test_correlate2d_is_scipy_signals_too_and_does_not_flip():
    image, kernel = torch.zeros(5, 5), torch.arange(9.0).view(3, 3)
    image[2, 2] = 1
    assert torch.equal(correlate2d(image, kernel)[1:4, 1:4], kernel.flip(0, 1))  # an impulse shows the kernel flipped
    peer = scipy.signal.correlate2d(data.camera().astype(float), kernel.numpy(), mode="same")
    torch.testing.assert_close(
        correlate2d(torch.from_numpy(data.camera()).double(), kernel.double()), torch.from_numpy(peer)
    )


def test_the_lectures_kernel_finds_nothing_where_nothing_changes():
    kernel = torch.full((3, 3), -1.0)
    kernel[1, 1] = 8
    assert correlate2d(torch.full((6, 6), 0.7), kernel)[1:-1, 1:-1].abs().max() < 1e-6


@settings(max_examples=40, deadline=None)
@given(seeds, odd, odd, st.integers(1, 3), st.integers(1, 4), st.booleans())
def test_conv_layer_is_torchs(seed, h, w, channels, filters, biased):
    x, weight = rand(2, channels, 6, 7, seed=seed) - 0.5, rand(filters, channels, h, w, seed=seed + 1) - 0.5
    bias = rand(filters, seed=seed + 2) if biased else None
    torch.testing.assert_close(conv_layer(x, weight, bias), F.conv2d(x, weight, bias, padding="same"))


def test_conv_layer_sums_correlations_over_channels():
    x, weight, bias = rand(1, 3, 8, 8), rand(2, 3, 3, 3, seed=1), torch.tensor([0.5, -1.0])
    by_hand = sum(correlate2d(x[0, c], weight[1, c]) for c in range(3)) - 1
    torch.testing.assert_close(conv_layer(x, weight, bias)[0, 1], by_hand)


def test_conv_layer_learns():
    x, weight, bias = (t.double().requires_grad_() for t in (rand(1, 2, 4, 4), rand(2, 2, 3, 3), rand(2)))
    assert torch.autograd.gradcheck(conv_layer, (x, weight, bias))


@pytest.mark.parametrize("size", [(2, 3), (3, 2)])
def test_a_kernel_needs_a_centre(size):
    with pytest.raises(ValueError, match="odd"):
        correlate2d(rand(5, 5), rand(*size))
    with pytest.raises(ValueError, match="odd"):
        conv_layer(rand(1, 1, 5, 5), rand(1, 1, *size))


def test_conv_layer_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="weight"):
        conv_layer(rand(1, 2, 5, 5), rand(1, 3, 3, 3))
    with pytest.raises(ValueError, match="one bias per output channel, 4"):
        conv_layer(rand(1, 2, 5, 5), rand(4, 2, 3, 3), rand(3))


# ------------------------------------------------------------------------------------------------ gradient


def test_edges_have_the_orientations_that_the_docstring_says():
    upright, level = torch.zeros(5, 5), torch.zeros(5, 5)
    upright[:, 3:], level[3:] = 1, 1
    for image, degrees in ((upright, 0), (level, 90), (1 - upright, 0), (1 - level, 90)):
        magnitude, orientation = gradient(image)
        assert magnitude[2, 2] == 1
        assert orientation[2, 2] == degrees
    slope = torch.arange(5.0)[:, None] + torch.arange(5.0)
    assert gradient(slope)[1][2, 2] == pytest.approx(45)
    assert gradient(slope.flip(0))[1][2, 2] == pytest.approx(135)


def test_gradient_is_numpys_inside():
    x = rand(2, 9, 11, dtype=torch.float64)
    rows, columns = (torch.from_numpy(2 * np.gradient(x.numpy(), axis=k))[:, 1:-1, 1:-1] for k in (1, 2))
    magnitude, orientation = (t[:, 1:-1, 1:-1] for t in gradient(x))
    torch.testing.assert_close(magnitude, torch.hypot(rows, columns))
    torch.testing.assert_close(
        orientation, torch.from_numpy(np.degrees(np.arctan2(rows.numpy(), columns.numpy())) % 180)
    )


@settings(deadline=None)
@given(seeds, st.integers(1, 6), st.integers(1, 6))
def test_orientation_stays_below_180_and_negatives_look_alike(seed, height, width):
    x = bytes_(2, height, width, seed=seed, high=4).float() * 1e-3
    magnitude, orientation = gradient(x)
    assert ((orientation >= 0) & (orientation < 180)).all()
    other_magnitude, other_orientation = gradient(x.max() - x)
    torch.testing.assert_close(magnitude, other_magnitude)
    apart = (orientation - other_orientation).abs()
    assert (torch.minimum(apart, 180 - apart)[magnitude > 1e-5] < 1e-2).all()


def test_a_hair_below_0_degrees_is_not_180():
    x = torch.zeros(3, 3)
    x[1, 2], x[0, 1] = 1, 1e-8
    assert gradient(x)[1][1, 1] < 180


def test_gradient_wants_floating_point():
    with pytest.raises(ValueError, match="floating-point"):
        gradient(bytes_(4, 4))


# ---------------------------------------------------------------------------------------- cell histograms


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 4), st.integers(1, 12), st.integers(4, 13), st.integers(4, 13))
def test_cell_histograms_are_numpys(seed, cell, bins, height, width):
    magnitude, orientation = rand(height, width, seed=seed), 180 * rand(height, width, seed=seed + 1)
    found = cell_histograms(magnitude, orientation, cell, bins)
    assert found.shape == (height // cell, width // cell, bins)
    for r in range(height // cell):
        for c in range(width // cell):
            window = slice(r * cell, (r + 1) * cell), slice(c * cell, (c + 1) * cell)
            peer, _ = np.histogram(orientation[window], bins, (0, 180), weights=magnitude[window])
            np.testing.assert_allclose(found[r, c], peer / cell**2, atol=1e-5)


def test_every_pixel_of_a_cell_votes_once_and_180_is_0():
    orientation = torch.tensor([[0.0, 180.0], [20.0, 19.999]])
    assert cell_histograms(torch.ones(2, 2), orientation, 2, 9)[0, 0].tolist() == [0.75, 0.25, *[0] * 7]
    x = rand(3, 16, 16)
    total = cell_histograms(*gradient(x), 8, 9).sum(-1)
    torch.testing.assert_close(total, F.avg_pool2d(gradient(x)[0], 8))


def test_cell_histograms_refuse_shapes_that_differ():
    with pytest.raises(ValueError, match="equal shapes"):
        cell_histograms(rand(8, 8), rand(8, 9))
    with pytest.raises(ValueError, match="≥ 1"):
        cell_histograms(rand(8, 8), rand(8, 8), 0)


# ---------------------------------------------------------------------------------------------------- HOG


@pytest.mark.parametrize("name", ["camera", "coins", "brick", "grass", "gravel", "moon", "page", "text"])
def test_hog_of_photographs_is_scikit_images(name):
    image = getattr(data, name)()
    np.testing.assert_allclose(hog(torch.from_numpy(image)), skimage_hog(image), atol=1e-5)
    scaled = image.astype(np.float32) / 255
    np.testing.assert_allclose(hog(torch.from_numpy(scaled)), skimage_hog(scaled), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    seeds,
    st.integers(1, 12),
    st.sampled_from([2, 4, 6, 8]),
    st.integers(1, 3),
    st.integers(24, 45),
    st.integers(24, 45),
)
def test_hog_is_scikit_images_whatever_its_parameters(seed, orientations, cell, block, height, width):
    x = rand(2, height, width, seed=seed, dtype=torch.float64)
    peer = [skimage_hog(one.numpy(), orientations, (cell, cell), (block, block)) for one in x]
    np.testing.assert_allclose(hog(x, orientations, cell, block), np.stack(peer), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 12), st.integers(1, 9), st.integers(1, 3), st.sampled_from([7, 12, 17]))
def test_hog_is_its_three_steps_however_it_is_cut_into_chunks(seed, orientations, cell, block, chunk):
    x = bytes_(3, 28, 31, seed=seed).float()
    steps = normalise_blocks(cell_histograms(*gradient(x), cell, orientations), block).flatten(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "_chunk", lambda x: 1 << chunk)
        torch.testing.assert_close(hog(x, orientations, cell, block), steps, rtol=0, atol=1e-6)


@settings(deadline=None)
@given(seeds, st.floats(0.05, 20), st.floats(-5, 5))
def test_hog_does_not_see_brightness_and_contrast(seed, contrast, brightness):
    x = rand(32, 32, seed=seed, dtype=torch.float64)
    torch.testing.assert_close(hog(contrast * x + brightness), hog(x), rtol=0, atol=1e-4)


@settings(deadline=None)
@given(seeds)
def test_blocks_have_length_one_and_no_direction_dominates(seed):
    blocks = normalise_blocks(cell_histograms(*gradient(rand(4, 40, 32, seed=seed)))).flatten(-3)
    torch.testing.assert_close(blocks.norm(dim=-1), torch.ones(4, 3, 2))
    assert blocks.min() >= 0


def test_hog_keeps_leading_dimensions_and_accepts_any_layout():
    x = rand(2, 3, 32, 40)
    flat = hog(x.flatten(0, 1))
    assert hog(x).shape == (2, 3, 2 * 3 * 81)
    assert torch.equal(hog(x).flatten(0, 1), flat)
    assert torch.equal(hog(x[0, 0]), flat[0])
    assert torch.equal(hog(x.transpose(2, 3).contiguous().transpose(2, 3)), hog(x))
    assert hog(x[:, :0]).shape == (2, 0, 486)
    assert hog(x.double()).dtype == torch.float64
    assert hog(x.half()).dtype == torch.float32


def test_hog_of_a_flat_or_tiny_picture():
    assert hog(torch.ones(24, 24)).abs().max() == 0
    assert hog(torch.ones(1, 1), cell=1, block=1).tolist() == [0] * 9
    assert hog(rand(3, 1, 5), cell=1, block=1).shape == (3, 45)


def test_hog_leaves_its_input_alone_and_works_inside_training():
    x = rand(32, 32).requires_grad_()
    before = x.detach().clone()
    assert not hog(x).requires_grad
    assert torch.equal(x, before)


@pytest.mark.parametrize("options", [{"cell": 11}, {"block": 5}, {"orientations": 0}, {"cell": 0}])
def test_hog_says_how_big_a_picture_must_be(options):
    with pytest.raises(ValueError, match="needs at least"):
        hog(rand(32, 32), **options)


def test_a_block_larger_than_the_picture_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        normalise_blocks(torch.zeros(2, 2, 9))


@pytest.mark.slow
@pytest.mark.parametrize(("work", "result"), [("hog(x)", 2916 * 4), ("lbp(x)", 4096)])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_memory_does_not_grow_with_the_batch(work, result, dtype):
    """8 192 pictures of 64×64 in a fresh process: the working memory that the docstrings name, and little more."""
    code = f"""
import resource, torch
from course.features import hog, lbp
torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
x = torch.zeros(64, 64, 64, dtype=torch.{dtype})
{work}
x = torch.ones(8192, 64, 64, dtype=torch.{dtype})
before = peak()
y = {work}
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8192 * result + 20e6


# ---------------------------------------------------------------------------------------------------- LBP


@pytest.mark.parametrize("method", ["default", "uniform"])
@pytest.mark.parametrize("name", ["camera", "coins", "brick", "grass", "gravel", "moon", "page"])
def test_lbp_of_photographs_is_scikit_images(name, method):
    image = getattr(data, name)()
    assert (lbp(torch.from_numpy(image), method).numpy() == scikit_image_lbp(image, method)).all()


@pytest.mark.parametrize("method", ["default", "uniform"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lbp_of_numbers_without_ties_is_scikit_images(method, dtype):
    x = rand(3, 40, 50, dtype=dtype)
    peer = np.stack([scikit_image_lbp(one, method) for one in x])
    assert (lbp(x, method).numpy() == peer).all()


def exact_codes(image):
    """The inequality in whole numbers, pixel by pixel: 29 289 (side₁ + side₂) + 70 711 corner ≥ 129 289 centre."""
    p = np.pad(np.asarray(image).astype(np.int64), 1)
    codes = np.zeros(image.shape, np.uint8)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            for k, (di, dj) in enumerate(features.NEIGHBOURS):
                r, c, centre = i + 1, j + 1, p[i + 1, j + 1]
                if di and dj:
                    high = 29289 * (p[r + di, c] + p[r, c + dj]) + 70711 * p[r + di, c + dj] >= 129289 * centre
                else:
                    high = p[r + di, c + dj] >= centre
                codes[i, j] |= int(high) << k
    return codes


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 7), st.integers(1, 7), st.sampled_from([2, 3, 5, 256]))
def test_lbp_of_whole_numbers_is_exact(seed, height, width, high):
    x = bytes_(height, width, seed=seed, high=high)
    expected = torch.from_numpy(exact_codes(x))
    assert torch.equal(lbp(x), expected)
    assert torch.equal(lbp(x.long()), expected)
    assert torch.equal(lbp(x.float()), expected)


@pytest.mark.parametrize("turns", range(4))
def test_bytes_are_compared_right_on_every_diagonal_there_can_be(turns):
    """All sums of two sides, all corners, and the two centres between which the answer changes: 3×3 images."""
    total, corner = (t.flatten() for t in torch.meshgrid(torch.arange(511), torch.arange(256), indexing="ij"))
    most = (29289 * total + 70711 * corner) // 129289  # the largest centre that is not above the point on the circle
    images = torch.zeros(2, len(total), 3, 3, dtype=torch.uint8)
    images[:, :, 0, 1], images[:, :, 1, 2], images[:, :, 0, 2] = total // 2, total - total // 2, corner
    images[0, :, 1, 1], images[1, :, 1, 1] = most, (most + 1).clamp(max=255)
    bit = 1 + 2 * turns  # upper right, then counter-clockwise
    for x in (images, images.int()):
        found = lbp(x.rot90(turns, (2, 3)))[:, :, 1, 1] >> bit & 1
        assert (found[0] == 1).all()
        assert (found[1, most < 255] == 0).all()


@settings(deadline=None)
@given(seeds, st.sampled_from([5, 8, 17]))
def test_lbp_is_the_same_in_chunks_and_in_batches(seed, chunk):
    x = bytes_(2, 3, 9, 10, seed=seed)
    one_by_one = torch.stack([lbp(image) for image in x.flatten(0, 1)]).view_as(x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "_chunk", lambda x: 1 << chunk)
        assert torch.equal(lbp(x), one_by_one)
        assert torch.equal(lbp(x.float()), one_by_one)


@settings(deadline=None)
@given(seeds)
def test_lbp_does_not_see_light_that_keeps_the_order(seed):
    x = bytes_(12, 12, seed=seed, high=120)
    sides = 0b01010101  # diagonals are interpolated, so only a change that is linear inside keeps those
    brighter = (x.float().square() / 120).byte() + x
    assert torch.equal(lbp(brighter)[1:-1, 1:-1] & sides, lbp(x)[1:-1, 1:-1] & sides)
    assert torch.equal(lbp(2 * x + 7)[1:-1, 1:-1], lbp(x)[1:-1, 1:-1])


@settings(deadline=None)
@given(seeds)
def test_uniform_patterns_turn_with_the_picture(seed):
    x = bytes_(9, 9, seed=seed)
    assert torch.equal(lbp(x.rot90(), "uniform"), lbp(x, "uniform").rot90())


def test_lbp_of_nothing_and_of_other_layouts():
    assert lbp(bytes_(0, 4, 4)).shape == (0, 4, 4)
    assert lbp(torch.zeros(2, 0, 4)).shape == (2, 0, 4)
    x = bytes_(5, 6, 7)
    assert torch.equal(lbp(x.transpose(0, 1)), lbp(x.transpose(0, 1).contiguous()))
    assert torch.equal(lbp(x > 99), lbp((x > 99).byte()))


def test_lbp_refuses_unknown_methods():
    with pytest.raises(ValueError, match=r'"default" or "uniform"'):
        lbp(bytes_(4, 4), "ror")


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(5, 12), st.integers(5, 12))
def test_code_histograms_are_numpys(seed, cell, height, width):
    codes = bytes_(2, height, width, seed=seed, high=10)
    whole = code_histograms(codes, 10)
    for image, found in zip(codes, whole, strict=True):
        np.testing.assert_allclose(found, np.bincount(image.flatten(), minlength=10) / image.numel(), atol=1e-6)
    cells = code_histograms(codes, 10, cell)
    assert cells.shape == (2, height // cell, width // cell, 10)
    last = codes[1, height // cell * cell - cell : height // cell * cell, :cell]
    np.testing.assert_allclose(cells[1, -1, 0], np.bincount(last.flatten(), minlength=10) / cell**2, atol=1e-6)


@pytest.mark.parametrize(("codes", "bins", "cell"), [((4, 4), 3, None), ((4, 4), 300, 5), ((4, 0), 9, None)])
def test_code_histograms_refuse_what_has_no_place(codes, bins, cell):
    with pytest.raises(ValueError, match="codes"):
        code_histograms(torch.full(codes, 7), bins, cell)


def test_histograms_of_patterns_tell_textures_apart():
    patches = {
        name: torch.from_numpy(getattr(data, name)()).unfold(0, 64, 64).unfold(1, 64, 64).flatten(0, 1)
        for name in ("brick", "grass", "gravel")
    }
    found = torch.stack([code_histograms(lbp(p, "uniform"), 10) for p in patches.values()])  # (3, 64, 10)
    middle = found[:, ::2].mean(1)
    nearest = torch.cdist(found[:, 1::2].flatten(0, 1), middle).argmin(1)
    assert (nearest == torch.arange(3).repeat_interleave(32)).float().mean() > 0.9
