"""Optimizers against PyTorch's, timm's and pytorch-optimizer's: one step for a ResNet-18's parameters, one thread."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from course.bench.harness import Contender, Work, report

BENCH = "pip install 'cv-course[bench]'"
COMPARED = 5
"""Steps after which answers are compared with those of PyTorch's loop."""

Build = Callable[[list[nn.Parameter]], torch.optim.Optimizer]


def shapes() -> list[torch.Size]:
    """Of the parameters of torchvision's ResNet-18: 62 tensors, 11.7 million numbers."""
    from torchvision.models import resnet18

    with torch.device("meta"):
        return [p.shape for p in resnet18(weights=None).parameters()]


def works(device: torch.device) -> list[Work]:
    """AdamW, Adagrad and SGD with momentum; and a small network's training step without and with a schedule."""
    from course.adaptive import Adagrad, AdamW
    from course.descent import SGD

    decay: dict[str, Any] = {"lr": 1e-3, "weight_decay": 0.1}
    adamw: list[tuple[str, bool, Build | str]] = [
        *_torch("AdamW", **decay),
        ("timm", True, _peer("timm", "timm.optim", "AdamWLegacy", **decay)),
        (
            "pytorch-optimizer, StableAdamW",
            True,
            _peer("pytorch_optimizer", "pytorch_optimizer", "StableAdamW", **decay),
        ),
        ("adaptive.AdamW", False, lambda p: AdamW(p, **decay)),
        ("adaptive.AdamW, compiled", False, lambda p: AdamW(p, compiled=True, **decay)),
    ]
    adagrad: list[tuple[str, bool, Build | str]] = [
        *_torch("Adagrad", lr=1e-2),
        ("adaptive.Adagrad", False, lambda p: Adagrad(p, lr=1e-2)),
        ("adaptive.Adagrad, compiled", False, lambda p: Adagrad(p, lr=1e-2, compiled=True)),
    ]
    momentum = {"lr": 0.1, "momentum": 0.9}
    sgd: list[tuple[str, bool, Build | str]] = [
        *_torch("SGD", **momentum),
        ("timm, SGDW", True, _peer("timm", "timm.optim", "SGDW", **momentum)),
        ("pytorch-optimizer, SGDW", True, _peer("pytorch_optimizer", "pytorch_optimizer", "SGDW", **momentum)),
        ("descent.SGD", False, lambda p: SGD(p, **momentum)),
    ]
    # reads and writes per number: the parameter and each state both, the gradient read only
    return [
        _work("AdamW", 7, adamw, device),
        _work("Adagrad", 5, adagrad, device),
        _work("SGD with momentum", 5, sgd, device),
        _schedule(device),
    ]


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure and show; see `harness.report`. In the table, "images/s" are steps per second."""
    report(works, "Optimizers, steps", json_file, plot, repeats, only)


def _torch(name: str, **options: Any) -> list[tuple[str, bool, Build | str]]:
    """PyTorch's three ways; the loop is what it does on a CPU unless told otherwise."""
    peer, version = getattr(torch.optim, name), torch.__version__.split("+")[0]
    return [
        (f"torch {version}, loop", True, lambda p: peer(p, foreach=False, **options)),
        (f"torch {version}, foreach", True, lambda p: peer(p, foreach=True, **options)),
        (f"torch {version}, fused", True, lambda p: peer(p, fused=True, **options)),
    ]


def _peer(package: str, module: str, name: str, **options: Any) -> Build | str:
    """How to make it, or how to install it."""
    if importlib.util.find_spec(package) is None:
        return BENCH
    return lambda p: getattr(importlib.import_module(module), name)(p, **options)


def _parameters(device: torch.device) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    params = [nn.Parameter(torch.randn(s, generator=generator).mul(0.05).to(device)) for s in shapes()]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator).mul(0.01).to(device)
    return params


def _work(name: str, passes: int, builds: Sequence[tuple[str, bool, Build | str]], device: torch.device) -> Work:
    params = _parameters(device)
    size = passes * sum(p.nbytes for p in params)
    first = builds[0][2]
    assert not isinstance(first, str)
    contenders = tuple(_contender(*build, first, device) for build in builds)
    return Work(f"{name}, ResNet-18, {sum(p.numel() for p in params) / 1e6:.1f} M", 1, size, contenders)


def _contender(name: str, peer: bool, build: Build | str, first: Build, device: torch.device) -> Contender:
    if isinstance(build, str):
        return Contender(name, None, peer=True, missing=build)
    optimizer = build(_parameters(device))

    def difference() -> float:
        ours, theirs = _after(build, device), _after(first, device)
        return max((float((p - q).abs().max()) for p, q in zip(ours, theirs, strict=True) if p.numel()), default=0.0)

    optimizer.step()  # compiled ones compile at the second step, which is the harness' round that does not count
    return Contender(name, optimizer.step, peer, difference=None if peer else difference)


def _after(build: Build, device: torch.device) -> list[Tensor]:
    """The parameters after a few steps."""
    params = _parameters(device)
    optimizer = build(params)
    for _ in range(COMPARED):
        optimizer.step()
    return [p.detach() for p in params]


def _schedule(device: torch.device) -> Work:
    """Ten training steps of a small network, at a fixed rate and with warmup and cosine."""
    from course.descent import SGD
    from course.schedules import cosine_decay, warmup_then
    from course.training import fit

    generator = torch.Generator().manual_seed(0)
    data = torch.randn(320, 3, 32, 32, generator=generator).to(device), torch.randint(3, (320,), generator=generator)
    data = data[0], data[1].to(device)

    def run(schedule: Callable[[int], float] | None) -> Callable[[], object]:
        layers = [nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()]
        model = nn.Sequential(*layers, nn.Linear(32 * 64, 3)).to(device)
        optimizer = SGD(model.parameters(), 1e-3, momentum=0.9)
        return lambda: fit(model, data, optimizer, steps=10, schedule=schedule, progress=False)

    schedule = warmup_then(lambda t: cosine_decay(t, lr=1.0, total=8), warmup=2)
    contenders = (
        Contender("training.fit, fixed rate", run(None)),
        Contender("training.fit, warmup and cosine", run(schedule)),
    )
    return Work("10 training steps of a small CNN, batch 32", 10, data[0].nbytes, contenders)
