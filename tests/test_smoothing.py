"""The references of section 08: the mathematics, and the same answers as PyTorch's and timm's losses."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course import smoothing
from course.pixels import one_hot
from course.smoothing import (
    LabelSmoothing,
    SoftTargetCrossEntropy,
    expected_calibration_error,
    fit_temperature,
    from_torch_eps,
    least_loss,
    log_odds_gap,
    reliability,
    smooth_labels,
    soft_cross_entropy,
    to_torch_eps,
    wrong_labels,
)

unhurried = settings(deadline=None, max_examples=30)
classes = st.integers(2, 12)
epsilons = st.floats(0, 1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n: int, k: int, seed: int, scale: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    g = seeded(seed)
    z = torch.randn(n, k, generator=g, dtype=torch.float64) * scale
    return z, torch.randint(k, (n,), generator=g)


# ------------------------------------------------------------------------------------------------- targets


@unhurried
@given(st.lists(st.integers(0, 100), min_size=1, max_size=9), classes, epsilons)
def test_a_smoothed_row_is_the_lectures(ids, k, eps):
    y = torch.tensor(ids) % k
    p = smooth_labels(y, k, eps)
    assert p.shape == (len(ids), k)
    assert p.dtype == torch.float32
    torch.testing.assert_close(p.sum(1), torch.ones(len(ids)))
    own = p.gather(1, y[:, None])
    torch.testing.assert_close(own, torch.full_like(own, 1 - eps))
    assert (p.masked_select(one_hot(y, k) == 0) == torch.tensor(eps / (k - 1))).all()


def test_the_ends_are_one_hot_and_uniform():
    y = torch.arange(4)
    assert torch.equal(smooth_labels(y, 4, 0.0), one_hot(y, 4))
    assert torch.equal(smooth_labels(y, 4, 0.75), torch.full((4, 4), 0.25))
    assert smooth_labels(y.view(2, 2), 5, 0.1).shape == (2, 2, 5)


@unhurried
@given(classes, epsilons)
def test_the_two_conventions_are_inverse(k, eps):
    assert from_torch_eps(eps, k) <= eps <= to_torch_eps(eps, k)
    assert math.isclose(from_torch_eps(to_torch_eps(eps, k), k), eps) if to_torch_eps(eps, k) <= 1 else True
    e = to_torch_eps(eps, k)
    y = torch.arange(k)
    torch.testing.assert_close(smooth_labels(y, k, eps), (1 - e) * one_hot(y, k) + e / k)


@unhurried
@given(classes, st.floats(0.001, 0.999))
def test_at_the_gap_softmax_is_the_target_and_the_loss_is_least(k, eps):
    gap = log_odds_gap(eps, k)
    z = (gap * one_hot(torch.tensor([0]), k)).double().requires_grad_()
    p = smooth_labels(torch.tensor([0]), k, eps).double()
    torch.testing.assert_close(torch.softmax(z, 1), p, rtol=1e-5, atol=1e-6)
    loss = soft_cross_entropy(z, p)
    (gradient,) = torch.autograd.grad(loss, z)
    assert gradient.abs().max() < 1e-6
    assert math.isclose(loss.item(), least_loss(eps, k), rel_tol=1e-5, abs_tol=1e-6)


def test_the_gap_at_its_ends():
    assert log_odds_gap(0, 5) == math.inf
    assert log_odds_gap(1, 5) == -math.inf
    assert abs(log_odds_gap(0.8, 5)) < 1e-12
    assert least_loss(0, 5) == 0
    assert math.isclose(least_loss(0.8, 5), math.log(5))


@unhurried
@given(st.integers(1, 80), classes, st.floats(0, 1), st.integers(0, 999))
def test_as_many_labels_are_wrong_as_asked_for(n, k, share, seed):
    y = torch.randint(k, (n,), generator=seeded(seed))
    before = y.clone()
    noisy = wrong_labels(y, k, share, seeded(seed))
    assert torch.equal(y, before)
    assert noisy.dtype == y.dtype
    assert int((noisy != y).sum()) == round(share * n)
    assert noisy.min() >= 0
    assert noisy.max() < k
    assert torch.equal(noisy, wrong_labels(y, k, share, seeded(seed)))


def test_wrong_labels_are_every_other_class_equally_often():
    noisy = wrong_labels(torch.full((9000,), 2), 4, 1.0, seeded(0))
    counts = torch.bincount(noisy, minlength=4)
    assert counts[2] == 0
    assert (counts[[0, 1, 3]] - 3000).abs().max() < 200


# ---------------------------------------------------------------------------------------------------- loss


@unhurried
@given(st.integers(1, 8), classes, st.floats(0, 1), st.integers(0, 999))
def test_the_losses_agree_with_torch(n, k, share, seed):
    z, y = batch(n, k, seed)
    eps = share * (k - 1) / k  # PyTorch takes no more than uniform targets
    p = smooth_labels(y, k, eps).double()
    theirs = F.cross_entropy(z, y, label_smoothing=min(to_torch_eps(eps, k), 1.0))
    torch.testing.assert_close(LabelSmoothing(eps)(z, y), theirs, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(SoftTargetCrossEntropy()(z, p), F.cross_entropy(z, p), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(soft_cross_entropy(z, p), theirs, rtol=1e-6, atol=1e-6)  # targets are float32


@unhurried
@given(st.integers(1, 8), classes, st.floats(0, 0.99), st.integers(0, 999))
def test_the_losses_agree_with_timm(n, k, share, seed):
    loss = pytest.importorskip("timm.loss")
    z, y = batch(n, k, seed)
    eps = share * (k - 1) / k
    theirs = loss.LabelSmoothingCrossEntropy(to_torch_eps(eps, k))(z, y)
    torch.testing.assert_close(LabelSmoothing(eps)(z, y), theirs, rtol=1e-10, atol=1e-10)
    p = torch.softmax(batch(n, k, seed + 1)[0], 1)
    torch.testing.assert_close(
        SoftTargetCrossEntropy()(z, p), loss.SoftTargetCrossEntropy()(z, p), rtol=1e-10, atol=1e-10
    )


def test_the_gradient_is_softmax_minus_target():
    z, _ = batch(4, 5, 0)
    p = torch.softmax(batch(4, 5, 1)[0], 1)
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(soft_cross_entropy(z, p), z)
    torch.testing.assert_close(gradient, (torch.softmax(z, 1) - p) / 4)


def test_one_hot_targets_may_meet_impossible_classes_and_huge_scores():
    z, y = torch.tensor([[0.0, 900.0, -900.0]]), torch.tensor([2])
    assert LabelSmoothing(0.0)(z, y).item() == 1800
    assert soft_cross_entropy(z, one_hot(y, 3)).item() == 1800
    barred = torch.tensor([[0.0, 1.0, -math.inf]])
    assert LabelSmoothing(0.0)(barred, torch.tensor([1])).isfinite()


def test_the_module_says_its_eps():
    assert "eps=0.1" in repr(LabelSmoothing(0.1))


# --------------------------------------------------------------------------------------------- calibration


def slowly(p: torch.Tensor, y: torch.Tensor, bins: int) -> float:
    """The definition, sample by sample."""
    members: dict[int, list[tuple[float, bool]]] = {}
    for row, label in zip(p.tolist(), y.tolist(), strict=True):
        top = max(row)
        members.setdefault(math.ceil(top * bins), []).append((top, row.index(top) == label))
    gaps = [abs(sum(r for _, r in m) - sum(c for c, _ in m)) / len(m) * len(m) / len(y) for m in members.values()]
    return sum(gaps)


@unhurried
@given(st.integers(1, 60), classes, st.integers(1, 20), st.integers(0, 999))
def test_the_error_is_that_of_the_definition(n, k, bins, seed):
    z, y = batch(n, k, seed, 2.0)
    p = z.softmax(1)
    error = expected_calibration_error(p, y, bins).item()
    assert math.isclose(error, slowly(p, y, bins), abs_tol=1e-9)
    assert 0 <= error <= 1
    found = reliability(p, y, bins)
    assert int(found.count.sum()) == n
    full = found.count > 0
    weighted = (found.count * (found.accuracy - found.confidence).abs())[full].sum() / n
    assert math.isclose(weighted.item(), error, abs_tol=1e-9)
    assert found.confidence.isnan().equal(~full)
    assert found.accuracy.isnan().equal(~full)
    low = torch.arange(bins) / bins
    assert ((found.confidence > low) & (found.confidence <= low + 1 / bins + 1e-9))[full].all()


def test_the_bins_agree_with_scikit_learns_calibration_curve():
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    z, y = batch(300, 2, 3)
    p = z.softmax(1)
    right = (p.argmax(1) == y).numpy()
    accuracy, confidence = curve(right, p.max(1).values.numpy(), n_bins=10)
    found = reliability(p, y, 10)
    full = found.count > 0
    torch.testing.assert_close(found.accuracy[full], torch.from_numpy(accuracy))
    torch.testing.assert_close(found.confidence[full], torch.from_numpy(confidence))


def test_one_is_in_the_last_bin_and_an_edge_in_the_lower():
    p = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.75, 0.25]])
    assert reliability(p, torch.tensor([0, 0, 0]), 4).count.tolist() == [0, 1, 1, 1]


def test_several_models_are_measured_at_once():
    z, y = batch(40, 5, 0)
    both = torch.stack([z, z / 3]).softmax(-1)
    errors = expected_calibration_error(both, y, 7)
    assert errors.shape == (2,)
    for i in range(2):
        torch.testing.assert_close(errors[i], expected_calibration_error(both[i], y, 7))
        torch.testing.assert_close(reliability(both, y, 7).count[i], reliability(both[i], y, 7).count)


def test_labels_drawn_from_the_probabilities_are_calibrated():
    p = torch.softmax(2 * torch.randn(20_000, 5, generator=seeded(0)), 1)
    y = torch.multinomial(p, 1, generator=seeded(1))[:, 0]
    assert expected_calibration_error(p, y, 10) < 0.015


@unhurried
@given(st.floats(0.2, 6), st.integers(0, 99))
def test_the_temperature_has_the_least_loss(scale, seed):
    z = torch.randn(300, 4, generator=seeded(seed), dtype=torch.float64)
    y = torch.multinomial(z.softmax(1), 1, generator=seeded(seed + 1))[:, 0]
    t = fit_temperature(scale * z, y)
    assert math.isclose(t / scale, fit_temperature(z, y), rel_tol=1e-6)
    least = F.cross_entropy(scale * z / t, y)
    for other in (0.97, 1.03):
        assert F.cross_entropy(scale * z / (t * other), y) > least
    assert (z / t).argmax(1).equal(z.argmax(1))


def test_temperatures_of_several_models_and_at_the_ends():
    z, y = batch(50, 3, 0)
    both = fit_temperature(torch.stack([z, one_hot(y, 3).double()]), y)
    torch.testing.assert_close(both[0], fit_temperature(z, y))
    assert both[1] < 0.0011
    assert fit_temperature(-one_hot(y, 3), y) > 900


# -------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: smooth_labels(torch.tensor([0]), 1, 0.1), "K ≥ 2"),
        (lambda: smooth_labels(torch.tensor([0]), 3, 1.1), r"ε in \[0, 1\]"),
        (lambda: smooth_labels(torch.tensor([3]), 3, 0.1), "class ids"),
        (lambda: smooth_labels(torch.tensor([0.5]), 3, 0.1), "integer"),
        (lambda: to_torch_eps(-0.1, 3), "ε in"),
        (lambda: from_torch_eps(0.1, 1), "K ≥ 2"),
        (lambda: log_odds_gap(math.nan, 3), "ε in"),
        (lambda: least_loss(2, 3), "ε in"),
        (lambda: wrong_labels(torch.tensor([0]), 3, 1.5), "share in"),
        (lambda: soft_cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1])), "probabilities of one shape"),
        (lambda: soft_cross_entropy(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.int64)), "int64"),
        (lambda: soft_cross_entropy(torch.zeros(0, 3), torch.zeros(0, 3)), "N > 0"),
        (lambda: LabelSmoothing(-0.1), "ε in"),
        (lambda: LabelSmoothing(0.1)(torch.zeros(2, 3), torch.zeros(2, 3)), r"y \(N,\)"),
        (lambda: LabelSmoothing(0.1)(torch.zeros(2, 1), torch.tensor([0, 0])), "K ≥ 2"),
        (lambda: expected_calibration_error(torch.tensor([[3.0, -1.0]]), torch.tensor([0])), "probabilities"),
        (lambda: expected_calibration_error(torch.tensor([[math.nan, 0.0]]), torch.tensor([0])), "probabilities"),
        (lambda: reliability(torch.zeros(2, 3), torch.tensor([0]), 5), "bins ≥ 1"),
        (lambda: reliability(torch.zeros(1, 3), torch.tensor([0]), 0), "bins ≥ 1"),
        (lambda: fit_temperature(torch.zeros(0, 3), torch.zeros(0)), "N > 0"),
    ],
)
def test_bad_input_gets_an_error_that_says_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_every_public_name_is_documented():
    public = [
        v
        for n, v in vars(smoothing).items()
        if not n.startswith("_") and getattr(v, "__module__", "") == smoothing.__name__
    ]
    assert len(public) >= 12
    assert all(v.__doc__ for v in public)
