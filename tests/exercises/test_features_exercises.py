"""Section 02 against answers that people write: wrong ones fail at every seed, right ones pass in every style."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course import exercises, features
from course.check import verdict
from course.check.evidence import plan
from course.check.judge import Verdict

SEEDS = range(4)
NAMES = ("correlate2d", "gradient", "cell_histograms", "hog", "conv_layer")


def judged(name: str, function: Any, seed: int) -> Verdict:
    return verdict(exercises.get(f"features.{name}"), function, seed)


def test_the_section_in_the_notebooks_order() -> None:
    assert [e.function for e in exercises.of_section("features")] == list(NAMES)


# ---------------------------------------------------------------------------------------------- correlate2d


def by_unfold(image, kernel):
    h, w = kernel.shape
    columns = F.unfold(image[None, None], (h, w), padding=(h // 2, w // 2))
    return (kernel.reshape(1, -1) @ columns).view(image.shape)


def by_fourier(image, kernel):
    (height, width), (h, w) = image.shape, kernel.shape
    size = (height + h - 1, width + w - 1)
    full = torch.fft.irfft2(torch.fft.rfft2(image, size) * torch.fft.rfft2(kernel.flip(0, 1), size), size)
    return full[h // 2 : h // 2 + height, w // 2 : w // 2 + width]


def by_einsum_in_double(image, kernel):
    h, w = kernel.shape
    windows = F.pad(image.double(), (w // 2, w // 2, h // 2, h // 2)).unfold(0, h, 1).unfold(1, w, 1)
    return torch.einsum("ijuv,uv->ij", windows, kernel.double())


def by_scatter(image, kernel):
    """Each pixel is spread over the pixels whose windows it lies in."""
    (height, width), (h, w) = image.shape, kernel.shape
    spread = torch.zeros(height + h - 1, width + w - 1)
    for u in range(h):
        for v in range(w):
            spread[h - 1 - u : h - 1 - u + height, w - 1 - v : w - 1 - v + width] += kernel[u, v] * image
    return spread[h // 2 : h // 2 + height, w // 2 : w // 2 + width]


def _correlated(image, kernel, outside: float = 0.0):
    h, w = kernel.shape
    padded = F.pad(image, (w // 2, w // 2, h // 2, h // 2), value=outside)
    return F.conv2d(padded[None, None], kernel[None, None])[0, 0]


def _windows(image: Tensor, shape: tuple[int, ...]) -> Tensor:
    return image.unfold(0, shape[0], 1).unfold(1, shape[1], 1)


def _padded_in_the_wrong_order(image, kernel):
    h, w = kernel.shape
    return F.conv2d(F.pad(image, (h // 2, h // 2, w // 2, w // 2))[None, None], kernel[None, None])[0, 0]


def _divided(image, kernel):
    return _correlated(image, kernel) / kernel.abs().sum()


def _repeated_below(image, kernel):
    h, w = kernel.shape
    padded = F.pad(image[None], (0, 0, 0, h // 2), mode="replicate")[0]
    return F.conv2d(F.pad(padded, (w // 2, w // 2, h // 2, 0))[None, None], kernel[None, None])[0, 0]


# ------------------------------------------------------------------------------------------------- gradient


def _steps(gray: Tensor) -> tuple[Tensor, Tensor]:
    return F.pad(gray[:, 2:] - gray[:, :-2], (1, 1)), F.pad(gray[2:] - gray[:-2], (0, 0, 1, 1))


def _degrees(g_x: Tensor, g_y: Tensor) -> Tensor:
    return torch.rad2deg(torch.atan2(g_y, g_x)) % 180


def by_rolling(gray):
    g_x, g_y = gray.roll(-1, 1) - gray.roll(1, 1), gray.roll(-1, 0) - gray.roll(1, 0)
    g_x[:, 0], g_x[:, -1], g_y[0], g_y[-1] = 0, 0, 0, 0
    return g_x.square().add(g_y.square()).sqrt(), (torch.atan2(g_y, g_x) % torch.pi) * (180 / torch.pi)


def by_arctangent(gray):
    g_x, g_y = _steps(gray)
    angle = torch.rad2deg(torch.arctan(torch.nan_to_num(g_y / g_x, nan=0.0, posinf=torch.inf, neginf=-torch.inf)))
    return torch.hypot(g_x, g_y), torch.where(angle < 0, angle + 180, angle)


def by_arccosine(gray):
    """Anything will do where nothing changes: here 90."""
    g_x, g_y = (g.double() for g in _steps(gray))
    upwards = torch.where(g_y < 0, -1.0, 1.0).double()
    length = torch.hypot(g_x, g_y)
    cosine = torch.where(length > 0, g_x * upwards / length.clamp_min(1e-30), 0.0)
    return length, torch.rad2deg(torch.acos(cosine.clamp(-1, 1))) % 180


def pixel_by_pixel(gray):
    height, width = gray.shape
    x, pairs = gray.tolist(), []
    for i in range(height):
        for j in range(width):
            g_x = x[i][j + 1] - x[i][j - 1] if 0 < j < width - 1 else 0.0
            g_y = x[i + 1][j] - x[i - 1][j] if 0 < i < height - 1 else 0.0
            pairs.append((math.hypot(g_x, g_y), math.degrees(math.atan2(g_y, g_x)) % 180))
    magnitude, orientation = torch.tensor(pairs).T
    return magnitude.view(height, width), orientation.view(height, width)


def by_vectors(gray):
    g = torch.stack(_steps(gray))
    return [torch.linalg.vector_norm(g, dim=0), _degrees(*g)]


def _larger_one(gray):
    g_x, g_y = _steps(gray)
    return torch.maximum(g_x.abs(), g_y.abs()), _degrees(g_x, g_y)


def _whole_degrees(gray):
    magnitude, orientation = features.gradient(gray)
    return magnitude, orientation.round()


def _first_quadrant(gray):
    g_x, g_y = _steps(gray)
    return torch.hypot(g_x, g_y), _degrees(g_x.abs(), g_y.abs())


def _between_minus_90_and_90(gray):
    magnitude, orientation = features.gradient(gray)
    return magnitude, torch.where(orientation >= 90, orientation - 180, orientation)


def _along_the_edge(gray):
    magnitude, orientation = features.gradient(gray)
    return magnitude, (orientation + 90) % 180


def _stuck_at_one(gray):
    magnitude, orientation = features.gradient(gray)
    return magnitude.clamp(max=1), orientation


def _scaled_to_one(gray):
    magnitude, orientation = features.gradient(gray)
    return magnitude / magnitude.max().clamp_min(1e-9), orientation


# ------------------------------------------------------------------------------------------ cell histograms


def by_histogram(magnitude, orientation, cell, bins):
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    result = torch.empty(rows, columns, bins)
    for r in range(rows):
        for c in range(columns):
            part = (slice(r * cell, r * cell + cell), slice(c * cell, c * cell + cell))
            angle, weight = orientation[part].flatten() % 180, magnitude[part].flatten()
            result[r, c] = torch.histogram(angle, bins, range=(0.0, 180.0), weight=weight).hist
    return result / (cell * cell)


def by_bucketize(magnitude, orientation, cell, bins):
    borders = torch.arange(1, bins, dtype=torch.float64) * 180 / bins
    index = torch.bucketize(orientation.double() % 180, borders, right=True)
    votes = magnitude.new_zeros(bins, *magnitude.shape).scatter_(0, index[None], magnitude[None])
    return F.avg_pool2d(votes, cell).permute(1, 2, 0)


def by_unfolding(magnitude, orientation, cell, bins):
    weight = magnitude.unfold(0, cell, cell).unfold(1, cell, cell).flatten(2)
    index = (orientation.remainder(180) / 180 * bins).long()
    index = index.unfold(0, cell, cell).unfold(1, cell, cell).flatten(2)
    return torch.einsum("rcp,rcpb->rcb", weight, F.one_hot(index, bins).float()) / cell**2


def by_kronecker(magnitude, orientation, cell, bins):
    """Sums over cells as two matrix products, in float64."""
    height, width = magnitude.shape
    index = (orientation.double() * bins / 180).floor().long() % bins
    votes = F.one_hot(index, bins).double() * magnitude.double()[..., None]
    down = torch.kron(torch.eye(height // cell), torch.ones(1, cell)).double()
    right = torch.kron(torch.eye(width // cell), torch.ones(1, cell)).double()
    used = votes[: down.shape[1], : right.shape[1]]
    return torch.einsum("ri,cj,ijb->rcb", down, right, used) / cell**2


def _voted(magnitude, index, cell, bins):
    return F.avg_pool2d((F.one_hot(index, bins) * magnitude[..., None]).movedim(2, 0), cell).movedim(0, 2)


def _one_bin_less(magnitude, orientation, cell, bins):
    index = (orientation % 180 * max(bins - 1, 1) / 180).floor().long()
    return _voted(magnitude, index, cell, bins)


def _last_row_of_cells_missing(magnitude, orientation, cell, bins):
    return features.cell_histograms(magnitude, orientation, cell, bins)[:-1]


def _from_the_lower_right(magnitude, orientation, cell, bins):
    rows, columns = (n % cell for n in magnitude.shape)
    return features.cell_histograms(magnitude[rows:, columns:], orientation[rows:, columns:], cell, bins)


def _without_zero_degrees(magnitude, orientation, cell, bins):
    """lo < angle <= hi instead of lo <= angle < hi."""
    angle, width = orientation.double(), 180 / bins
    inside = [(angle > b * width) & (angle <= (b + 1) * width) for b in range(bins)]
    return torch.stack([F.avg_pool2d((m * magnitude)[None], cell)[0] for m in inside], 2)


def _strongest_vote(magnitude, orientation, cell, bins):
    index = (orientation * bins / 180).floor().long() % bins
    votes = (F.one_hot(index, bins) * magnitude[..., None]).movedim(2, 0)
    return F.max_pool2d(votes, cell).movedim(0, 2) / cell**2


def _overwritten(magnitude, orientation, cell, bins):
    """votes[…] = for +=: only the last pixel of each bin counts."""
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    result = torch.zeros(rows, columns, bins)
    for i in range(rows * cell):
        for j in range(columns * cell):
            result[i // cell, j // cell, int(orientation[i, j] * bins / 180) % bins] = magnitude[i, j]
    return result / cell**2


def _masks_in_a_loop(magnitude, orientation, cell, bins):
    width = 180 / bins
    masks = [(orientation >= b * width) & (orientation < (b + 1) * width) for b in range(bins)]
    return torch.stack([F.avg_pool2d((magnitude * m)[None], cell)[0] for m in masks], -1)


def _histc_like(magnitude, orientation, cell, bins):
    rows, columns = magnitude.shape[0] // cell, magnitude.shape[1] // cell
    result = torch.empty(rows, columns, bins)
    for r in range(rows):
        for c in range(columns):
            part = (slice(r * cell, r * cell + cell), slice(c * cell, c * cell + cell))
            angle, weight = orientation[part].flatten(), magnitude[part].flatten()
            result[r, c] = torch.histogram(angle, bins, range=(0.0, 180.0), weight=weight).hist / cell**2
    return result


def _reshaped_whole(magnitude, orientation, cell, bins):
    index = (orientation * bins / 180).long() % bins
    shape = (magnitude.shape[0] // cell, cell, magnitude.shape[1] // cell, cell)
    return torch.stack([(magnitude * (index == b)).reshape(shape).mean((1, 3)) for b in range(bins)], 2)


def _means_of_bins(magnitude, orientation, cell, bins):
    counts = features.cell_histograms(torch.ones_like(magnitude), orientation, cell, bins)
    return features.cell_histograms(magnitude, orientation, cell, bins) / counts.clamp(min=1e-9)


def _count_for_magnitude(magnitude, orientation, cell, bins):
    return features.cell_histograms(torch.ones_like(magnitude), orientation, cell, bins)


# ------------------------------------------------------------------------------------------------------ HOG


def _blocks(gray, orientations, cell, block):
    """(block rows, block columns, block, block, orientations), not normalised."""
    histograms = features.cell_histograms(*features.gradient(gray), cell, orientations)
    return histograms.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2)


def _hys(v: Tensor, dims: tuple[int, ...] = (2, 3, 4), clip: float = 0.2, eps: float = 1e-5) -> Tensor:
    def unit(x: Tensor) -> Tensor:
        return x / (x.square().sum(dims, keepdim=True) + eps**2).sqrt()

    return unit(unit(v).clamp(max=clip))


def by_helpers(gray, orientations, cell, block):
    return _hys(_blocks(gray, orientations, cell, block)).reshape(-1)


def by_helpers_in_double(gray, orientations, cell, block):
    return _hys(_blocks(gray.double(), orientations, cell, block)).reshape(-1)


def with_another_epsilon(gray, orientations, cell, block):
    return _hys(_blocks(gray, orientations, cell, block), eps=1e-7).reshape(-1)


def with_epsilon_beside_the_root(gray, orientations, cell, block):
    v = _blocks(gray, orientations, cell, block).flatten(2)
    v = (v / (v.norm(dim=2, keepdim=True) + 1e-5)).clamp(max=0.2)
    return (v / (v.norm(dim=2, keepdim=True) + 1e-5)).flatten()


def _epsilon_beside_the_root(gray, orientations, cell, block):
    v = _blocks(gray, orientations, cell, block).flatten(2)
    v = (v / (v.norm(dim=2, keepdim=True) + 1e-4)).clamp(max=0.2)
    return (v / (v.norm(dim=2, keepdim=True) + 1e-4)).flatten()


def _ranges_one_too_short(gray, orientations, cell, block):
    histograms, parts = features.cell_histograms(*features.gradient(gray), cell, orientations), []
    for r in range(histograms.shape[0] - block):
        for c in range(histograms.shape[1] - block):
            parts.append(_hys(histograms[r : r + block, c : c + block], (0, 1, 2)).flatten())
    return torch.cat(parts)


def with_sums_in_cells(gray, orientations, cell, block):
    """The factor 1/cell² cancels."""
    magnitude, orientation = features.gradient(gray)
    histograms = features.cell_histograms(magnitude * cell**2, orientation, cell, orientations)
    return _hys(histograms.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2)).flatten()


def in_a_loop(gray, orientations, cell, block):
    histograms = features.cell_histograms(*features.gradient(gray), cell, orientations)
    rows, columns, _ = histograms.shape
    answer = []
    for r in range(rows - block + 1):
        for c in range(columns - block + 1):
            v = histograms[r : r + block, c : c + block].flatten()
            v = torch.minimum(v / torch.sqrt(v @ v + 1e-10), torch.tensor(0.2))
            answer += (v / torch.sqrt(v @ v + 1e-10)).tolist()
    return torch.tensor(answer)


def _one_block_too_few(gray, orientations, cell, block):
    return _hys(_blocks(gray, orientations, cell, block))[:-1].flatten()


def _block_columns_first(gray, orientations, cell, block):
    return _hys(_blocks(gray, orientations, cell, block)).transpose(0, 1).flatten()


def _cell_columns_first(gray, orientations, cell, block):
    return _hys(_blocks(gray, orientations, cell, block)).transpose(2, 3).flatten()


def _clipped_elsewhere(gray, orientations, cell, block):
    return _hys(_blocks(gray, orientations, cell, block), clip=0.25).flatten()


def _signed_bins(gray, orientations, cell, block):
    g_x, g_y = _steps(gray)
    angle = torch.rad2deg(torch.atan2(g_y, g_x)) % 360 / 2
    histograms = features.cell_histograms(torch.hypot(g_x, g_y), angle, cell, orientations)
    return _hys(histograms.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2)).flatten()


def _roots_of_shares(gray, orientations, cell, block):
    v = _blocks(gray, orientations, cell, block)
    return (v / (v.sum((2, 3, 4), keepdim=True) + 1e-5)).sqrt().flatten()


def _epsilon_too_large(gray, orientations, cell, block):
    return _hys(_blocks(gray, orientations, cell, block), eps=0.05).flatten()


def _counts(gray, orientations, cell, block):
    magnitude, orientation = features.gradient(gray)
    histograms = features.cell_histograms((magnitude > 0).float(), orientation, cell, orientations)
    return _hys(histograms.unfold(0, block, 1).unfold(1, block, 1).permute(0, 1, 3, 4, 2)).flatten()


def _clipped_by_where(gray, orientations, cell, block):
    v = _blocks(gray, orientations, cell, block).flatten(2)
    v = v / (v.norm(dim=2, keepdim=True) + 1e-5)
    return torch.where(v > 0.2, 0.2, v).flatten()


def _just_l2(gray, orientations, cell, block):
    v = _blocks(gray, orientations, cell, block).flatten(2)
    return (v / (v.square().sum(2, keepdim=True) + 1e-10).sqrt()).flatten()


def _stride_of_a_block(gray, orientations, cell, block):
    return _hys(_blocks(gray, orientations, cell, block)[::block, ::block]).flatten()


# ----------------------------------------------------------------------------------------------- conv_layer


def by_windows(x, weight, bias):
    h, w = weight.shape[2:]
    windows = F.pad(x, (w // 2, w // 2, h // 2, h // 2)).unfold(2, h, 1).unfold(3, w, 1)
    return torch.einsum("nchwuv,ocuv->nohw", windows, weight) + bias.view(1, -1, 1, 1)


def by_columns_in_double(x, weight, bias):
    (n, _, height, width), (o, _, h, w) = x.shape, weight.shape
    columns = F.unfold(x.double(), (h, w), padding=(h // 2, w // 2))
    y = weight.double().flatten(1) @ columns + bias.double()[:, None]
    return y.view(n, o, height, width)


def by_module(x, weight, bias):
    o, c, h, w = weight.shape
    layer = torch.nn.Conv2d(c, o, (h, w), padding="same")
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer(x).detach()


def by_the_exercise_before(x, weight, bias):
    pictures = [
        [sum(features.correlate2d(a, k) for a, k in zip(sample, kernels, strict=True)) + b
         for kernels, b in zip(weight, bias, strict=True)] for sample in x
    ]  # fmt: skip
    return torch.stack([torch.stack(channels) for channels in pictures])


def _same(x, weight, bias):
    return F.conv2d(x, weight, bias, padding="same")


def _loop_that_overwrites(x, weight, bias):
    y = torch.zeros(len(x), len(weight), *x.shape[2:])
    for n in range(len(x)):
        for o in range(len(weight)):
            for c in range(x.shape[1]):
                y[n, o] = features.correlate2d(x[n, c], weight[o, c])
            y[n, o] += bias[o]
    return y


def _bias_in_the_inner_loop(x, weight, bias):
    y = torch.zeros(len(x), len(weight), *x.shape[2:])
    for o in range(len(weight)):
        for c in range(x.shape[1]):
            y[:, o] += features.correlate2d(x[:, c], weight[o, c]) + bias[o]
    return y


def _first_sample_only(x, weight, bias):
    return _same(x[:1], weight, bias).expand(len(x), -1, -1, -1)


WRONG: list[tuple[str, Callable[..., Any]]] = [
    ("correlate2d", lambda image, kernel: _correlated(image, kernel.flip(0))),
    ("correlate2d", lambda image, kernel: _correlated(image, kernel.flip(1))),
    ("correlate2d", lambda image, kernel: _correlated(image, kernel).roll(1, 1)),
    ("correlate2d", lambda image, kernel: _correlated(image, kernel, outside=1.0)),
    ("correlate2d", lambda image, kernel: _correlated(image, kernel).abs()),
    ("correlate2d", lambda image, kernel: _correlated(image, kernel).T),
    ("correlate2d", lambda image, kernel: _correlated(image - image.mean(), kernel)),
    ("correlate2d", lambda image, kernel: _correlated(image, kernel)[None]),
    ("correlate2d", lambda image, kernel: _correlated(image, kernel).squeeze()),
    ("correlate2d", _divided),
    ("correlate2d", _repeated_below),
    *(
        ("gradient", f)
        for f in (
            _larger_one,
            _whole_degrees,
            _first_quadrant,
            _between_minus_90_and_90,
            _along_the_edge,
            _stuck_at_one,
            _scaled_to_one,
            lambda gray: torch.stack(features.gradient(gray)),
            lambda gray: features.gradient(gray)[0],
            lambda gray: (*features.gradient(gray), gray),
            lambda gray: tuple(t[1:-1, 1:-1] for t in features.gradient(gray)),
            lambda gray: tuple(t.nan_to_num(0).T for t in features.gradient(gray)),
        )
    ),
    *(
        ("cell_histograms", f)
        for f in (
            _one_bin_less,
            _last_row_of_cells_missing,
            _from_the_lower_right,
            _without_zero_degrees,
            _strongest_vote,
            _overwritten,
            lambda m, o, cell, bins: features.cell_histograms(m**2, o, cell, bins),
            lambda m, o, cell, bins: features.cell_histograms(m, o, cell, bins).flip(-1),
            lambda m, o, cell, bins: features.cell_histograms(m, (o + 90 / bins) % 180, cell, bins),
            lambda m, o, cell, bins: features.cell_histograms(m, (180 - o).clamp(min=0), cell, bins),
            lambda m, o, cell, bins: features.cell_histograms(m, o, cell, bins).flatten(1),
            lambda m, o, cell, bins: F.normalize(features.cell_histograms(m, o, cell, bins), dim=-1),
        )
    ),
    *(
        ("hog", f)
        for f in (
            _one_block_too_few,
            _block_columns_first,
            _cell_columns_first,
            _clipped_elsewhere,
            _signed_bins,
            _roots_of_shares,
            _epsilon_too_large,
            _epsilon_beside_the_root,
            lambda *a: _hys(_blocks(*a), eps=1e-3).flatten(),
            lambda *a: _hys(_blocks(*a), eps=1e-5**0.5).flatten(),
            lambda gray, *a: by_helpers(gray / gray.max(), *a),
            _counts,
            lambda *a: _hys(_hys(_blocks(*a))).flatten(),
            lambda *a: _hys(_blocks(*a).sqrt()).flatten(),
            lambda *a: by_helpers(*a)[None],
            lambda gray, o, cell, block: by_helpers(gray.T, o, cell, block),
            lambda gray, o, cell, block: by_helpers((gray > 0.5).float(), o, cell, block),
            lambda gray, o, cell, block: by_helpers(gray, 9, cell, block),
            lambda gray, o, cell, block: by_helpers(gray, o, 4, block),
            lambda gray, o, cell, block: by_helpers(gray, o, cell, 2),
        )
    ),
    *(
        ("conv_layer", f)
        for f in (
            _first_sample_only,
            lambda x, weight, bias: _same(x, weight.transpose(2, 3), bias),
            lambda x, weight, bias: _same(x, weight.flip(1), bias),
            lambda x, weight, bias: _same(x, weight.flip(2), bias),
            lambda x, weight, bias: _same(x, weight, 2 * bias),
            lambda x, weight, bias: _same(x, weight, bias.mean().expand_as(bias)),
            lambda x, weight, bias: _same(x, weight, bias)[0],
            lambda x, weight, bias: _same(x, weight, bias).sum(1),
            lambda x, weight, bias: _same(x - x.mean(), weight, bias),
            lambda x, weight, bias: _same(x, weight, bias).sigmoid(),
        )
    ),
]

RIGHT: list[tuple[str, Callable[..., Any]]] = [
    *(("correlate2d", f) for f in (by_unfold, by_fourier, by_einsum_in_double, by_scatter, _correlated)),
    *(("gradient", f) for f in (by_rolling, by_arctangent, by_arccosine, pixel_by_pixel, by_vectors)),
    *(("cell_histograms", f) for f in (by_histogram, by_bucketize, by_unfolding, by_kronecker)),
    *(
        ("hog", f)
        for f in (
            by_helpers,
            by_helpers_in_double,
            with_another_epsilon,
            with_epsilon_beside_the_root,
            with_sums_in_cells,
            in_a_loop,
        )
    ),
    *(("conv_layer", f) for f in (by_windows, by_columns_in_double, by_module, by_the_exercise_before)),
]

NAMED: list[tuple[str, str, Callable[..., Any]]] = [
    ("correlate2d", "kernel_flipped", lambda image, kernel: _correlated(image, kernel.rot90(2))),
    ("correlate2d", "kernel_flipped", lambda image, kernel: by_fourier(image, kernel.flip(0, 1))),
    ("correlate2d", "clamped", lambda image, kernel: _correlated(image, kernel).relu()),
    ("gradient", "signed", lambda g: (features.gradient(g)[0], torch.rad2deg(torch.atan2(*_steps(g)[::-1])))),
    ("gradient", "halved", lambda g: (features.gradient(g)[0] / 2, features.gradient(g)[1])),
    ("gradient", "swapped_result", lambda g: features.gradient(g)[::-1]),
    ("cell_histograms", "half_turn_lost", _masks_in_a_loop),
    ("cell_histograms", "half_turn_in_last_bin", _histc_like),
    ("cell_histograms", "unweighted", _count_for_magnitude),
    ("cell_histograms", "bins_over_360", lambda m, o, c, b: features.cell_histograms(m, o / 2, c, b)),
    ("cell_histograms", "sum_for_mean", lambda m, o, c, b: features.cell_histograms(m * c**2, o, c, b)),
    ("hog", "not_renormalised", _clipped_by_where),
    ("hog", "no_clipping", _just_l2),
    ("hog", "blocks_side_by_side", _stride_of_a_block),
    ("hog", "not_normalised", lambda *a: _blocks(*a).flatten()),
    ("hog", "each_cell_alone", lambda *a: _hys(_blocks(*a), dims=(4,)).flatten()),
    ("hog", "one_global_norm", lambda *a: _hys(_blocks(*a), dims=(0, 1, 2, 3, 4)).flatten()),
    ("hog", "epsilon_not_squared", lambda *a: _hys(_blocks(*a), eps=1e-5**0.5).flatten()),
    ("hog", "epsilon_not_squared", _epsilon_beside_the_root),
    ("hog", "blocks_in_rows", lambda *a: _hys(_blocks(*a)).flatten(0, 1).flatten(1)),
    ("hog", "last_blocks_missing", _ranges_one_too_short),
    ("correlate2d", "valid_size", lambda image, kernel: F.conv2d(image[None, None], kernel[None, None])[0, 0]),
    ("correlate2d", "valid_size", lambda image, kernel: _windows(image, kernel.shape).mul(kernel).sum((2, 3))),
    ("correlate2d", "padding_of_one", lambda image, kernel: _windows(F.pad(image, (1,) * 4), kernel.shape).mul(kernel).sum((2, 3))),
    ("correlate2d", "padding_swapped", _padded_in_the_wrong_order),
    ("conv_layer", "valid_size", lambda x, weight, bias: F.conv2d(x, weight) + bias[:, None, None]),
    ("conv_layer", "padding_of_one", lambda x, weight, bias: F.conv2d(F.pad(x, (1, 1, 1, 1)), weight, bias)),
    ("conv_layer", "padding_swapped", lambda x, weight, bias: torch.cat([
        F.conv2d(p[None], weight, bias, padding=(weight.shape[3] // 2, weight.shape[2] // 2)) for p in x])),
    ("cell_histograms", "rest_not_cut", _reshaped_whole),
    ("cell_histograms", "mean_of_each_bin", _means_of_bins),
    ("conv_layer", "last_channel_only", _loop_that_overwrites),
    ("conv_layer", "bias_for_each_channel", _bias_in_the_inner_loop),
    ("conv_layer", "kernel_flipped", lambda x, weight, bias: _same(x, weight.rot90(2, (2, 3)), bias)),
    ("conv_layer", "bias_along_columns", lambda x, weight, bias: by_windows(x, weight, 0 * bias) + bias),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function"), WRONG)
def test_wrong_answers_do_not_pass(name: str, function: Any) -> None:
    """One unlucky seed is one student who is told that a wrong answer is right."""
    passed = [seed for seed in SEEDS if judged(name, function, seed).points]
    assert not passed, f"earns points at seeds {passed} of {list(SEEDS)}"


@pytest.mark.parametrize(("name", "function"), RIGHT)
def test_right_answers_pass_in_every_style(name: str, function: Any) -> None:
    for seed in SEEDS:
        outcome = judged(name, function, seed)
        assert outcome.status == "passed", f"seed {seed}: {outcome.sentence}"


@pytest.mark.parametrize(("name", "mistake", "function"), NAMED)
def test_a_mistake_is_named_however_it_is_written(name: str, mistake: str, function: Any) -> None:
    for seed in range(3):
        outcome = judged(name, function, seed)
        assert outcome.status == "failed"
        assert outcome.misconception is not None, f"not named: {outcome.sentence}"
        assert outcome.misconception.name == mistake


def test_two_mistakes_at_once_are_both_named() -> None:
    def gradient(gray):
        magnitude, orientation = features.gradient(gray)
        return magnitude / 2, torch.deg2rad(orientation)

    assert {"radians", "halved"} <= {m.name for m in judged("gradient", gradient, 0).looks_like}


# --------------------------------------------------------------------------------- what no one has to argue about


@pytest.mark.parametrize("choice", [0.0, 45.0, 179.0, 360.0])
def test_a_flat_place_may_have_any_direction(choice: float) -> None:
    def gradient(gray):
        magnitude, orientation = features.gradient(gray)
        return magnitude, torch.where(magnitude == 0, choice, orientation)

    assert all(judged("gradient", gradient, seed).status == "passed" for seed in SEEDS)


@pytest.mark.parametrize("error", [1e-5, -1e-5])
def test_rounding_may_cross_the_seam_between_180_and_0(error: float) -> None:
    def gradient(gray):
        magnitude, orientation = features.gradient(gray)
        return magnitude, (orientation + error) % 180

    assert all(judged("gradient", gradient, seed).status == "passed" for seed in SEEDS)


def test_a_flat_place_needs_a_number_all_the_same() -> None:
    def gradient(gray):
        magnitude, orientation = features.gradient(gray)
        return magnitude, torch.where(magnitude == 0, torch.nan, orientation)

    assert all(judged("gradient", gradient, seed).status == "failed" for seed in SEEDS)


@pytest.mark.parametrize("seed", range(20))
def test_no_angle_is_a_matter_of_rounding(seed: int) -> None:
    """Every angle that votes is exactly 0, 90 or 180, or at least 1e-4 of a bin away from a border."""
    angles = []
    for case in plan(exercises.get("features.hog"), seed):
        gray, bins = case.inputs[:2]
        magnitude, orientation = features.gradient(gray.double())
        assert bins % 2
        angles.append(orientation[magnitude > 0] * bins / 180)
    for case in plan(exercises.get("features.cell_histograms"), seed):
        _, orientation, _, bins = case.inputs
        exact = (orientation == 0) | (orientation == 90) | (orientation == 180)
        angles.append(orientation[~exact].double() * bins / 180)
    places = torch.cat(angles)
    assert len(places) > 500
    assert not ((places - places.round()).abs() < 1e-4).logical_and(places != 0).any()


@pytest.mark.parametrize("name", NAMES)
def test_pictures_are_never_square_only(name: str) -> None:
    shapes = [case.inputs[0].shape[-2:] for case in plan(exercises.get(f"features.{name}"), 0)]
    assert any(h < w for h, w in shapes)
    assert any(h > w for h, w in shapes)


@pytest.mark.parametrize("name", [e.function for e in exercises.of_section("features")])
def test_an_answer_kept_from_inputs_of_the_same_shape_is_wrong(name: str) -> None:
    """Someone who caches by shape must meet two inputs of one shape."""
    exercise = exercises.get(f"features.{name}")
    for seed in SEEDS:
        kept: dict[Any, Any] = {}

        def by_shape(*inputs: Any, kept: dict[Any, Any] = kept) -> Any:
            key = tuple(tuple(v.shape) if isinstance(v, Tensor) else v for v in inputs)
            if key not in kept:
                kept[key] = exercise.reference(*inputs)
            return kept[key]

        assert verdict(replace(exercise, misconceptions=()), by_shape, seed).status == "failed"
