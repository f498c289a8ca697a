"""Batch norm, fine-tuning, loss surfaces and the challenge's budget: against torch, and against their own "
"definitions."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course import recipe


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# -------------------------------------------------------------------------------------------- batch norm


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 4), st.lists(st.integers(1, 4), max_size=3), st.booleans(), st.floats(0.0, 1.0)
)
def test_batch_norm_is_torchs(n, c, places, training, momentum):
    x = normal(n, c, *places, seed=n) * 3 + 1
    if training and x.numel() // c < 2:
        with pytest.raises(ValueError, match="more than one value"):
            recipe.batch_norm(x, *[torch.ones(c)] * 4, True)
        return
    gamma, beta, mean, var = normal(4, c, seed=c)
    var = var.abs() + 0.1
    theirs = (mean.clone(), var.clone())
    wanted = F.batch_norm(x, *theirs, gamma, beta, training, momentum, 1e-5)
    y, *new = recipe.batch_norm(x, gamma, beta, mean, var, training, momentum)
    torch.testing.assert_close(y, wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(tuple(new), theirs, rtol=1e-5, atol=1e-5)


def test_gradients_of_batch_norm_are_torchs():
    x = normal(6, 3, 4, 4).double().requires_grad_()
    gamma, beta = normal(2, 3, seed=1).double()
    args = [gamma.requires_grad_(), beta.requires_grad_(), torch.zeros(3).double(), torch.ones(3).double()]
    weight = normal(6, 3, 4, 4, seed=2).double()
    ours = torch.autograd.grad((recipe.batch_norm(x, *args, True)[0] * weight).sum(), (x, *args[:2]))
    y = F.batch_norm(x, args[2].clone(), args[3].clone(), args[0], args[1], True)
    torch.testing.assert_close(ours, torch.autograd.grad((y * weight).sum(), (x, *args[:2])))


def test_the_layer_trades_states_with_torchs():
    ours, theirs = recipe.BatchNorm(3), nn.BatchNorm2d(3)
    for seed in range(3):
        x = normal(4, 3, 5, 5, seed=seed) + seed
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert ours.num_batches_tracked == 3
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("x", "c", "said"),
    [(torch.ones(3), 3, "shape"), (torch.ones(2, 3, dtype=torch.int64), 3, "numbers"), (torch.ones(2, 3), 2, "gamma")],
)
def test_bad_input_is_said(x, c, said):
    with pytest.raises(ValueError, match=said):
        recipe.batch_norm(x, *[torch.ones(c)] * 4, False)


# ------------------------------------------------------------------------------------------- fine-tuning


def net() -> nn.Module:
    return recipe.Network(recipe.Budget(), torch.Generator().manual_seed(0), norm=recipe.BatchNorm)


def test_groups_hold_all_that_learns_once():
    model = net()
    for p in model.body[0].parameters():
        p.requires_grad_(False)
    groups = recipe.finetune_groups(model, 0.001, 0.01)
    assert [g["lr"] for g in groups] == [0.001, 0.01]
    given_ = [id(p) for g in groups for p in g["params"]]
    assert sorted(given_) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    torch.optim.SGD(groups)


@pytest.mark.parametrize(
    ("change", "rates", "said"),
    [
        (lambda m: setattr(m, "head", None), (0.1, 0.1), "called head"),
        (lambda m: None, (-0.1, 0.1), "≥ 0"),
        (lambda m: m.requires_grad_(False), (0.1, 0.1), "frozen"),
    ],
)
def test_what_cannot_be_grouped(change, rates, said):
    model = net()
    change(model)
    with pytest.raises(ValueError, match=said):
        recipe.finetune_groups(model, *rates)


def test_transplant_copies_what_fits():
    source, target = net(), net()
    target.head = nn.Linear(128, 5)
    before = target.head.weight.clone()
    with torch.no_grad():
        source.body[0].weight.add_(1)
    assert recipe.transplant(source, target) == ["head.weight", "head.bias"]
    assert torch.equal(target.body[0].weight, source.body[0].weight)
    assert torch.equal(target.head.weight, before)
    with pytest.raises(ValueError, match="nothing that fits"):
        recipe.transplant(nn.Identity(), target)


# --------------------------------------------------------------------------------------------- surfaces


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def measured(model: nn.Module) -> torch.Tensor:
    return F.cross_entropy(model(normal(8, 3)), torch.arange(8) % 2)


def test_filters_of_a_direction_are_as_long_as_those_of_the_network():
    model = net()
    (d,) = recipe.directions(model, torch.Generator().manual_seed(1), 1)
    for w, s in zip(model.parameters(), recipe.filter_normalised(d, list(model.parameters())), strict=True):
        if w.ndim < 2:
            assert not s.any()
        else:
            torch.testing.assert_close(s.flatten(1).norm(dim=1), w.detach().flatten(1).norm(dim=1))


def test_the_surface_goes_through_the_network_and_leaves_it_alone():
    model = small()
    model[1].eval()  # a part in another mode than the rest
    state, modes = copy.deepcopy(model.state_dict()), [m.training for m in model.modules()]
    u, v = recipe.directions(model, torch.Generator().manual_seed(0))
    surface = recipe.loss_surface(model, measured, u, v, [0.0, 0.5], [-1.0, 0.0, 1.0])
    assert surface.shape == (2, 3)
    assert [m.training for m in model.modules()] == modes
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name])
    torch.testing.assert_close(surface[0, 1], measured(model.eval()).detach())
    swapped = recipe.loss_surface(model, measured, v, u, [-1.0, 0.0, 1.0], [0.0, 0.5])
    torch.testing.assert_close(swapped.T, surface)


def test_the_network_is_put_back_if_the_loss_fails():
    model = small()
    state = copy.deepcopy(model.state_dict())

    def fails(_: nn.Module) -> torch.Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        recipe.loss_surface(model, fails, *recipe.directions(model, torch.Generator()), [0.5], [0.5])
    assert model.training
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_a_line_ends_at_the_other_network():
    a, b = small().eval(), small().eval()
    with torch.no_grad():
        b[0].weight.add_(1)
    line = recipe.loss_line(a, measured, [p.detach() for p in b.parameters()], [0.0, 0.5, 1.0])
    torch.testing.assert_close(line[[0, 2]], torch.stack([measured(a), measured(b)]).detach())


def test_directions_must_fit():
    model = small()
    with pytest.raises(ValueError, match="one tensor per parameter"):
        recipe.filter_normalised([torch.ones(1)], list(model.parameters()))
    with pytest.raises(ValueError, match="one tensor per parameter"):
        recipe.loss_line(model, measured, [], [0.0])


# ----------------------------------------------------------------------------------------------- budget


def test_the_budget_counts_what_goes_through_with_gradients():
    budget = recipe.Budget(10)
    model = recipe.Network(budget, torch.Generator().manual_seed(0))
    twin = copy.deepcopy(model)
    model(torch.zeros(4, 3, 16, 16))
    twin(torch.zeros(3, 3, 16, 16))
    with torch.no_grad():
        model(torch.zeros(99, 3, 16, 16))
    assert (budget.used, budget.left) == (7, 3)
    with pytest.raises(recipe.BudgetSpent, match="no longer fits"):
        model(torch.zeros(4, 3, 16, 16))
    assert budget.left == 3
    with pytest.raises(ValueError, match="at least one"):
        recipe.Budget(0)


@pytest.mark.parametrize(
    "learn",
    [
        lambda model, x: model.head(model.body(x)),
        lambda model, x: model.head(input=model.body[1:](model.body[0](x))),
        lambda model, x: model.forward(x),
        lambda model, x: copy.deepcopy(model.body)(x),
        lambda model, x: torch.func.functional_call(model, dict(model.named_parameters()), (x,)),
        lambda model, x: model.requires_grad_(False)(x),
    ],
)
def test_each_picture_is_paid_once_whichever_way_it_takes(learn):
    budget = recipe.Budget(10)
    learn(recipe.Network(budget), torch.zeros(4, 3, 16, 16))
    assert budget.used == 4


def test_a_head_that_learns_from_features_made_without_gradients_pays():
    budget = recipe.Budget(10)
    model = recipe.Network(budget)
    with torch.no_grad():
        features = model.body(torch.zeros(4, 3, 16, 16))
    assert budget.used == 0
    model.head(features)
    assert budget.used == 4
    model(torch.zeros(4, 3, 16, 16))
    assert budget.used == 8
    for _ in range(2):  # refused is refused, however often one asks
        with pytest.raises(recipe.BudgetSpent):
            model.head(features)
    assert budget.used == 8


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(16), "batch"])
def test_a_norm_is_a_function_of_the_channels(norm):
    with pytest.raises(TypeError, match="without parentheses"):
        recipe.Network(recipe.Budget(), norm=norm)


def test_equal_generators_give_equal_starts():
    a, b = (recipe.Network(recipe.Budget(), torch.Generator().manual_seed(3)) for _ in range(2))
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
