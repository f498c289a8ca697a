"""Stochastic depth against torchvision's and timm's: a training step of a ResNet-20 at p = ½, one thread."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.bench.harness import Contender, Work, report

BENCH = "pip install 'cv-course[bench]'"
BATCH, P, BLOCKS, WIDTHS, STEPS = 64, 0.5, (3, 3, 3), (16, 32, 64), 2
"""p is the same for all blocks; one run is `STEPS` steps."""


class Dropped(nn.Module):
    """A block of our ResNet whose branch goes through somebody else's module: x + drop(f(x))."""

    def __init__(self, block: Any, drop: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut, self.drop, self.p = block.branch, block.shortcut, drop, block.p

    def forward(self, x: Tensor, b: Tensor | None = None) -> Tensor:
        """The sum, before the activation."""
        return self.shortcut(x) + self.drop(self.branch(x))


def network(device: torch.device, **options: Any) -> Any:
    """A ResNet-20 for ten classes, its weights from one seed."""
    from course.depth import ResNet

    generator = torch.Generator().manual_seed(0)
    return ResNet(10, BLOCKS, WIDTHS, p=[P] * sum(BLOCKS), generator=generator, **options).to(device)


def works(device: torch.device) -> list[Work]:
    """The training step: theirs, which compute every branch, and ours."""
    import torchvision
    from torchvision.ops import StochasticDepth

    version = torchvision.__version__.split("+")[0]
    contenders = [
        _peer(f"torchvision {version}, row", lambda: StochasticDepth(1 - P, "row"), device),
        _peer(f"torchvision {version}, batch", lambda: StochasticDepth(1 - P, "batch"), device),
        _timm(device),
        _ours("depth.ResNet, row, not skipped", device, mode="row", skip=False),
        _ours("depth.ResNet, row", device, mode="row"),
        _ours("depth.ResNet, batch", device, mode="batch"),
    ]
    size = BATCH * 3 * 32 * 32 * 4 * STEPS
    return [Work(f"ResNet-20, p = {P:g}, {STEPS} steps, batch {BATCH}", BATCH * STEPS, size, tuple(contenders))]


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure and show; see `harness.report`."""
    report(works, "Stochastic depth, training steps", json_file, plot, repeats, only)


def _timm(device: torch.device) -> Contender:
    if importlib.util.find_spec("timm") is None:
        return Contender("timm", None, peer=True, missing=BENCH)
    import timm
    from timm.layers import DropPath

    return _peer(f"timm {timm.__version__}, DropPath", lambda: DropPath(1 - P), device)


def _peer(name: str, make: Callable[[], nn.Module], device: torch.device) -> Contender:
    model = network(device)
    model.blocks = nn.ModuleList(Dropped(block, make().to(device)) for block in model.blocks)
    return Contender(name, _steps(model, device), peer=True)


def _ours(name: str, device: torch.device, **options: Any) -> Contender:
    return Contender(name, _steps(network(device, **options), device), difference=lambda: difference(device, **options))


def difference(device: torch.device, **options: Any) -> float:
    """How far the scores are from those of torchvision's blocks for the same gates, batch norm in evaluation.

    Theirs divides by p, so that its branches are multiplied by p here; and it draws from torch's global generator,
    which is seeded alike before each of the two.
    """
    from torchvision.ops import stochastic_depth

    ours, theirs = network(device, **options).eval(), network(device)
    mode = options["mode"]
    x = _data(device)[0]
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        theirs.eval()
        h = theirs.stem(x)
        for block in theirs.blocks:
            h = (block.shortcut(h) + stochastic_depth(P * block.branch(h), 1 - P, mode)).relu()
        expected = theirs.head(h.mean((2, 3)))
        torch.manual_seed(1)
        h = ours.stem(x)
        for block in ours.blocks:
            shape = [len(x) if mode == "row" else 1]
            b = torch.empty(shape, device=device).bernoulli_(P).expand(len(x))
            h = block(h, b).relu()
        return float((ours.head(h.mean((2, 3))) - expected).abs().max())


def _data(device: torch.device) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(BATCH, 3, 32, 32, generator=generator), torch.randint(10, (BATCH,), generator=generator)
    return x.to(device), y.to(device)


def _steps(model: nn.Module, device: torch.device) -> Callable[[], object]:
    optimizer, (x, y) = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9), _data(device)
    model.train()

    def run() -> None:
        for _ in range(STEPS):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

    return run
