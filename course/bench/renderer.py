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


def main(json_file: Path | None = None, plot: Path | None = None, repeats: int = 9) -> None:
    """Measure on one CPU thread, and on the GPU where there is one.

    Args:
        json_file: where to write the rows; `-` prints them instead of the table.
        plot: where to write a plot of the CPU's ratios, a PNG file.
        repeats: rounds.
    """
    cpu = torch.device("cpu")
    rows = report(works(cpu), "Fruit pictures, one CPU thread", json_file, plot, repeats, cpu)
    if torch.cuda.is_available():
        from course.files import write_rows

        gpu = torch.device("cuda")
        printed = Path("-") if str(json_file) == "-" else None
        rows += report(works(gpu), "Fruit pictures", printed, None, repeats, gpu)
        if json_file is not None and printed is None:
            write_rows(rows, json_file)


def _work(n: int, size: int, device: torch.device) -> Work:
    """A picture must at least be written: 3·size² bytes."""
    from course.data.orchard import PLAIN, Variety, render

    index = torch.arange(n, device=device)
    varied = Contender("orchard.render", lambda: render(index, size))
    silent = Contender("orchard.render, no noise", lambda: render(index, size, Variety(noise=0)))
    plain = Contender("orchard.render, PLAIN", lambda: render(index, size, PLAIN))
    return Work(f"fruit, {n} × {size}×{size}", n, 3 * n * size**2, (varied, silent, plain))
