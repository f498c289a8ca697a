"""Equivalences of section 06."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course import regularization
from course.equivalences.equivalence import Equivalence


def _decay_step(g: torch.Generator) -> tuple[Any, Any]:
    w, gradient = torch.randn(12, generator=g), torch.randn(12, generator=g)
    theirs = nn.Parameter(w.clone())
    theirs.grad = gradient
    torch.optim.SGD([theirs], lr=0.1, weight_decay=0.05).step()
    return regularization.decay_step(w, gradient, 0.1, 0.05), theirs


def _walk(g: torch.Generator, *averages: Any) -> Tensor:
    """Twenty updates of averages of one model that moves; the first are like the model."""
    model, start = nn.Linear(4, 3), torch.randn(20, 3, 4, generator=g)
    model.load_state_dict({"weight": start[0], "bias": start[0, :, 0]})
    made = [average(model) for average in averages]
    for weight in start[1:]:
        model.load_state_dict({"weight": weight, "bias": weight[:, 0]})
        for one in made:
            getattr(one, "update_parameters" if hasattr(one, "update_parameters") else "update")(model)
    return torch.stack([one.module.weight.detach() for one in made])


def _ema(model: nn.Module) -> regularization.EMA:
    return regularization.EMA(model, 0.9)


def _averaged_model(g: torch.Generator) -> tuple[Any, Any]:
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    def theirs(model: nn.Module) -> AveragedModel:
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        average.update_parameters(model)  # its first update copies
        return average

    found = _walk(g, _ema, theirs)
    return found[0], found[1]


def _timm_ema(g: torch.Generator) -> tuple[Any, Any]:
    from timm.utils import ModelEmaV3

    found = _walk(g, _ema, lambda model: ModelEmaV3(model, decay=0.9))
    return found[0], found[1]


def _dropout(g: torch.Generator) -> tuple[Any, Any]:
    """Where both keep a number, which is what two streams of random numbers can be compared by."""
    from torch.nn.functional import dropout

    x = torch.rand(4000, generator=g) + 1
    ours, theirs = regularization.dropout(x, 0.3, True, g), dropout(x, 0.3)
    both = (ours != 0) & (theirs != 0)
    return ours[both], theirs[both]


EQUIVALENCES = (
    Equivalence(
        "regularization.decay_step",
        "torch.optim.SGD",
        "`weight_decay=λ` for the penalty λ/2 ‖w‖².",
        1e-6,
        _decay_step,
    ),
    Equivalence(
        "regularization.EMA",
        "torch.optim.swa_utils.AveragedModel",
        "`multi_avg_fn=get_ema_multi_avg_fn(β)`. Its first update copies the model; ours copies when it is made.",
        1e-5,
        _averaged_model,
    ),
    Equivalence("regularization.EMA", "timm.utils.ModelEmaV3", "`decay=β`, without its warmup.", 1e-5, _timm_ema),
    Equivalence(
        "regularization.dropout",
        "torch.nn.functional.dropout",
        "p is the probability to drop; what stays is divided by 1 − p. Compared where both keep a number.",
        1e-6,
        _dropout,
    ),
)
