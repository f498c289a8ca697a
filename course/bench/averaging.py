"""Moving averages of weights against PyTorch's and timm's: updates on one thread.

Two networks, since different things take the time: for a ResNet-18 the memory, which all read and write alike;
for the small CNN that students train, the calls.
"""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from course.bench.harness import Contender, Work, report

BENCH = "pip install 'cv-course[bench]'"
BETA = 0.9998
TOGETHER = 10
"""Training steps, where updates every few of them are compared with updates after each."""
MANY = 100
"""Updates of a small network that are timed together."""
COMPARED = 5
"""Updates after which averages are compared with PyTorch's."""

Update = Callable[[nn.Module], object]
Make = Callable[[torch.device], nn.Module]
Build = Callable[[nn.Module], tuple[nn.Module, Update]]
"""A model → the averaged model, and how to update it."""


def resnet(device: torch.device) -> nn.Module:
    """Torchvision's ResNet-18: 62 parameters, 11.7 million numbers, and the buffers of 20 batch normalisations."""
    from torchvision.models import resnet18

    return resnet18(weights=None).to(device)


def cnn(device: torch.device) -> nn.Module:
    """The network of notebook 10's challenge: 18 parameters, 17 000 numbers, and 4 batch normalisations."""
    from course.recipe.challenge import Budget, Network

    return Network(Budget(1), norm=nn.BatchNorm2d).to(device)


def works(device: torch.device) -> list[Work]:
    """One update of the average, buffers copied and buffers averaged; and what ten training steps cost."""
    version = torch.__version__.split("+")[0]
    copied: list[tuple[str, bool, Build | str]] = [
        (f"torch {version}, AveragedModel", True, _averaged_model(False)),
        ("regularization.EMA", False, _ema(average_buffers=False)),
        ("regularization.EMA, compiled", False, _ema(average_buffers=False, compiled=True)),
    ]
    averaged: list[tuple[str, bool, Build | str]] = [
        (f"torch {version}, AveragedModel", True, _averaged_model(True)),
        ("timm, ModelEmaV3", True, _timm()),
        ("regularization.EMA", False, _ema()),
    ]
    ten: list[tuple[str, bool, Build | str]] = [
        (f"torch {version}, AveragedModel", True, _averaged_model(False)),
        ("regularization.EMA", False, _ema(average_buffers=False)),
        ("regularization.EMA, every 10", False, _ema(average_buffers=False, every=TOGETHER)),
    ]
    small = [c for c in copied if "compiled" not in c[0]]
    return [
        _work("ResNet-18, buffers copied", copied, resnet, device),
        _work("ResNet-18, buffers averaged", averaged, resnet, device),
        _work("ResNet-18, ten training steps", ten, resnet, device, TOGETHER),
        _work("small CNN, buffers copied", small, cnn, device, MANY),
        _work("small CNN, buffers averaged", averaged, cnn, device, MANY),
    ]


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure and show; see `harness.report`. In the table, "images/s" are updates per second."""
    report(works, "Averages of weights, updates", json_file, plot, repeats, only)


def _averaged_model(use_buffers: bool) -> Build:
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    def build(model: nn.Module) -> tuple[nn.Module, Update]:
        peer = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(BETA), use_buffers=use_buffers)
        peer.update_parameters(model)  # the first update copies
        return peer.module, peer.update_parameters

    return build


def _timm() -> Build | str:
    if importlib.util.find_spec("timm") is None:
        return BENCH

    def build(model: nn.Module) -> tuple[nn.Module, Update]:
        from timm.utils import ModelEmaV3

        peer = ModelEmaV3(model, decay=BETA)
        return peer.module, peer.update

    return build


def _ema(average_buffers: bool = True, compiled: bool = False, every: int = 1) -> Build:
    def build(model: nn.Module) -> tuple[nn.Module, Update]:
        from course.regularization import EMA

        ema = EMA(model, BETA, every, average_buffers, compiled)
        return ema.module, ema.update

    return build


def _work(
    name: str, builds: list[tuple[str, bool, Build | str]], make: Make, device: torch.device, steps: int = 1
) -> Work:
    first = builds[0][2]
    assert not isinstance(first, str)
    model = make(device)
    size = 3 * sum(p.nbytes for p in model.parameters())  # average and weight read, average written
    contenders = tuple(_contender(*build, first, model, make, steps) for build in builds)
    return Work(f"EMA, {name}", steps, steps * size, contenders)


def _contender(
    name: str, peer: bool, build: Build | str, first: Build, model: nn.Module, make: Make, steps: int
) -> Contender:
    if isinstance(build, str):
        return Contender(name, None, peer=True, missing=build)
    device = next(model.parameters()).device
    _, update = build(model)

    def difference() -> float:
        start = make(device)
        ours, theirs = _after(build, copy.deepcopy(start)), _after(first, start)
        return max(float((a - b).abs().max()) for a, b in zip(ours, theirs, strict=True))

    update(model)
    update(model)  # compiled ones compile at the second update

    def run() -> None:
        for _ in range(steps):
            update(model)

    exact = not peer and "every" not in name
    return Contender(name, run, peer, difference=difference if exact else None)


@torch.no_grad()
def _after(build: Build, model: nn.Module) -> list[torch.Tensor]:
    """The averaged parameters after a few steps of a model that moves."""
    averaged, update = build(model)
    generator = torch.Generator().manual_seed(1)
    for _ in range(COMPARED):
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator).to(p.device), alpha=0.01)
        update(model)
    return [p.detach() for p in averaged.parameters()]
