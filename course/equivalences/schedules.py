"""Equivalences of section 04: the rates of 50 steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import lr_scheduler

from course import schedules
from course.equivalences.equivalence import Both, Equivalence
from course.schedules import Schedule

STEPS = 50


def _optimizer(lr: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def _lr(g: torch.Generator) -> float:
    return float(torch.rand((), generator=g)) + 0.1


def _torchs(ours: Callable[[float], Schedule], theirs: Callable[[Any], Any]) -> Both:
    def both(g: torch.Generator) -> tuple[Any, Any]:
        lr = _lr(g)
        scheduler = theirs(_optimizer(lr))
        found = []
        for _ in range(STEPS):
            found.append(scheduler.get_last_lr()[0])
            scheduler.optimizer.step()
            scheduler.step()
        schedule = ours(lr)
        return [schedule(t) for t in range(STEPS)], found

    return both


def _timms(ours: Callable[[float], Schedule], name: str, **options: Any) -> Both:
    def both(g: torch.Generator) -> tuple[Any, Any]:
        from timm import scheduler

        lr = _lr(g)
        theirs, schedule, found = getattr(scheduler, name)(_optimizer(lr), **options), ours(lr), []
        for t in range(STEPS):
            theirs.step(t)
            found.append(theirs.optimizer.param_groups[0]["lr"])
        return [schedule(t) for t in range(STEPS)], found

    return both


def _cosine(lr: float) -> Schedule:
    return lambda t: schedules.cosine_decay(t, lr, STEPS)


def _warm_cosine(lr: float) -> Schedule:
    return schedules.warmup_then(lambda t: schedules.cosine_decay(t, lr, STEPS), 10)


def _sequential(optimizer: Any) -> Any:
    parts: list[Any] = [
        lr_scheduler.LinearLR(optimizer, start_factor=1e-9, total_iters=10),
        lr_scheduler.CosineAnnealingLR(optimizer, STEPS),
    ]
    return lr_scheduler.SequentialLR(optimizer, parts, [10])


EQUIVALENCES = (
    Equivalence(
        "schedules.step_decay",
        "torch.optim.lr_scheduler.StepLR",
        "`step_size=every, gamma=factor`.",
        1e-9,
        _torchs(lambda lr: lambda t: schedules.step_decay(t, lr, 7, 0.4), lambda o: lr_scheduler.StepLR(o, 7, 0.4)),
    ),
    Equivalence(
        "schedules.step_decay",
        "timm.scheduler.StepLRScheduler",
        "`decay_t=every, decay_rate=factor`.",
        1e-9,
        _timms(lambda lr: lambda t: schedules.step_decay(t, lr, 7, 0.4), "StepLRScheduler", decay_t=7, decay_rate=0.4),
    ),
    Equivalence(
        "schedules.exponential_decay",
        "torch.optim.lr_scheduler.ExponentialLR",
        "`gamma=e^(−k)`: theirs names the factor of one step, ours the rate of decay.",
        1e-9,
        _torchs(
            lambda lr: lambda t: schedules.exponential_decay(t, lr, 0.05),
            lambda o: lr_scheduler.ExponentialLR(o, math.exp(-0.05)),
        ),
    ),
    Equivalence(
        "schedules.cosine_decay",
        "torch.optim.lr_scheduler.CosineAnnealingLR",
        "`T_max=total, eta_min=lowest`. After the end ours stays, theirs rises again.",
        1e-9,
        _torchs(_cosine, lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)),
    ),
    Equivalence(
        "schedules.cosine_decay",
        "timm.scheduler.CosineLRScheduler",
        "`t_initial=total, lr_min=lowest`.",
        1e-9,
        _timms(_cosine, "CosineLRScheduler", t_initial=STEPS, lr_min=0),
    ),
    Equivalence(
        "schedules.warmup_then",
        "torch.optim.lr_scheduler.SequentialLR",
        "`LinearLR`, then the schedule. Theirs cannot start from 0, only from a small `start_factor`.",
        1e-7,
        _torchs(_warm_cosine, _sequential),
    ),
    Equivalence(
        "schedules.warmup_then",
        "timm.scheduler.CosineLRScheduler",
        "`warmup_t=T₀, warmup_prefix=True`; without `warmup_prefix` the warmup is cut out of the cosine.",
        1e-9,
        _timms(
            _warm_cosine,
            "CosineLRScheduler",
            t_initial=STEPS,
            lr_min=0,
            warmup_t=10,
            warmup_lr_init=0,
            warmup_prefix=True,
        ),
    ),
)
