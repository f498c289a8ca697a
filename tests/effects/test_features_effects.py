"""The experiments of section 02: their claims hold with seeds that nobody chose, and could fail."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from course.data import digits
from course.effects import Effect, measure, of_section
from course.effects.features import common, ladder, learned_filters, lighting, rotation, textures

EFFECTS = of_section("features")
SEED = 4242  # one seed for all: models that an experiment shares with another are trained once
each = pytest.mark.parametrize("effect", EFFECTS, ids=[e.name for e in EFFECTS])


def forget() -> None:
    for module in (ladder, learned_filters, lighting, rotation, textures):
        module._experiment.cache_clear()
    for models in (common.orchard, common.linear_models, common.fruit_cnn):
        models.cache_clear()


@pytest.mark.slow
@each
def test_the_claim_holds(effect: Effect):
    (row,) = measure([effect], [SEED])
    assert row["verdict"] == "holds", row["numbers"]


@pytest.mark.slow
@each
def test_the_claim_could_fail(effect: Effect):
    """Strict: numbers five times larger or smaller, or missing ones, are not accepted."""
    good = effect.run(SEED)
    assert effect.holds([good])
    caught = 0
    for name, value in good.items():
        for other in (5 * value + 0.1, value / 5 - 0.1):
            caught += not effect.holds([good, {**good, name: other}])
    assert caught >= 5
    assert not effect.holds([dict.fromkeys(good, math.nan)])
    assert not effect.holds([dict.fromkeys(good, 0.5)])


@pytest.mark.slow
@each
def test_the_picture_is_complete(effect: Effect):
    shown = effect.show(SEED)
    assert shown.figure is not None
    assert len(shown.alt) > 100
    assert any(c.isdigit() for c in shown.caption)
    assert len(shown.png()) < 120_000
    for axes in shown.figure.axes:
        assert axes.get_title(loc="left")
        assert axes.images or (axes.get_xlabel() and axes.get_title(loc="left"))


@pytest.mark.slow
@each
def test_equal_seeds_give_equal_numbers_and_others_differ(effect: Effect):
    first = effect.run(SEED)
    forget()
    assert effect.run(SEED) == first
    assert effect.run(6) != first


@pytest.mark.slow
@each
def test_the_claim_holds_over_seeds(effect: Effect):
    (row,) = measure([effect], [0, 1, 1000])
    assert row["verdict"] == "holds", row["numbers"]


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
    assert common.score(plain, test) > 0.88
    assert abs(common.score(scaled, test) - common.score(plain, test)) < 0.02


def test_the_network_learns_and_its_start_comes_from_the_generator():
    x = torch.rand(60, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    y = torch.arange(60) % 3
    x[y == 0, :, :16] *= 0.5
    x[y == 1, :, :, :16] *= 0.5
    models = [common.train_cnn(x, y, torch.Generator().manual_seed(1), steps=60) for _ in range(2)]
    assert torch.equal(models[0].filters, models[1].filters)
    assert common.score(models[0], (x, y)) > 0.95
    small, usual = (common.SmallCNN(3, 3, torch.Generator().manual_seed(2), first) for first in (0.1, 1.0))
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
