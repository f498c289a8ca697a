"""Section 06 on a CUDA device: the answers of the CPU, and those of torch's own average."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course.regularization import EMA, EarlyStopping, decay_step, dropout, ema_update, l2_objective
from course.training import History

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; torch sees none here"),
]

CUDA = torch.device("cuda")


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 3)).to(CUDA)


def disturb(model: nn.Module, step: int) -> None:
    g = torch.Generator(CUDA).manual_seed(step)
    with torch.no_grad():
        for p in model.parameters():
            p += 0.1 * torch.randn(p.shape, generator=g, device=CUDA)
        model.train()(torch.randn(8, 3, 8, 8, generator=g, device=CUDA))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("average_buffers", [False, True])
def test_ema_is_averaged_model(compiled, average_buffers):
    model = network()
    ema = EMA(model, 0.9, average_buffers=average_buffers, compiled=compiled)
    peer = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=average_buffers)
    peer.update_parameters(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for step in range(20):
            disturb(model, step)
            ema.update(model)
            peer.update_parameters(model)
    assert ema.compiled == compiled
    theirs = peer.module.state_dict()
    for name, value in ema.module.state_dict().items():
        assert value.device.type == "cuda"
        if value.is_floating_point():
            torch.testing.assert_close(value, theirs[name], rtol=1e-5, atol=1e-6)


def test_an_average_on_the_cpu_follows_a_model_on_the_device():
    model = network()
    ema, near = EMA(copy.deepcopy(model).cpu(), 0.9), EMA(model, 0.9)
    for step in range(5):
        disturb(model, step)
        ema.update(model)
        near.update(model)
    for a, b in zip(ema.parameters(), near.parameters(), strict=True):
        torch.testing.assert_close(a, b.cpu())


def test_formulas_give_the_answers_of_the_cpu():
    w, g = torch.randn(5, 4, device=CUDA), torch.randn(5, 4, device=CUDA)
    torch.testing.assert_close(decay_step(w, g, 0.1, 0.3).cpu(), decay_step(w.cpu(), g.cpu(), 0.1, 0.3))
    zero = torch.zeros((), device=CUDA)
    torch.testing.assert_close(l2_objective(zero, [w, g], 0.3).cpu(), l2_objective(zero.cpu(), [w.cpu(), g.cpu()], 0.3))
    torch.testing.assert_close(ema_update([w], [g], 0.9, 3)[0].cpu(), ema_update([w.cpu()], [g.cpu()], 0.9, 3)[0])


def test_dropout_draws_on_the_device():
    x = torch.ones(1000, 100, device=CUDA)
    out = dropout(x, 0.3, True, torch.Generator(CUDA).manual_seed(0))
    assert out.device.type == "cuda"
    assert abs((out == 0).double().mean().item() - 0.3) < 0.01
    assert torch.equal(out, dropout(x, 0.3, True, torch.Generator(CUDA).manual_seed(0)))


def test_early_stopping_keeps_the_state_on_the_device():
    model, history = network(), History()
    stop = EarlyStopping(model, 1)
    history.validation_accuracy.append(0.5)
    stop(history)
    before = copy.deepcopy(model.state_dict())
    disturb(model, 0)
    stop.restore()
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
