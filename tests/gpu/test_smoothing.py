"""The references of section 08 on a CUDA device: the same answers as on the CPU, and as PyTorch's there."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from course import smoothing

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; torch sees none here"),
]

CUDA = torch.device("cuda")


def batch(n: int = 257, k: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return 3 * torch.randn(n, k, generator=g), torch.randint(k, (n,), generator=g)


def test_targets_and_losses():
    z, y = batch()
    p = smoothing.smooth_labels(y.to(CUDA), 11, 0.2)
    assert p.device.type == "cuda"
    torch.testing.assert_close(p.cpu(), smoothing.smooth_labels(y, 11, 0.2))
    ours = smoothing.LabelSmoothing(0.2)(z.to(CUDA), y.to(CUDA))
    theirs = F.cross_entropy(z.to(CUDA), y.to(CUDA), label_smoothing=smoothing.to_torch_eps(0.2, 11))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(smoothing.soft_cross_entropy(z.to(CUDA), p), theirs)
    torch.testing.assert_close(ours.cpu(), smoothing.LabelSmoothing(0.2)(z, y))


def test_calibration():
    z, y = batch(2000)
    p = z.softmax(1)
    here, there = smoothing.reliability(p, y, 10), smoothing.reliability(p.to(CUDA), y.to(CUDA), 10)
    for a, b in zip(here, there, strict=True):
        assert b.device.type == "cuda"
        torch.testing.assert_close(b.cpu(), a, equal_nan=True)
    error = smoothing.expected_calibration_error(p.to(CUDA), y.to(CUDA), 10)
    torch.testing.assert_close(error.cpu(), smoothing.expected_calibration_error(p, y, 10))
    temperature = smoothing.fit_temperature(z.to(CUDA), y.to(CUDA))
    torch.testing.assert_close(temperature.cpu(), smoothing.fit_temperature(z, y))


def test_wrong_labels_are_drawn_where_the_labels_are():
    _, y = batch()
    noisy = smoothing.wrong_labels(y.to(CUDA), 11, 0.3, torch.Generator(CUDA).manual_seed(0))
    assert noisy.device.type == "cuda"
    assert int((noisy.cpu() != y).sum()) == round(0.3 * len(y))
