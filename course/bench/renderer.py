"""How many fruit pictures a second `course.data.orchard.render` draws, in small and large, on one thread."""

from __future__ import annotations

from pathlib import Path

import torch

from course.bench.harness import Contender, Work, report

SIZES = ((1536, 32), (192, 96))
"""Pictures in a batch, and their side in pixels."""

GPU_SIZES = ((65536, 32), (8192, 96))
"""The same for an accelerator, which smaller batches would leave idle."""


def works(device: torch.device) -> list[Work]:
    """Fruit in each size: with everything that may vary, and plain ones, to see what a scene costs."""
    return [_work(n, size, device) for n, size in (SIZES if device.type == "cpu" else GPU_SIZES)]


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9, only: str = "") -> None:
    """Measure and show; see `harness.report`."""
    report(works, "Fruit pictures", json_file, plot, repeats, only)


def _work(n: int, size: int, device: torch.device) -> Work:
    """A picture must at least be written: 3·size² bytes."""
    from course.data.orchard import PLAIN, Variety, render

    index = torch.arange(n, device=device)
    varied = Contender("orchard.render", lambda: render(index, size))
    silent = Contender("orchard.render, no noise", lambda: render(index, size, Variety(noise=0)))
    plain = Contender("orchard.render, PLAIN", lambda: render(index, size, PLAIN))
    return Work(f"fruit, {n} × {size}×{size}", n, 3 * n * size**2, (varied, silent, plain))
