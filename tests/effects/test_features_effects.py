"""The experiments of section 02: what is measured, and how."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course.data import digits
from course.effects import networks
from course.effects.features import common, learned_filters, textures


def test_the_linear_classifier_reaches_the_minimum():
    """At the minimum of cross-entropy + ½λ‖W‖² the gradient is 0; the features are standardised first."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 5, generator=generator) * 10 + 3, torch.arange(60) % 3
    z = (x - x.mean(0)) / x.std(0) / 5**0.5
    w, b = common._minimise(z, y, torch.zeros(5, 3), torch.zeros(3), 0.01)
    w.requires_grad_()
    objective = F.cross_entropy(z @ w + b, y) + 0.005 * w.square().sum()
    (gradient,) = torch.autograd.grad(objective, w)
    assert gradient.abs().max() < 2e-4


def test_the_linear_classifier_learns_digits_and_does_not_care_about_the_scale_of_features():
    train, validation, test = (digits(split) for split in ("train", "validation", "test"))
    plain = common.LinearClassifier(lambda x: x.flatten(1), train, validation)
    scaled = common.LinearClassifier(lambda x: 100 * x.flatten(1) - 7, train, validation)
    assert networks.score(plain, test) > 0.88
    assert abs(networks.score(scaled, test) - networks.score(plain, test)) < 0.02


def test_the_network_learns_and_its_start_comes_from_the_generator():
    x = torch.rand(60, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    y = torch.arange(60) % 3
    x[y == 0, :, :16] *= 0.5
    x[y == 1, :, :, :16] *= 0.5
    models = [networks.train_cnn(x, y, torch.Generator().manual_seed(1), steps=60) for _ in range(2)]
    assert torch.equal(models[0].filters, models[1].filters)
    assert networks.score(models[0], (x, y)) > 0.95
    small, usual = (networks.SmallCNN(3, 3, torch.Generator().manual_seed(2), first) for first in (0.1, 1.0))
    torch.testing.assert_close(small.filters, 0.1 * usual.filters)
    assert small(torch.rand(2, 3, 32, 32)).shape == (2, 3)


def test_designed_kernels_are_recognised_in_any_colour():
    bank, kinds = learned_filters.designed()
    torch.testing.assert_close(bank.flatten(1).norm(dim=1), torch.ones(len(bank)))
    for kind, kernel in zip(kinds, bank, strict=True):
        if kind in ("edge", "bar", "centre"):
            assert abs(kernel.sum()) < 1e-4  # flat areas do not respond
    colour = torch.tensor([0.2, -1.0, 0.7])[:, None, None]
    found = learned_filters.match(colour * bank[:, None])
    torch.testing.assert_close(found.share, torch.ones(len(bank)))
    assert found.kinds == list(kinds)
    torch.testing.assert_close(found.kernels, colour * bank[:, None])


def test_random_filters_are_hardly_explained():
    noise = torch.randn(500, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    assert learned_filters.match(noise).share.mean() < 0.08


def test_texture_patches_come_from_their_split_in_equal_numbers():
    x, y = textures._patches("test", 30, torch.Generator().manual_seed(0))
    assert x.shape == (30, 1, 32, 32)
    assert y.bincount().tolist() == [10, 10, 10]
    whole = textures.textures("test", size=128)[0][:4, 0].flatten(1)
    assert torch.isin(x[:10], whole).all()
