"""Weight decay, early stopping, averages and dropout: the mathematics, and agreement with torch and timm."""

from __future__ import annotations

import copy
import math
import pickle
import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from course import regularization
from course.data import digits
from course.descent import SGD
from course.regularization import (
    EMA,
    Dropout,
    EarlyStopping,
    decay_groups,
    decay_step,
    dropout,
    dropout_mask,
    ema_update,
    l2_objective,
)
from course.training import History, fit

unhurried = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 10**6)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 10))


def disturb(model: nn.Module, step: int) -> None:
    """What a training step does, as far as averages are concerned: parameters move, running statistics too."""
    with torch.no_grad():
        for p in model.parameters():
            p += 0.1 * torch.randn(p.shape, generator=seeded(step))
        model.train()
        model(torch.randn(8, 1, 8, 8, generator=seeded(step)))


# -------------------------------------------------------------------------------------------- weight decay


@unhurried
@given(seeds, st.floats(0, 10), st.booleans())
def test_the_gradient_of_the_objective_is_that_of_the_loss_plus_lambda_w(seed, lam, matrices_only):
    model = network(seed).double()
    x, y = torch.randn(6, 1, 8, 8, generator=seeded(seed), dtype=torch.float64), torch.arange(6)
    params = list(model.parameters())
    loss = F.cross_entropy(model(x), y)
    plain = torch.autograd.grad(loss, params, retain_graph=True)
    full = torch.autograd.grad(l2_objective(loss, params, lam, matrices_only), params)
    for p, a, b in zip(params, plain, full, strict=True):
        counted = p.ndim >= 2 or not matrices_only
        torch.testing.assert_close(b, a + lam * p.detach() * counted)


@unhurried
@given(seeds, st.floats(0, 1), st.floats(0, 1))
def test_a_decay_step_is_a_gradient_step_on_the_objective_and_torchs(seed, lr, lam):
    w, grad = (torch.randn(4, 3, generator=seeded(seed + i), dtype=torch.float64) for i in range(2))
    live = w.clone().requires_grad_()
    (of_r,) = torch.autograd.grad(l2_objective((live * grad).sum(), [live], lam), live)
    stepped = decay_step(w, grad, lr, lam)
    torch.testing.assert_close(stepped, w - lr * of_r)
    peer = nn.Parameter(w.clone())
    peer.grad = grad.clone()
    torch.optim.SGD([peer], lr=lr, weight_decay=lam).step()
    torch.testing.assert_close(stepped, peer.detach())


def test_many_decays_at_once_are_the_same_as_one_by_one():
    w, grad, lams = torch.randn(3, 4, generator=seeded()), torch.ones(3, 4), torch.tensor([[0.0], [0.1], [2.0]])
    for i, row in enumerate(decay_step(w, grad, 0.1, lams)):
        torch.testing.assert_close(row, decay_step(w[i], grad[i], 0.1, lams[i].item()))


def test_biases_and_normalisation_are_in_the_group_that_does_not_decay():
    model = network()
    model[0].bias.requires_grad_(False)
    matrices, vectors = decay_groups(model, 0.1)
    assert [p.ndim for p in matrices["params"]] == [4, 2]
    assert [p.ndim for p in vectors["params"]] == [1, 1, 1]
    optimizer = torch.optim.AdamW([matrices, vectors], lr=0.01)
    assert [g["weight_decay"] for g in optimizer.param_groups] == [0.1, 0.0]


@pytest.mark.parametrize("bad", [-1.0, math.nan])
def test_a_negative_decay_is_refused(bad):
    with pytest.raises(ValueError, match="lam must be"):
        l2_objective(torch.zeros(()), [], bad)
    with pytest.raises(ValueError, match="weight_decay must be"):
        decay_groups(network(), bad)


# ------------------------------------------------------------------------------------------ early stopping


@unhurried
@given(st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8]), min_size=1, max_size=15), st.integers(1, 5))
def test_it_stops_when_told_and_restores_the_first_best_state(accuracies, patience):
    model, history = nn.Linear(1, 1), History()
    stop, seen = EarlyStopping(model, patience), []
    for epoch, accuracy in enumerate(accuracies):
        with torch.no_grad():
            model.weight.fill_(float(epoch))
        history.validation_accuracy.append(accuracy)
        seen.append(accuracy)
        told = stop(history)
        since = len(seen) - 1 - seen.index(max(seen))
        assert told == (since >= patience)
        if told:
            break
    stop.restore()
    assert model.weight.item() == seen.index(max(seen)) == stop.epoch - 1
    assert stop.best == max(seen)


def test_it_plugs_into_fit_and_brings_back_running_statistics():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))
    stop, states = EarlyStopping(model, patience=2), []
    history = fit(
        model,
        digits("train"),
        SGD(model.parameters(), 0.5, momentum=0.9),
        epochs=40,
        validation=digits("validation"),
        after_epoch=[lambda _: states.append(copy.deepcopy(model.state_dict())), stop],
        generator=seeded(),
        progress=False,
    )
    assert history.ended == "stopped"
    assert len(history.epoch_ends) == stop.epoch + 2
    stop.restore()
    best = states[stop.epoch - 1]
    assert all(torch.equal(value, best[name]) for name, value in model.state_dict().items())
    assert stop.best == max(history.validation_accuracy) == history.validation_accuracy[stop.epoch - 1]


def test_what_cannot_be_stopped_early_says_so():
    model = nn.Linear(1, 1)
    with pytest.raises(ValueError, match="patience"):
        EarlyStopping(model, 0)
    stop, history = EarlyStopping(model, 1), History()
    with pytest.raises(ValueError, match="validation"):
        stop(history)
    with pytest.raises(RuntimeError, match="no state"):
        stop.restore()
    history.validation_accuracy.append(math.nan)
    assert stop(history), "nan is not better than anything"


# -------------------------------------------------------------------------------------- averages of weights


@unhurried
@given(seeds, st.floats(0, 1), st.integers(1, 5), st.integers(1, 6))
def test_the_average_is_the_weighted_sum_of_all_weights(seed, beta, every, updates):
    live = [torch.randn(2, 3, generator=seeded(seed + i), dtype=torch.float64) for i in range(updates + 1)]
    average = [live[0]]
    for w in live[1:]:
        average = ema_update(average, [w], beta, every)
    memory = beta**every
    shares = [memory**updates] + [(1 - memory) * memory ** (updates - i) for i in range(1, updates + 1)]
    assert sum(shares) == pytest.approx(1)
    torch.testing.assert_close(average[0], sum(s * w for s, w in zip(shares, live, strict=True)))


@unhurried
@given(seeds, st.floats(0, 1), st.integers(1, 8))
def test_k_steps_with_weights_at_rest_are_one_update_with_beta_to_the_k(seed, beta, k):
    a, w = (torch.randn(5, generator=seeded(seed + i), dtype=torch.float64) for i in range(2))
    slow = [a]
    for _ in range(k):
        slow = ema_update(slow, [w], beta)
    torch.testing.assert_close(slow, ema_update([a], [w], beta, k))


@pytest.mark.parametrize("average_buffers", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_ema_is_averaged_model(average_buffers, compiled, monkeypatch):
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **options: compile_(f, backend="eager", **options))
    model = network()
    ema = EMA(model, 0.9, average_buffers=average_buffers, compiled=compiled)
    peer = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=average_buffers)
    peer.update_parameters(model)  # the first update copies
    for step in range(20):
        disturb(model, step)
        ema.update(model)
        peer.update_parameters(model)
    theirs = peer.module.state_dict()
    for name, value in ema.module.state_dict().items():
        if value.is_floating_point():  # torch averages the counter of batches as well, and rounds
            torch.testing.assert_close(value, theirs[name], rtol=1e-5, atol=1e-6)
    assert ema.module[1].num_batches_tracked == model[1].num_batches_tracked
    assert ema.compiled == compiled
    x = torch.randn(4, 1, 8, 8, generator=seeded())
    torch.testing.assert_close(ema(x), peer.eval()(x), rtol=1e-4, atol=1e-5)


def test_ema_is_timms():
    timm = pytest.importorskip("timm.utils")
    model = network()
    ema, peer = EMA(model, 0.9), timm.ModelEmaV3(model, decay=0.9)
    for step in range(10):
        disturb(model, step)
        ema.update(model)
        peer.update(model)
    theirs = peer.module.state_dict()
    for name, value in ema.module.state_dict().items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-5, atol=1e-6)


def test_every_k_updates_at_every_kth_step_only():
    model = network()
    ema, average = EMA(model, 0.9, every=3), [p.detach().clone() for p in model.parameters()]
    for step in range(1, 8):
        disturb(model, step)
        ema.update(model)
        if step % 3 == 0:
            average = ema_update(average, [p.detach() for p in model.parameters()], 0.9, 3)
        torch.testing.assert_close([p.detach() for p in ema.module.parameters()], average)


def test_the_model_and_its_gradients_are_left_alone():
    model = network()
    before = copy.deepcopy(model.state_dict())
    ema = EMA(model, 0.5)
    ema.update(model)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.requires_grad for p in model.parameters())
    assert not any(p.requires_grad for p in ema.parameters())
    assert {p.data_ptr() for p in model.parameters()}.isdisjoint(p.data_ptr() for p in ema.parameters())
    assert model.training
    assert not ema.training


@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
def test_a_saved_average_goes_on(way):
    model, twin = network(), network()
    ema = EMA(model, 0.9, every=2)
    for step in range(3):
        disturb(model, step)
        ema.update(model)
    if way == "state_dict":
        other = EMA(twin, 0.9, every=2)
        other.load_state_dict(ema.state_dict())
    else:
        other = pickle.loads(pickle.dumps(ema)) if way == "pickle" else copy.deepcopy(ema)
    for step in range(3, 6):
        disturb(model, step)
        ema.update(model)
        other.update(model)
    assert other.updates == ema.updates == 6
    ours, theirs = ema.module.state_dict(), other.module.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_statistics_can_be_measured_anew():
    model = network()
    ema = EMA(model, 0.5)
    disturb(model, 0)
    ema.update(model)
    x = torch.randn(64, 1, 8, 8, generator=seeded(3)) + 5
    update_bn([x], ema)
    torch.testing.assert_close(ema.module[1].running_mean, ema.module[0](x).mean((0, 2, 3)))
    assert not ema.training


def test_without_a_compiler_a_warning_says_so_and_the_average_is_the_same(monkeypatch):
    def broken(*arguments):
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", lambda f, **options: broken)
    model = network()
    ema, plain = EMA(model, 0.9, compiled=True), EMA(model, 0.9)
    ema.update(model)
    plain.update(model)
    disturb(model, 0)
    with pytest.warns(UserWarning, match=r"uncompiled.*same results.*no C\+\+ compiler"):
        ema.update(model)
    plain.update(model)
    disturb(model, 1)
    ema.update(model)
    plain.update(model)
    assert not ema.compiled
    for a, b in zip(ema.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("bad", "message"), [({"beta": 1.5}, "beta"), ({"beta": math.nan}, "beta"), ({"every": 0}, "every")]
)
def test_nonsense_is_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        EMA(nn.Linear(2, 2), **bad)
    with pytest.raises(ValueError, match=message):
        ema_update([torch.zeros(1)], [torch.zeros(1)], **{"beta": 0.5, **bad})


def test_another_model_is_refused():
    ema = EMA(nn.Linear(2, 2), 0.9)
    with pytest.raises(ValueError, match="other parameters"):
        ema.update(nn.Linear(2, 3))
    with pytest.raises(ValueError, match="as many"):
        ema_update([torch.zeros(1)], [], 0.5)


# -------------------------------------------------------------------------------------------------- dropout


@unhurried
@given(seeds, st.floats(0, 0.95))
def test_what_stays_is_scaled_and_the_share_is_p(seed, p):
    x = torch.randn(80, 60, generator=seeded(seed)) + 4
    out = dropout(x, p, True, seeded(seed))
    kept = out != 0
    torch.testing.assert_close(out[kept], x[kept] / (1 - p))
    assert torch.equal(kept, dropout_mask(x.shape, p, seeded(seed)))
    assert abs(kept.double().mean().item() - (1 - p)) < 6 * math.sqrt(p * (1 - p) / x.numel()) + 1e-9
    assert torch.equal(out, dropout(x, p, True, seeded(seed))), "equal seeds drop the same"


def test_at_the_same_mask_it_is_torchs():
    x = torch.randn(50, 40, generator=seeded(), requires_grad=True)
    torch.manual_seed(3)
    theirs = F.dropout(x, 0.3)
    mask = theirs != 0
    ours = dropout(x, 0.3, True, seeded(1))
    both = mask & (ours != 0)
    torch.testing.assert_close(ours[both], theirs[both])
    assert abs(mask.double().mean() - (ours != 0).double().mean()) < 0.05


def test_evaluation_and_the_ends_of_p():
    x = torch.tensor([1.0, -2.0, math.inf])
    assert dropout(x, 0.5, False) is x
    assert torch.equal(dropout(x, 0.0, True), x)
    assert dropout(x, 1.0, True).tolist() == [0, 0, 0]
    for bad in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="probability"):
            dropout(x, bad, True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_type_stays_and_the_gradient_comes_through(dtype):
    x = torch.ones(30, 20, dtype=dtype, requires_grad=True)
    out = dropout(x, 0.5, True, seeded())
    assert out.dtype == dtype
    (grad,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(grad, out.detach())


def test_the_layer_drops_in_training_only_and_draws_anew():
    layer, x = Dropout(0.5, seeded()), torch.ones(100)
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    assert torch.equal(layer.eval()(x), x)
    assert torch.equal(Dropout(0.5, seeded())(x), first)


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model: nn.Module = network()
        EMA(model, 0.9).update(model)
        dropout(Tensor([1.0]), 0.5, True)
    assert regularization.__doc__
