"""The references of section 09: formulas, gates, skipping, and the map to torchvision and timm."""

from __future__ import annotations

import copy
import itertools
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.ops import stochastic_depth as torchvisions

from course.depth import (
    ResNet,
    StochasticDepth,
    Widening,
    depth_distribution,
    draw_gates,
    expected_depth,
    residual,
    skip,
    spread,
    stochastic_depth,
    survival_probabilities,
)

unhurried = settings(deadline=None, max_examples=25)
chances = st.floats(0, 1)
modes = st.sampled_from(["row", "batch"])
shapes = st.sampled_from([(5, 3), (4, 2, 3, 3), (3, 3), (1, 2), (2, 4, 5)])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def affine(x: torch.Tensor) -> torch.Tensor:
    """A branch that treats each sample on its own; f(0) is not 0."""
    return 1.5 + x.sin()


# -------------------------------------------------------------------------------------------------- formulas


@unhurried
@given(shapes, st.integers(0, 10**6))
def test_a_closed_gate_is_the_identity_and_an_open_one_the_block(shape, seed):
    x = torch.randn(shape, generator=seeded(seed)).abs()
    n = len(x)
    torch.testing.assert_close(residual(x, affine, torch.zeros(n)), x)
    torch.testing.assert_close(residual(x, affine, torch.ones(n)), (x + affine(x)).relu())
    b = torch.randint(2, (n,), generator=seeded(seed)).float()
    for i, out in enumerate(residual(x, affine, b)):
        torch.testing.assert_close(out, (x[i] + b[i] * affine(x[i])).relu())


@unhurried
@given(shapes, chances, modes, st.booleans(), st.integers(0, 10**6))
def test_torchvisions_is_ours_with_the_branch_scaled(shape, p, mode, training, seed):
    x = torch.randn(shape, generator=seeded(seed), dtype=torch.float64)
    torch.manual_seed(seed)
    ours = stochastic_depth(x, affine, p, training, mode=mode)
    torch.manual_seed(seed)
    theirs = x + torchvisions(p * affine(x), 1 - p, mode, training)
    if abs(p - (1 - (1 - p))) < 1e-12 and (p == 0 or p > 1e-6):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("p", [0.3, 0.8])
def test_timms_is_ours_with_the_branch_scaled(p):
    layers = pytest.importorskip("timm.layers")
    x = torch.randn(50, 3, 2, 2, generator=seeded())
    for training in (True, False):
        torch.manual_seed(3)
        ours = stochastic_depth(x, affine, p, training)
        torch.manual_seed(3)
        torch.testing.assert_close(ours, x + layers.drop_path(p * affine(x), 1 - p, training))


@pytest.mark.parametrize("p", [0.25, 0.7])
@pytest.mark.parametrize("mode", ["row", "batch"])
def test_both_conventions_have_the_same_mean_in_training_as_at_test_time(p, mode):
    """Exactly, over the two values of b; and ours over many draws."""
    x = torch.randn(3, 2, generator=seeded(), dtype=torch.float64)
    f, test = affine(x), stochastic_depth(x, affine, p, training=False)
    torch.testing.assert_close(p * (x + f) + (1 - p) * x, test)
    torch.testing.assert_close(p * (x + f / p) + (1 - p) * x, x + torchvisions(f, 1 - p, mode, False))
    g = seeded(1)
    mean = torch.stack([stochastic_depth(x, affine, p, True, g, mode) for _ in range(4000)]).mean(0)
    assert ((mean - test).abs() < 6 * f.abs() * (p * (1 - p) / 4000) ** 0.5).all()


@unhurried
@given(st.integers(1, 60), chances)
def test_survival_falls_along_a_line_from_the_input_to_the_last_block(blocks, p_last):
    p = survival_probabilities(blocks, p_last)
    assert p.shape == (blocks,)
    assert p[-1].item() == pytest.approx(p_last, abs=1e-6)
    line = torch.cat([torch.ones(1), p])
    torch.testing.assert_close(line.diff(), torch.full((blocks,), (p_last - 1) / blocks), atol=1e-6, rtol=0)
    depth = expected_depth(p).item()
    assert depth == pytest.approx(blocks * (1 + p_last) / 2 - (1 - p_last) / 2, abs=1e-3)


def test_the_expected_depth_of_the_paper():
    """Huang et al. (2016): 54 blocks, p_L = ½: (3L − 1)/4 = 40.25, about 40."""
    assert expected_depth(survival_probabilities(54, 0.5)).item() == pytest.approx(40.25)


@unhurried
@given(st.lists(chances, min_size=1, max_size=7))
def test_the_distribution_of_the_depth_is_that_of_all_gates(p):
    p = torch.tensor(p, dtype=torch.float64)
    counted = torch.zeros(len(p) + 1, dtype=torch.float64)
    for gates in itertools.product([0, 1], repeat=len(p)):
        b = torch.tensor(gates, dtype=torch.float64)
        counted[int(b.sum())] += (b * p + (1 - b) * (1 - p)).prod()
    found = depth_distribution(p)
    torch.testing.assert_close(found, counted)
    torch.testing.assert_close(found @ torch.arange(len(p) + 1, dtype=torch.float64), expected_depth(p))


# ----------------------------------------------------------------------------------------------------- gates


@unhurried
@given(st.floats(0.05, 0.95), st.integers(0, 10**6))
def test_gates_are_open_with_probability_p(p, seed):
    b = draw_gates(20_000, p, seeded(seed))
    assert set(b.tolist()) == {0.0, 1.0}
    assert abs(b.mean().item() - p) < 6 * (p * (1 - p) / len(b)) ** 0.5
    assert torch.equal(b, draw_gates(20_000, p, seeded(seed)))
    assert len(draw_gates(20_000, p, seeded(seed), "batch").unique()) == 1


@unhurried
@given(shapes, st.integers(0, 10**6), st.booleans())
def test_skipping_changes_no_number_and_no_gradient(shape, seed, with_shortcut):
    x = torch.randn(shape, generator=seeded(seed), dtype=torch.float64)
    b = torch.randint(2, (len(x),), generator=seeded(seed)).double()
    w = torch.tensor(0.7, dtype=torch.float64)
    shortcut = torch.cos if with_shortcut else None
    answers = []
    for skipping in (True, False):
        leaf, weight = x.clone().requires_grad_(), w.clone().requires_grad_()

        def branch(h, weight=weight):
            return weight * affine(h)

        start = leaf if shortcut is None else shortcut(leaf)
        out = skip(leaf, branch, b, shortcut) if skipping else start + spread(b, x) * branch(leaf)
        (out**2).sum().backward()
        answers.append((out.detach(), leaf.grad, torch.zeros(()).double() if weight.grad is None else weight.grad))
    for ours, theirs in zip(*answers, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_only_survivors_are_computed():
    seen = []

    def branch(x):
        seen.append(len(x))
        return x

    x = torch.randn(5, 2)
    skip(x, branch, torch.tensor([1.0, 0, 0, 1, 0]))
    skip(x, branch, torch.zeros(5))
    skip(x, branch, torch.ones(5))
    skip(x, branch, torch.tensor(0.0))
    assert seen == [2, 5]


# --------------------------------------------------------------------------------------------------- modules


@unhurried
@given(shapes, chances, modes, st.booleans(), st.integers(0, 10**6))
def test_the_module_is_the_function(shape, p, mode, skipping, seed):
    class Affine(nn.Module):
        def forward(self, x):
            return affine(x)

    x = torch.randn(shape, generator=seeded(seed))
    module = StochasticDepth(Affine(), p, mode, skipping, generator=seeded(seed))
    torch.testing.assert_close(module(x), stochastic_depth(x, affine, p, True, seeded(seed), mode))
    torch.testing.assert_close(module.eval()(x), stochastic_depth(x, affine, p, False))
    b = draw_gates(len(x), 0.5, seeded(seed))
    torch.testing.assert_close(module(x, b), x + spread(b, x) * affine(x))


def test_a_resnet_20_has_the_parameters_of_the_paper():
    model = ResNet()
    assert sum(p.numel() for p in model.parameters()) == 269_722
    assert len(model.blocks) == 9
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert model.eval()(torch.rand(2, 3, 16, 16)).shape == (2, 10)


def test_without_stochastic_depth_gates_are_all_open():
    x = torch.rand(4, 3, 16, 16, generator=seeded())
    models = [ResNet(3, (1, 2), (4, 8), p_last=1.0, skip=s, generator=seeded()) for s in (True, False)]
    torch.testing.assert_close(models[0](x), models[1](x))
    torch.testing.assert_close(models[0](x, torch.ones(3)), models[1](x, torch.ones(3, 4)))


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_a_network_with_given_gates_is_one_of_its_paths(mode):
    x = torch.rand(6, 3, 16, 16, generator=seeded())
    model, twin = (ResNet(3, (2, 2), (4, 8), 0.5, mode=mode, skip=s, generator=seeded()).eval() for s in (True, False))
    b = model.draw(6, seeded(3))
    assert b.shape == (4, 6)
    assert (mode == "batch") == all(len(row.unique()) == 1 for row in b)
    torch.testing.assert_close(model(x, b), twin(x, b))
    for i in range(6):
        torch.testing.assert_close(model(x, b)[i : i + 1], model(x[i : i + 1], b[:, i]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.survival, survival_probabilities(4, 0.5))


def test_equal_seeds_train_equally_and_the_start_does_not_depend_on_p():
    x, y = torch.rand(8, 3, 16, 16, generator=seeded()), torch.arange(8) % 3
    losses = []
    for _ in range(2):
        model = ResNet(3, (1, 1), (4, 8), 0.5, generator=seeded(4))
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(4):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] == losses[1]
    a, b = (ResNet(3, (1, 1), (4, 8), p, generator=seeded(4)).state_dict() for p in (1.0, 0.2))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_models_can_be_copied_and_saved():
    model = ResNet(3, (1, 1), (4, 8), 0.5).eval()
    x = torch.rand(2, 3, 16, 16)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(other(x), model(x))
    again = ResNet(3, (1, 1), (4, 8), 0.5).eval()
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again(x), model(x))


def test_half_precision_inside_a_branch_is_added_in_the_networks_own():
    x = torch.rand(4, 3, 16, 16)
    model = ResNet(3, (1, 1), (4, 8), 0.5, generator=seeded())
    with torch.autocast("cpu", torch.bfloat16):
        out = model(x, torch.tensor([[1.0, 0, 1, 0], [0, 1, 1, 1]]))
    assert out.isfinite().all()


def test_the_widening_shortcut_keeps_every_second_pixel():
    x = torch.rand(2, 3, 5, 4)
    out = Widening(2)(x)
    assert out.shape == (2, 5, 3, 2)
    assert torch.equal(out[:, :3], x[:, :, ::2, ::2])
    assert not out[:, 3:].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stochastic_depth(torch.ones(2), affine, 1.2), "probability to survive"),
        (lambda: stochastic_depth(torch.ones(2), affine, float("nan")), "probability to survive"),
        (lambda: stochastic_depth(torch.ones(2), affine, 0.5, mode="col"), "'row'.*'batch'"),  # type: ignore[arg-type]
        (lambda: residual(torch.ones(3, 2), affine, torch.ones(2)), "one for each of 3 samples"),
        (lambda: skip(torch.ones(3, 2), affine, torch.ones(3, 1)), "one for each of 3 samples"),
        (lambda: survival_probabilities(0, 0.5), "at least one block"),
        (lambda: survival_probabilities(3, -0.1), "probability to survive"),
        (lambda: StochasticDepth(nn.Identity(), 2.0), "probability to survive"),
        (lambda: ResNet(blocks=(1, 1), widths=(4,)), "a width for each stage"),
        (lambda: ResNet(blocks=(1,), widths=(4,), p=[0.5, 0.5]), "a probability for each block"),
        (lambda: ResNet(blocks=(1,), widths=(4,))(torch.rand(2, 3, 8, 8), torch.ones(2)), "gates for 1 blocks"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
