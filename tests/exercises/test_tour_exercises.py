"""Section 00 against answers that people write: wrong ones pass at no seed, right ones at all, mistakes have names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course import exercises, tour
from course.check import verdict
from course.check.judge import Verdict
from course.features import NEIGHBOURS

SEEDS = range(6)


def judged(name: str, function: Any, seed: int) -> Verdict:
    return verdict(exercises.get(f"tour.{name}"), function, seed)


# ---------------------------------------------------------------------------------------- building blocks


def _total(s: Any, top: int, left: int, bottom: int, right: int) -> Any:
    return s[bottom, right] - s[top, right] - s[bottom, left] + s[top, left]


def _halves(change: Callable[[int, int, int, int], tuple[Any, ...]]) -> Callable[..., Any]:
    """Left minus right, where `change` says what becomes of top, left, height, width; optionally the middle as well."""

    def haar_response(integral, box):
        top, left, height, width, *middle = change(*box)
        m = middle[0] if middle else left + width // 2
        first = _total(integral, top, left, top + height, m)
        return first - _total(integral, top, m, top + height, left + width)

    return haar_response


def _bits(
    order: Any = NEIGHBOURS,
    at_least: Callable[[Tensor, Tensor], Tensor] = torch.ge,
    worth: Callable[[int], int] = lambda p: 2**p,
    pad: Callable[[Tensor], Tensor] = lambda x: F.pad(x, (1, 1, 1, 1)),
) -> Callable[[Tensor], Tensor]:
    """Local binary patterns, right unless one of the parts is changed."""

    def local_binary_pattern(gray):
        height, width = gray.shape
        padded, codes = pad(gray), torch.zeros(height, width, dtype=torch.int64)
        for p, (i, j) in enumerate(order):
            codes += at_least(padded[1 + i : 1 + i + height, 1 + j : 1 + j + width], gray) * worth(p)
        return codes

    return local_binary_pattern


def _components(
    centre: Callable[[Tensor], Tensor] = lambda x: x.mean(0),
    choose: Callable[..., Tensor] = lambda u, s, vh, k: vh[:k],
    change: Callable[[Tensor, Tensor], Tensor] = lambda components, x: components,
) -> Callable[..., tuple[Tensor, Tensor]]:
    """Eigenfaces, right unless one of the parts is changed."""

    def eigenfaces(faces, k):
        mean = centre(faces)
        x = (faces - mean).flatten(1)
        components = change(choose(*torch.linalg.svd(x, full_matrices=False), k), x)
        return mean, components.reshape(-1, *faces.shape[1:])

    return eigenfaces


# ---------------------------------------------------------------------------------------------- wrong answers


def border_at_the_top_only(gray):
    return F.pad(gray.cumsum(0).cumsum(1), (0, 1, 1, 0))


def turned(gray):
    """Sums of everything below and to the right."""
    return F.pad(gray.flip(0, 1).cumsum(0).cumsum(1), (1, 0, 1, 0)).flip(0, 1)


def cropped_at_one(gray):
    return F.pad(gray.cumsum(0).cumsum(1).clamp(max=1), (1, 0, 1, 0))


def whole_numbers(gray):
    return F.pad(gray.cumsum(0).cumsum(1), (1, 0, 1, 0)).long()


def square_only(gray):
    s = torch.zeros(len(gray) + 1, len(gray) + 1)
    s[1:, 1:] = gray.cumsum(0).cumsum(1)
    return s


def line_feature(integral, box):
    top, left, height, width = box
    a, b = left + width // 4, left + width - width // 4
    return _total(integral, top, left, top + height, left + width) - 2 * _total(integral, top, a, top + height, b)


def row_by_row_sums_of_outer_columns(integral, box):
    top, left, height, width = box
    gray = integral.diff(dim=0).diff(dim=1)[top : top + height]
    return gray[:, left].sum() - gray[:, left + width - 1].sum()


def without_any_order(gray):
    """All eight bits at once, in no order: the code of the flat picture is right, others are not."""
    brighter = _bits(worth=lambda p: 1)(gray)
    return (2**brighter - 1).long()


def bytes_that_overflow(gray):
    return _bits()(gray).to(torch.int8)


def shares(gray):
    return _bits()(gray) / 255


def only_four_neighbours(gray):
    return _bits(order=((0, 1), (-1, 0), (0, -1), (1, 0)))(gray)


def interpolated_diagonals(gray):
    """The library's other local binary patterns, whose diagonal neighbours lie on a circle."""
    from course.features import lbp

    return lbp(gray)


def with_a_threshold(gray):
    return _bits(at_least=lambda neighbour, centre: neighbour - centre > 0.05)(gray)


def flat_mean_over_everything(faces, k):
    mean, components = _components()(faces, k)
    return mean * 0 + faces.mean(), components


def median_face(faces, k):
    return _components(centre=lambda x: x.median(0).values)(faces, k)


def first_face_removed(faces, k):
    return _components(centre=lambda x: x[0])(faces, k)


def two_turned_into_each_other(faces, k):
    """The same space with other axes: at right angles, of length 1, but not along the greatest spread."""
    mean, components = _components()(faces, k)
    if k > 1:
        a, b = components[0].clone(), components[1].clone()
        components[0], components[1] = 0.8 * a + 0.6 * b, 0.6 * a - 0.8 * b
    return mean, components


def approximated(faces, k):
    """A random projection without iterations comes near, and is another one each time."""
    x = faces.flatten(1)
    v = torch.svd_lowrank(x - x.mean(0), q=k, niter=0)[2]
    return faces.mean(0), v.T.reshape(k, *faces.shape[1:])


def differences_of_faces(faces, k):
    mean = faces.mean(0)
    d = (faces - mean)[:k].flatten(1)
    return mean, (d / d.norm(dim=1, keepdim=True)).view(k, *mean.shape)


def first_of_eig(faces, k):
    x = faces.reshape(len(faces), -1).double().numpy()
    vectors = np.linalg.eig(np.cov(x, rowvar=False))[1].real
    return faces.mean(0), torch.tensor(vectors.T[:k].copy()).float().view(k, *faces.shape[1:])


WRONG = [
    *(("integral_image", f) for f in (border_at_the_top_only, turned, cropped_at_one, whole_numbers, square_only)),
    ("integral_image", lambda gray: F.pad(gray, (1, 0, 1, 0))),
    ("integral_image", lambda gray: F.pad(gray.cumsum(0).cumsum(1), (1, 0, 0, 0))),
    ("integral_image", lambda gray: F.pad(gray.cumsum(0).cumsum(1), (1, 0, 1, 0), value=1e-3)),
    ("integral_image", lambda gray: F.pad(gray.cumsum(0).cumsum(1), (1, 0, 1, 0))[None]),
    ("integral_image", lambda gray: F.pad(gray.logcumsumexp(0).cumsum(1), (1, 0, 1, 0))),
    ("haar_response", line_feature),
    ("haar_response", row_by_row_sums_of_outer_columns),
    ("haar_response", _halves(lambda top, left, height, width: (top, left, height, width, left + width // 2 + 1))),
    ("haar_response", _halves(lambda top, left, height, width: (top, left, height, width, left + 1))),
    ("haar_response", _halves(lambda top, left, height, width: (0, 0, height, width))),
    ("haar_response", _halves(lambda top, left, height, width: (top, 0, height, width))),
    ("haar_response", _halves(lambda top, left, height, width: (top, left, 1, width))),
    ("haar_response", _halves(lambda top, left, height, width: (top, left, height, 2))),
    ("haar_response", lambda integral, box: int(_halves(lambda *b: b)(integral, box))),
    ("haar_response", lambda integral, box: _halves(lambda *b: b)(integral, box) > 0),
    ("haar_response", lambda integral, box: _halves(lambda *b: b)(integral, box) / integral[-1, -1]),
    *(
        ("local_binary_pattern", f)
        for f in (without_any_order, bytes_that_overflow, shares, only_four_neighbours, interpolated_diagonals)
    ),
    ("local_binary_pattern", with_a_threshold),
    ("local_binary_pattern", _bits(pad=lambda x: F.pad(x, (1, 1, 1, 1), value=1.0))),
    ("local_binary_pattern", _bits(pad=lambda x: F.pad(x, (1, 1, 1, 1), value=0.5))),
    ("local_binary_pattern", _bits(worth=lambda p: p)),
    ("local_binary_pattern", _bits(worth=lambda p: 2 * p)),
    ("local_binary_pattern", _bits(worth=lambda p: 10**p)),
    ("local_binary_pattern", _bits(worth=lambda p: 2 ** (p + 1))),
    ("local_binary_pattern", lambda gray: _bits()(gray.round())),
    ("local_binary_pattern", lambda gray: _bits()(gray.T).T),
    ("local_binary_pattern", lambda gray: 255 - _bits()(gray)),
    *(
        ("eigenfaces", f)
        for f in (
            first_of_eig,
            flat_mean_over_everything,
            median_face,
            first_face_removed,
            two_turned_into_each_other,
            approximated,
            differences_of_faces,
        )
    ),
    ("eigenfaces", _components(change=lambda c, x: c.abs())),
    ("eigenfaces", _components(change=lambda c, x: c * 2)),
    ("eigenfaces", _components(change=lambda c, x: c / c.abs().amax(1, keepdim=True))),
    ("eigenfaces", _components(change=lambda c, x: F.normalize(c, p=1.0, dim=1))),
    ("eigenfaces", _components(change=lambda c, x: c - c.mean(1, keepdim=True))),
    ("eigenfaces", _components(choose=lambda u, s, vh, k: vh[:1].expand(k, -1))),
    ("eigenfaces", lambda faces, k: (faces.sum(0), tour.eigenfaces(faces, k)[1])),
    ("eigenfaces", lambda faces, k: (faces.mean(0), torch.zeros(k, *faces.shape[1:]))),
    ("eigenfaces", lambda faces, k: (faces.mean(0), tour.eigenfaces(faces, k)[1] * float("nan"))),
    ("eigenfaces", lambda faces, k: (faces.mean(0), tour.eigenfaces(faces[:-1], max(1, k - 1))[1])),
]


@pytest.mark.parametrize(("name", "function"), WRONG)
def test_wrong_answers_do_not_pass(name: str, function: Any) -> None:
    passed = [seed for seed in SEEDS if judged(name, function, seed).points]
    assert not passed, f"earns points at seeds {passed} of {list(SEEDS)}"


# ---------------------------------------------------------------------------------------------- right answers


def column_after_column(gray):
    s = [[0.0] * (gray.shape[1] + 1) for _ in range(gray.shape[0] + 1)]
    for j in range(gray.shape[1]):
        column = 0.0
        for i in range(gray.shape[0]):
            column += gray[i, j].item()
            s[i + 1][j + 1] = s[i + 1][j] + column
    return torch.tensor(s)


def zeros_by_cat(gray):
    x = torch.cat([torch.zeros(1, gray.shape[1]), gray.cumsum(0)])
    return torch.cat([torch.zeros(len(x), 1), x.cumsum(1)], 1)


def convolved(gray):
    """A sum over all offsets is a correlation with ones."""
    height, width = gray.shape
    x = F.pad(gray, (width, 0, height, 0))[None, None]
    return F.conv2d(x, torch.ones(1, 1, height, width))[0, 0]


def as_a_list_of_numbers(integral, box):
    a, b, c = (box[1] + n * box[3] // 2 for n in range(3))
    bottom, top = integral[box[0] + box[2]].tolist(), integral[box[0]].tolist()
    return (bottom[b] - top[b] - bottom[a] + top[a]) - (bottom[c] - top[c] - bottom[b] + top[b])


def one_number_in_a_tensor(integral, box):
    return _halves(lambda *b: b)(integral, box).reshape(1).float()


def by_the_library(integral, box):
    return tour.haar_response(integral, box)


def eigenvalues_by_numpy_style_svd(faces, k):
    n, h, w = faces.shape
    flat = faces.reshape(n, -1).T  # one face per column
    mean = flat.mean(1, keepdim=True)
    u, _, _ = torch.linalg.svd(flat - mean, full_matrices=False)
    return mean.reshape(h, w), u[:, :k].T.reshape(k, h, w)


def power_iteration(faces, k):
    """One component after the other, each taken off the faces before the next."""
    mean = faces.double().mean(0)
    x, found = (faces.double() - mean).flatten(1), []
    for _ in range(k):
        v = x[x.norm(dim=1).argmax()]
        for _ in range(200):
            v = x.T @ (x @ v)
            v = v / v.norm()
        found.append(v)
        x = x - torch.outer(x @ v, v)
    return mean, torch.stack(found).view(k, *mean.shape)


def covariance_by_cov(faces, k):
    mean = faces.mean(dim=0)
    values, vectors = torch.linalg.eigh(torch.cov(faces.flatten(1).T))
    return mean, vectors.T[values.argsort(descending=True)[:k]].reshape(k, *mean.shape)


def principal_components(faces, k):
    x = faces.flatten(1)
    v = torch.pca_lowrank(x, q=min(x.shape), center=True)[2]
    return x.mean(0).view(faces.shape[1:]), v.T[:k].reshape(k, *faces.shape[1:])


def compared_by_difference(gray):
    return _bits(at_least=lambda neighbour, centre: neighbour - centre >= 0)(gray)


def not_smaller(gray):
    return _bits(at_least=lambda neighbour, centre: ~(neighbour < centre))(gray).to(torch.int16)


def by_convolution(gray):
    """Each neighbour's difference to the centre is a 3×3 kernel."""
    kernels = torch.zeros(8, 1, 3, 3)
    for p, (i, j) in enumerate(NEIGHBOURS):
        kernels[p, 0, 1 + i, 1 + j] = 1
    neighbours = F.conv2d(gray[None, None], kernels, padding=1)[0]
    return ((neighbours >= gray) * 2 ** torch.arange(8)[:, None, None]).sum(0)


def by_where(gray):
    padded = torch.zeros(gray.shape[0] + 2, gray.shape[1] + 2, dtype=gray.dtype)
    padded[1:-1, 1:-1] = gray
    codes = torch.zeros_like(gray, dtype=torch.uint8)
    for p, (i, j) in enumerate(NEIGHBOURS):
        codes = codes + torch.where(padded.roll((-i, -j), (0, 1))[1:-1, 1:-1] >= gray, 2**p, 0).to(torch.uint8)
    return codes


RIGHT = [
    *(("integral_image", f) for f in (column_after_column, zeros_by_cat, convolved)),
    ("integral_image", lambda gray: F.pad(gray, (1, 0, 1, 0)).cumsum(-2).cumsum(-1)),
    ("integral_image", lambda gray: F.pad(gray.half(), (1, 0, 1, 0)).double().cumsum(0).cumsum(1).float()
     + F.pad((gray - gray.half().float()), (1, 0, 1, 0)).cumsum(0).cumsum(1)),
    *(("haar_response", f) for f in (as_a_list_of_numbers, one_number_in_a_tensor, by_the_library)),
    ("haar_response", lambda integral, box: _halves(lambda *b: b)(integral, box).item()),
    *(
        ("eigenfaces", f)
        for f in (eigenvalues_by_numpy_style_svd, power_iteration, covariance_by_cov, principal_components)
    ),
    ("eigenfaces", lambda faces, k: tour.eigenfaces(faces.double(), k)),
    ("eigenfaces", lambda faces, k: [t.requires_grad_() for t in tour.eigenfaces(faces, k)]),
    *(("local_binary_pattern", f) for f in (compared_by_difference, not_smaller, by_convolution, by_where)),
    ("local_binary_pattern", lambda gray: _bits()(gray.double())),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function"), RIGHT)
def test_right_answers_pass_however_they_are_written(name: str, function: Any) -> None:
    for seed in SEEDS:
        outcome = judged(name, function, seed)
        assert outcome.status == "passed", f"seed {seed}: {outcome.sentence}"


@pytest.mark.slow
def test_right_eigenfaces_pass_at_many_seeds() -> None:
    """Singular values that come close would turn components, and right answers would fail by chance."""
    for function in (covariance_by_cov, principal_components, _components(change=lambda c, x: -c)):
        failed = [seed for seed in range(1000, 1100) if judged("eigenfaces", function, seed).status != "passed"]
        assert not failed, f"seeds {failed}"


def test_any_signs_are_right() -> None:
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)

        def signs(c: Tensor, x: Tensor, generator: torch.Generator = generator) -> Tensor:
            return c * (2.0 * torch.randint(2, (len(c), 1), generator=generator) - 1)

        assert judged("eigenfaces", _components(change=signs), seed).status == "passed"


# --------------------------------------------------------------------------- the same mistake, said otherwise


def rows_only_in_a_loop(gray):
    s = torch.zeros(gray.shape[0] + 1, gray.shape[1] + 1)
    for i in range(gray.shape[0]):
        for j in range(gray.shape[1]):
            s[i + 1, j + 1] = s[i + 1, j] + gray[i, j]
    return s


def smallest_by_eigh(faces, k):
    mean = faces.mean(0)
    x = (faces - mean).flatten(1)
    return mean, torch.linalg.eigh(x.T @ x).eigenvectors[:, :k].T.reshape(k, *mean.shape)


def smallest_of_the_covariance(faces, k):
    mean = faces.mean(0)
    vectors = torch.linalg.eigh(torch.cov(faces.flatten(1).T)).eigenvectors
    return mean, torch.stack([vectors[:, i].view(mean.shape) for i in range(k)])


def largest_but_in_the_order_of_eigh(faces, k):
    mean = faces.mean(0)
    x = (faces - mean).flatten(1)
    return mean, torch.linalg.eigh(x.T @ x).eigenvectors[:, -k:].T.reshape(k, *mean.shape)


def raw_scatter(faces, k):
    x = faces.flatten(1)
    vectors = torch.linalg.eigh(x.T @ x).eigenvectors.flip(1)
    return faces.mean(0), vectors[:, :k].T.reshape(k, *faces.shape[1:])


def rolled(gray):
    return sum(((gray.roll((-i, -j), (0, 1)) >= gray) << p for p, (i, j) in enumerate(NEIGHBOURS)))


def read_as_bits_from_the_left(gray):
    code = torch.zeros(gray.shape, dtype=torch.int64)
    for i, j in NEIGHBOURS:
        code = 2 * code + (F.pad(gray, (1, 1, 1, 1)).roll((-i, -j), (0, 1))[1:-1, 1:-1] >= gray)
    return code


def _thin(faces: Tensor) -> Any:
    return torch.linalg.svd((faces - faces.mean(0)).flatten(1), full_matrices=False)


def negative_indices(gray):
    height, width = gray.shape
    x, codes = gray.tolist(), torch.zeros(height, width).long()
    for r in range(height):
        for c in range(width):
            for p, (i, j) in enumerate(NEIGHBOURS):
                if r + i < height and c + j < width and x[r + i][c + j] >= x[r][c]:
                    codes[r, c] += 2**p
    return codes


NAMED = [
    ("integral_image", "rows_only", rows_only_in_a_loop),
    ("integral_image", "no_border", lambda gray: gray.double().cumsum(-1).cumsum(-2)),
    ("integral_image", "last_pixels_lost", lambda gray: F.pad(gray, (1, 0, 1, 0)).cumsum(0).cumsum(1)[:-1, :-1]),
    ("integral_image", "same_direction_twice", lambda gray: F.pad(gray.cumsum(1).cumsum(1), (1, 0, 1, 0))),
    ("integral_image", "transposed", lambda gray: F.pad(gray.cumsum(0).cumsum(1), (1, 0, 1, 0)).T),
    ("haar_response", "sign_swapped", lambda integral, box: -tour.haar_response(integral, box)),
    ("haar_response", "sign_lost", lambda integral, box: tour.haar_response(integral, box).abs().item()),
    ("haar_response", "column_first", _halves(lambda left, top, width, height: (top, left, height, width))),
    ("haar_response", "column_first", _halves(lambda left, top, height, width: (top, left, height, width))),
    ("haar_response", "width_first", _halves(lambda top, left, width, height: (top, left, height, width))),
    ("haar_response", "border_overlooked", _halves(lambda i, j, height, width: (i - 1, j - 1, height, width))),
    ("haar_response", "size_for_position", _halves(lambda i, j, height, width: (i, j, height - i, width))),
    ("haar_response", "size_for_position", _halves(lambda i, j, height, width: (i, j, height, width, width // 2))),
    ("haar_response", "size_for_position", _halves(lambda i, j, height, w: (i, j, height, w, (j + w) // 2))),
    ("eigenfaces", "mean_not_removed", raw_scatter),
    ("eigenfaces", "smallest_first", smallest_by_eigh),
    ("eigenfaces", "smallest_first", smallest_of_the_covariance),
    ("eigenfaces", "smallest_first", _components(choose=lambda u, s, vh, k: vh[-k:])),
    ("eigenfaces", "rising_order", largest_but_in_the_order_of_eigh),
    ("eigenfaces", "times_singular_value", _components(choose=lambda u, s, vh, k: u[:, :k].T, change=torch.matmul)),
    ("eigenfaces", "mean_of_each_face", lambda faces, k: _components(lambda x: x.mean((1, 2), True))(faces, k)),
    ("eigenfaces", "all_components", _components(choose=lambda u, s, vh, k: vh)),
    ("eigenfaces", "left_vectors", lambda faces, k: (
        faces.mean(0), torch.linalg.svd((faces - faces.mean(0)).flatten(1)).U.T[:k])),
    ("eigenfaces", "columns_of_vh", lambda faces, k: (
        faces.mean(0), _thin(faces)[2].T[:k].reshape(k, *faces.shape[1:]))),
    ("eigenfaces", "left_vectors", lambda faces, k: (
        faces.mean(0), _thin(faces)[0][:, :k].T.reshape(k, *faces.shape[1:]))),
    ("eigenfaces", "left_vectors", lambda faces, k: (faces.mean(0), _thin(faces)[0][:k].reshape(k, *faces.shape[1:]))),
    ("eigenfaces", "rows_of_eigenvectors", lambda faces, k: (
        faces.mean(0), torch.linalg.eigh(faces.flatten(1).T.cov()).eigenvectors.flip(0)[:k].view(k, *faces.shape[1:]))),
    ("eigenfaces", "rows_of_eigenvectors", lambda faces, k: (
        faces.mean(0), torch.linalg.eigh(faces.flatten(1).T.cov()).eigenvectors.flip(1)[:k].view(k, *faces.shape[1:]))),
    ("eigenfaces", "rows_of_eigenvectors", lambda faces, k: (
        faces.mean(0), torch.linalg.eigh(faces.flatten(1).T.cov()).eigenvectors[:k].view(k, *faces.shape[1:]))),
    ("local_binary_pattern", "wraps_around", negative_indices),
    ("local_binary_pattern", "greater_for_greater_equal", _bits(at_least=torch.gt)),
    ("local_binary_pattern", "comparison_reversed", _bits(at_least=torch.le)),
    ("local_binary_pattern", "comparison_reversed", _bits(at_least=torch.lt)),
    ("local_binary_pattern", "clockwise", _bits(order=[(-i, j) for i, j in NEIGHBOURS])),
    ("local_binary_pattern", "from_the_upper_left", _bits(order=NEIGHBOURS[3:] + NEIGHBOURS[:3])),
    ("local_binary_pattern", "from_above", _bits(order=NEIGHBOURS[2:] + NEIGHBOURS[:2])),
    ("local_binary_pattern", "centre_included", _bits(order=[*NEIGHBOURS, (0, 0)])),
    ("local_binary_pattern", "centre_included", _bits(order=[(0, 0), *NEIGHBOURS])),
    ("local_binary_pattern", "row_by_row", _bits(order=sorted(NEIGHBOURS))),
    ("local_binary_pattern", "bits_reversed", read_as_bits_from_the_left),
    ("local_binary_pattern", "wraps_around", rolled),
    ("local_binary_pattern", "only_counted", _bits(worth=lambda p: 1)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mistake", "function"), NAMED)
def test_a_mistake_is_named_however_it_is_written(name: str, mistake: str, function: Any) -> None:
    for seed in range(4):
        outcome = judged(name, function, seed)
        assert outcome.status == "failed"
        assert outcome.misconception is not None, f"not named: {outcome.sentence}"
        assert outcome.misconception.name == mistake


# ------------------------------------------------------------------------------------------------ what is said


def flat_eigenfaces(faces, k):
    mean, components = tour.eigenfaces(faces, k)
    return mean, components.flatten(1)


def flat_mean(faces, k):
    mean, components = tour.eigenfaces(faces, k)
    return mean.flatten(), components


def one_per_column(faces, k):
    mean, components = tour.eigenfaces(faces, k)
    return mean, components.flatten(1).T


SAID = [
    ("eigenfaces", flat_eigenfaces, "`components.reshape("),
    ("eigenfaces", one_per_column, "`components.T.reshape("),
    ("eigenfaces", flat_mean, "`mean.reshape("),
    ("eigenfaces", lambda faces, k: tour.eigenfaces(faces, k)[1], "return two tensors"),
    ("eigenfaces", lambda faces, k: None, "is there a return"),
    ("eigenfaces", lambda faces, k: (*tour.eigenfaces(faces, k), k), "it returned 3 things"),
    ("eigenfaces", lambda faces, k: (0.5, tour.eigenfaces(faces, k)[1]), "ean is the number 0.5"),
    ("eigenfaces", lambda faces, k: tuple(t.numpy() for t in tour.eigenfaces(faces, k)), "NumPy"),
    ("haar_response", lambda integral, box: None, "is there a return"),
    ("haar_response", lambda integral, box: integral, "one number"),
    ("local_binary_pattern", shares, "whole numbers"),
    ("integral_image", lambda gray: gray, "one row and one column more"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "function", "said"), SAID)
def test_an_answer_of_another_form_is_told_what_to_do(name: str, function: Any, said: str) -> None:
    for seed in range(3):
        outcome = judged(name, function, seed)
        assert outcome.status == "failed"
        assert outcome.misconception is None, f"taken for {outcome.misconception}"
        assert said in outcome.sentence


def not_quite_long_enough(faces, k):
    return _components(change=lambda c, x: c * 0.98)(faces, k)


def leaning(faces, k):
    return _components(change=lambda c, x: F.normalize(c + 0.1 * c.roll(1, 0) * (k > 1), dim=1))(faces, k)


@pytest.mark.parametrize(
    ("broken", "function", "said"),
    [
        ("components have length 1", not_quite_long_enough, "has length 0.98"),
        ("components are at right angles", leaning, "inner product"),
        ("components come by falling singular value", two_turned_into_each_other, "of the variance"),
    ],
)
def test_each_property_of_eigenfaces_is_looked_at(broken: str, function: Any, said: str) -> None:
    exercise = exercises.get("tour.eigenfaces")
    checks = {p.name: p.broken for p in exercise.properties}
    for case in exercise.draw(0):
        right = exercise.drive(exercise.reference, *case.inputs)
        assert all(check(case.inputs, right) is None for check in checks.values()), case.label
    case = exercise.draw(0)[-1]
    sentence = checks[broken](case.inputs, exercise.drive(function, *case.inputs))
    assert sentence is not None
    assert said in sentence


# ------------------------------------------------------------------------------------------------- side effects


def mean_taken_off_in_place(faces, k):
    mean = faces.mean(0)
    faces -= mean
    return mean, torch.linalg.svd(faces.flatten(1), full_matrices=False).Vh[:k].view(k, *mean.shape)


def summed_in_place(gray):
    return F.pad(gray.cumsum_(0).cumsum_(1), (1, 0, 1, 0))


@pytest.mark.parametrize(
    ("name", "function", "argument"),
    [("eigenfaces", mean_taken_off_in_place, "faces"), ("integral_image", summed_in_place, "gray")],
)
def test_right_values_that_spoil_the_picture_earn_half(name: str, function: Any, argument: str) -> None:
    outcome = judged(name, function, 0)
    assert outcome.status == "partial"
    assert f"changes its argument {argument} in place" in outcome.sentence


def test_inputs_are_those_of_pictures() -> None:
    for seed in SEEDS:
        for name in ("integral_image", "local_binary_pattern", "eigenfaces"):
            for case in exercises.get(f"tour.{name}").draw(seed):
                picture = case.inputs[0]
                assert picture.dtype == torch.float32
                if case.kind == "varied":
                    assert 0 <= picture.min() <= picture.max() <= 1
        for case in exercises.get("tour.haar_response").draw(seed):
            (top, left, height, width), sums = case.inputs[1], case.inputs[0]
            assert sums.dtype == torch.float32, "as integral_image, the exercise before, gives it"
            assert width % 2 == 0
            assert top + height < sums.shape[0]
            assert left + width < sums.shape[1]


def test_pictures_of_other_shapes_come() -> None:
    for name in ("integral_image", "local_binary_pattern", "eigenfaces"):
        for seed in SEEDS:
            shapes = {case.inputs[0].shape[-2:] for case in exercises.get(f"tour.{name}").draw(seed)}
            assert any(h < w for h, w in shapes)
            assert any(h > w for h, w in shapes)


@pytest.mark.parametrize("name", [e.function for e in exercises.of_section("tour")])
def test_an_answer_kept_from_inputs_of_the_same_shape_is_wrong(name: str) -> None:
    """Someone who caches by shape must meet two inputs of one shape."""
    exercise = exercises.get(f"tour.{name}")
    for seed in SEEDS:
        kept: dict[Any, Any] = {}

        def by_shape(*inputs: Any, kept: dict[Any, Any] = kept) -> Any:
            key = tuple(tuple(v.shape) if isinstance(v, Tensor) else v for v in inputs)
            if key not in kept:
                kept[key] = exercise.reference(*inputs)
            return kept[key]

        assert verdict(replace(exercise, misconceptions=()), by_shape, seed).status == "failed"


def test_who_approximates_is_told() -> None:
    def eigenfaces(faces, k):
        v = torch.pca_lowrank(faces.flatten(1), q=k)[2]
        return faces.mean(0), v.T.reshape(k, *faces.shape[1:])

    for seed in SEEDS:
        found = judged("eigenfaces", eigenfaces, seed)
        assert found.status == "failed"
        assert found.misconception is None
        assert "q = min(N, H·W)" in found.sentence
